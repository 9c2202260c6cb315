"""The inference form of `rawkit.models.lamba2021`: the same sums, fewer copies.

Activations lie in memory channel by channel within a pixel (channels last), and there

- two pixel unshuffles are one copy;
- a pixel shuffle moves blocks of channels once the convolution before it gives its channels in the
  order (row in cell, column in cell, channel), which is an order of its weights;
- a shuffle of channels before a grouped convolution is a choice of weights: two grouped
  convolutions, summed;
- a concatenation is written in place by what makes its parts.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu_

from rawkit.models.geometry import Geometry
from rawkit.models.lamba2021 import SLOPE, Lamba2021

_CONTEXT = 12
"""Channels at 2x that the 8x branch gives, and as many that `local2` gives."""


class FusedLamba2021(nn.Module):
    """`Lamba2021` for inference, made from one whose weight norm is folded.

    The same stages, inputs and outputs; pictures are tensors in channels-last memory.
    """

    geometry: ClassVar[Geometry] = Lamba2021.geometry
    """How it may be cut."""

    def __init__(self, net: Lamba2021) -> None:
        super().__init__()
        self.far = net
        """For the stage that sees far, which is the same."""
        self.merge_near = every_other(net.merge8, 0)
        self.merge_far = every_other(net.merge8, 1)
        self.expand8 = _cells_first(net.expand8, 4)
        self.output2 = _cells_first(net.output2, 2)

    def squeeze(self, mosaic: Tensor) -> Tensor:
        """Do as `Lamba2021.squeeze`."""
        squeezed: Tensor = self.far.squeeze32(_unshuffled(mosaic, 16))
        return squeezed

    def look_far(self, squeezed: Tensor) -> Tensor:
        """Do as `Lamba2021.look_far`."""
        return self.far.look_far(squeezed)

    def render(self, mosaic: Tensor, features: Tensor) -> Tensor:
        """Do as `Lamba2021.render`."""
        self.far.check_tile(mosaic, features)
        batch, _, height, width = mosaic.shape
        rows, columns = height // 8, width // 8
        near8 = _unshuffled(mosaic, 4)
        block = self.far.residual8
        near = block.second(leaky_relu_(block.first(near8), SLOPE)).add_(near8)
        merged = self.merge_near(near).add_(self.merge_far(self.far.lift8(features)))
        context = leaky_relu_(self.expand8(merged), SLOPE).permute(0, 2, 3, 1)
        joined = mosaic.new_empty((batch, height // 2, width // 2, 2 * _CONTEXT))
        joined[..., :_CONTEXT] = self.far.local2(_unshuffled(mosaic, 1)).permute(0, 2, 3, 1)
        joined.view(batch, rows, 4, columns, 4, 2 * _CONTEXT)[..., _CONTEXT:] = context.reshape(
            batch, rows, columns, 4, 4, _CONTEXT
        ).transpose(2, 3)
        packed = self.output2(joined.permute(0, 3, 1, 2)).clamp_(0, 1).permute(0, 2, 3, 1)
        cells = packed.reshape(batch, height // 2, width // 2, 2, 2, 3).transpose(2, 3)
        picture: Tensor = cells.reshape(batch, height, width, 3).permute(0, 3, 1, 2)
        return picture

    def forward(self, mosaic: Tensor) -> Tensor:
        """Do as `Lamba2021.forward`."""
        return self.render(mosaic, self.look_far(self.squeeze(mosaic)))


def _unshuffled(mosaic: Tensor, r: int) -> Tensor:
    """Return u(r) of u(2) of (B, 1, H, W) in one copy, channels last."""
    batch, _, height, width = mosaic.shape
    rows, columns = height // (2 * r), width // (2 * r)
    cells = mosaic.reshape(batch, rows, r, 2, columns, r, 2).permute(0, 1, 4, 3, 6, 2, 5)
    return cells.reshape(batch, rows, columns, 4 * r * r).permute(0, 3, 1, 2)


def every_other(convolution: nn.Conv2d, first: int) -> nn.Conv2d:
    """Return the part of a grouped convolution that reads every other channel of each group.

    The network shuffles the channels of two tensors in two groups before it convolves. Each group
    so reads every other of its channels from either tensor, as do two convolutions with every
    other slice of the weight. The part from `first` = 0 keeps the bias.
    """
    part = nn.Conv2d(
        convolution.in_channels // 2,
        convolution.out_channels,
        3,
        padding=1,
        groups=convolution.groups,
        bias=first == 0,
    )
    part.weight = nn.Parameter(convolution.weight[:, first::2].detach().clone())
    if first == 0 and convolution.bias is not None:
        part.bias = nn.Parameter(convolution.bias.detach().clone())
    return part


def _cells_first(convolution: nn.Conv2d, r: int) -> nn.Conv2d:
    """Return a convolution before s(r) whose channels come as (row, column, channel)."""
    count = convolution.out_channels
    order = torch.arange(count).reshape(count // r**2, r * r).T.reshape(-1)
    kernel = convolution.kernel_size[0]
    sorted_ = nn.Conv2d(convolution.in_channels, count, kernel, padding=kernel // 2)
    sorted_.weight = nn.Parameter(convolution.weight[order].detach().clone())
    if convolution.bias is not None:
        sorted_.bias = nn.Parameter(convolution.bias[order].detach().clone())
    return sorted_
