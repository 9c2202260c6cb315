"""The network of 2021 as it was published, to compare with: joined, shuffled, convolved in groups.

`rawkit.models.Lamba2021` has the same parameters and gives the same pictures, but never makes the
shuffled channels; that would make it a faster baseline than what people use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.functional import leaky_relu, pixel_shuffle, pixel_unshuffle

from rawkit.models import Lamba2021

if TYPE_CHECKING:
    from torch import Tensor, nn

_SLOPE = 0.2


class PublishedLamba2021(Lamba2021):
    """`Lamba2021` with weight norm attached, whole picture, as its description says."""

    def render(self, mosaic: Tensor, features: Tensor) -> Tensor:
        """Join both branches, shuffle their channels in 2 groups, convolve in 4."""
        x2 = pixel_unshuffle(mosaic, 2)
        near: Tensor = self.residual8(pixel_unshuffle(x2, 4))
        joined = torch.cat((near, self.lift8(features)), dim=1)
        batch, channels, height, width = joined.shape
        halves = joined.view(batch, 2, channels // 2, height, width)
        shuffled = halves.transpose(1, 2).contiguous().view(joined.shape)
        context = leaky_relu(self.expand8(self.merge8(shuffled)), _SLOPE)
        both = torch.cat((self.local2(x2), pixel_shuffle(context, 4)), dim=1)
        packed: Tensor = self.output2(both)
        return pixel_shuffle(packed, 2).clamp(0, 1)


def as_published(net: nn.Module) -> nn.Module:
    """Return a network with the same parameters in its published form; the U-Net is in it already.

    The network's weight norm must be attached.
    """
    if not isinstance(net, Lamba2021):
        return net
    found = PublishedLamba2021()
    found.load_state_dict(net.state_dict())
    return found.eval()
