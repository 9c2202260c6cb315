"""What a critic and the network that it judges are each to make small."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch.nn.functional import relu, softplus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Objective:
    """An adversarial objective; each part takes what the critic says, and gives as many numbers."""

    real: Callable[[Tensor], Tensor]
    """What the critic is to make small of what it says of long exposures."""
    restored: Callable[[Tensor], Tensor]
    """What it is to make small of what it says of restored pictures."""
    fooled: Callable[[Tensor], Tensor]
    """What the network is to make small of the same."""
    threshold: float
    """Above it the critic takes a picture for that of a long exposure."""


OBJECTIVES: Mapping[str, Objective] = {
    # Lim and Ye, "Geometric GAN" (2017); Miyato and others (ICLR 2018).
    "hinge": Objective(lambda x: relu(1 - x), lambda x: relu(1 + x), lambda x: -x, 0.0),
    # Mao, Li, Xie, Lau, Wang and Smolley, "Least squares generative adversarial networks" (ICCV
    # 2017), with 0 and 1.
    "lsgan": Objective(lambda x: 0.5 * (x - 1) ** 2, lambda x: 0.5 * x**2,
                       lambda x: 0.5 * (x - 1) ** 2, 0.5),
    # Goodfellow and others, "Generative adversarial nets" (NIPS 2014), the form that does not
    # saturate.
    "bce": Objective(lambda x: softplus(-x), softplus, lambda x: softplus(-x), 0.0),
}  # fmt: skip
"""Every objective by its name."""
