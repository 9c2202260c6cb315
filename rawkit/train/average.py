"""A moving average of the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

_LEAD = 10
"""Steps after which the first weights hardly count: the decay is at most (1 + n) / (10 + n)."""


class MovingAverage:
    """Exponential moving average of a network's parameters.

    After step n, from 1, the average moves by 1 - min(decay, (1 + n) / (10 + n)) towards the
    weights, so that it follows fast at first.
    """

    def __init__(self, net: nn.Module, decay: float) -> None:
        self._decay = decay
        self.state: dict[str, Tensor] = {
            name: value.detach().clone() for name, value in net.state_dict().items()
        }
        """The average, under the names of the network's own state."""

    @torch.no_grad()
    def update(self, net: nn.Module, step: int) -> None:
        """Take in the weights after step number `step`, from 1."""
        share = 1 - min(self._decay, (1 + step) / (_LEAD + step))
        for name, value in net.state_dict().items():
            self.state[name].lerp_(value, share)

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go on from an average that was saved."""
        for name, value in self.state.items():
            value.copy_(state[name])
