"""The inference form of `rawkit.models.lamba2021`: the same sums, fewer copies.

Activations lie in memory channel by channel within a pixel (channels last), and there

- two pixel unshuffles are one copy;
- a pixel shuffle moves blocks of channels once the convolution before it gives its channels in the
  order (row in cell, column in cell, channel), which is an order of its weights;
- a shuffle of channels before a grouped convolution is a choice of weights: two grouped
  convolutions, summed;
- a concatenation is written in place by what makes its parts;
- neighbours that stay together are moved as one number of twice the size;
- the first convolution of the 32x branch, in as many groups as it has channels, is a product of
  matrices for each row in a cell: no pixel moves, and no group is too small for the processor.

What is left is arithmetic: `tests/bench/test_bench_stages.py` holds each part against a plain
product of matrices.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import fold, leaky_relu_

from rawkit.models.lamba2021 import SLOPE, Lamba2021

if TYPE_CHECKING:
    from rawkit.models.geometry import Geometry

_CELL = 32
"""Pixels: side of a cell of the 32x branch."""
_PAIRS = {2: torch.int32, 4: torch.int64}
"""Bytes of a number -> type that takes two of them as one."""


class FusedLamba2021(nn.Module):
    """`Lamba2021` for inference, made from one whose weight norm is folded.

    The same stages, inputs and outputs; pictures are tensors in channels-last memory.
    """

    def __init__(self, net: Lamba2021) -> None:
        super().__init__()
        self.geometry: Geometry = net.geometry
        """How it may be cut."""
        self.far = net
        """For the stage that sees far, which is the same."""
        self.squeeze32 = _Squeeze(net.squeeze32)
        self.merge_near = every_other(net.merge8, 0)
        self.merge_far = every_other(net.merge8, 1)
        self.expand8 = _cells_first(net.expand8, 4)
        self.output2 = _cells_first(net.output2, 2)

    def squeeze(self, mosaic: Tensor) -> Tensor:
        """Do as `Lamba2021.squeeze`."""
        squeezed: Tensor = self.squeeze32(mosaic)
        return squeezed

    def look_far(self, squeezed: Tensor) -> Tensor:
        """Do as `Lamba2021.look_far`."""
        return self.far.look_far(squeezed)

    def render(self, mosaic: Tensor, features: Tensor) -> Tensor:
        """Do as `Lamba2021.render`."""
        self.far.check_tile(mosaic, features)
        batch, _, height, width = mosaic.shape
        rows, columns = height // 8, width // 8
        local, context = self.far.sizes.local, self.far.sizes.context
        near8 = _unshuffled(mosaic, 4)
        block = self.far.residual8
        near = block.second(leaky_relu_(block.first(near8), SLOPE)).add_(near8)
        merged = self.merge_near(near).add_(self.merge_far(self.far.lift8(features)))
        spread = leaky_relu_(self.expand8(merged), SLOPE).permute(0, 2, 3, 1)
        joined = mosaic.new_empty((batch, height // 2, width // 2, local + context))
        joined[..., :local] = self.far.local2(_packed(mosaic)).permute(0, 2, 3, 1)
        cells = _paired(joined).view(batch, rows, 4, columns, 4, (local + context) // 2)
        blocks = _paired(spread).reshape(batch, rows, columns, 4, 4, context // 2)
        cells[..., local // 2 :] = blocks.transpose(2, 3)
        packed = self.output2(joined.permute(0, 3, 1, 2)).clamp_(0, 1).permute(0, 2, 3, 1)
        pairs = _paired(packed).reshape(batch, height // 2, width // 2, 2, 3).transpose(2, 3)
        picture = pairs.contiguous().view(mosaic.dtype).reshape(batch, height, width, 3)
        return picture.permute(0, 3, 1, 2)

    def forward(self, mosaic: Tensor) -> Tensor:
        """Do as `Lamba2021.forward`."""
        return self.render(mosaic, self.look_far(self.squeeze(mosaic)))


class _Squeeze(nn.Module):
    """The grouped convolution behind two pixel unshuffles, as products of matrices.

    Its 128 groups each read 8 neighbouring columns (of one colour) of one row in a cell. For each
    of the 32 rows one product so takes the 32 pixels of a row in each cell to what its 4 groups
    give to 9 cells, three quarters of it times zero; `fold` adds that up where it belongs.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        kernels = convolution.weight.detach().flip(2, 3)  # `fold` scatters, a convolution gathers
        # Channels, as two unshuffles make them, are (row, column of the mosaic's colour, row in
        # cell, half of the cell); of each the kernel reads 8 columns.
        split = kernels.reshape(2, 2, 16, 2, 8, 9)
        weight = kernels.new_zeros((16, 2, 2, 2, 9, 2, 8, 2))
        for column in range(2):
            for half in range(2):
                part = split[:, column, :, half].permute(1, 0, 3, 2)
                weight[:, :, column, half, :, half, :, column] = part
        self.weight = nn.Parameter(weight.reshape(_CELL, 4 * 9, _CELL))
        order = torch.arange(128).reshape(2, 2, 16, 2).permute(2, 0, 1, 3).reshape(-1)
        self.order: Tensor
        self.register_buffer("order", order.argsort(), persistent=False)
        if convolution.bias is None:
            raise AssertionError  # the network has one
        self.bias = nn.Parameter(convolution.bias.detach().clone())

    def forward(self, mosaic: Tensor) -> Tensor:
        """Return (B, 128, H/32, W/32) of (B, 1, H, W)."""
        batch, _, height, width = mosaic.shape
        rows, columns = height // _CELL, width // _CELL
        cells = mosaic.reshape(batch, rows, _CELL, columns, _CELL).permute(2, 0, 1, 3, 4)
        given = torch.bmm(self.weight, cells.reshape(_CELL, -1, _CELL).mT)
        scattered = given.reshape(-1, batch, rows * columns).transpose(0, 1)
        summed = fold(scattered, (rows, columns), 3, padding=1)[:, self.order]
        return summed + self.bias[:, None, None]


def _paired(numbers: Tensor) -> Tensor:
    """Look at numbers, an even count in each last row, as half as many of twice the size."""
    return numbers.view(_PAIRS[numbers.element_size()])


def _packed(mosaic: Tensor) -> Tensor:
    """Return u(2) of (B, 1, H, W), channels last: rows of pairs, put side by side."""
    batch, _, height, width = mosaic.shape
    rows = _paired(mosaic.contiguous()).reshape(batch, height // 2, 2, width // 2)
    packed = mosaic.new_empty((batch, height // 2, width // 2, 4))
    pairs = _paired(packed)
    pairs[..., 0], pairs[..., 1] = rows[:, :, 0], rows[:, :, 1]
    return packed.permute(0, 3, 1, 2)


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
