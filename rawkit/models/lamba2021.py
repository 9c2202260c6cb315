"""The network of "Restoring Extremely Dark Images in Real Time" (CVPR 2021).

Three branches look at the same amplified mosaic at three scales, all reached by pixel unshuffle,
so that nothing is resampled::

    mosaic ──u(2)──┬────────────────────────────────► 2x branch ──┐
    (B,1,H,W)      ├──u(4)──► 8x branch ──┐                       ├──► s(2) ──► (B,3,H,W)
                   └──u(16)─► 32x branch ─┴─► merge ──► s(4) ─────┘
                              16 convolutions deep, s(4) to 8x

The 32x branch sees far (544 pixels beyond its cell) at an eighth of the work; the other two see
40. The network is therefore cut in stages that tiled inference runs apart: `Lamba2021.squeeze` in
strips, `Lamba2021.look_far` once on the whole picture, `Lamba2021.render` tile by tile.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, leaky_relu, pixel_shuffle, pixel_unshuffle
from torch.nn.utils.parametrizations import weight_norm

from rawkit.errors import UsageError
from rawkit.models.costs import NetworkCosts, TrainingCosts
from rawkit.models.geometry import Geometry

if TYPE_CHECKING:
    from collections.abc import Mapping

SLOPE = 0.2
"""What every leaky ReLU of the network multiplies negative values by."""

_CELL8 = 64
"""Pixels of a cell at 8x: channels of what the 8x branch reads, and is added to."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the networks of the family differ in."""

    far: int = 64
    """Channels of the 32x branch; a multiple of 16."""
    growth: int = 32
    """Channels that a layer of a dense block adds."""
    depths: tuple[int, ...] = (4, 5, 5)
    """Layers of each dense block, at least two."""
    near: int = 64
    """Channels between the two convolutions at 8x."""
    local: int = 12
    """Channels at 2x that `local2` gives; an even number."""
    context: int = 12
    """Channels at 2x that the 8x branch gives; an even number."""
    kernel2: int = 5
    """Side of the kernels at 2x."""


def _convolution(
    in_channels: int,
    out_channels: int,
    *,
    kernel: int = 3,
    groups: int = 1,
    bias: bool = True,
    slope: float = 1.0,
) -> nn.Conv2d:
    """Return a weight-normed convolution that keeps height and width.

    `slope` is that of the activation its initial variance allows for; 1 means none.
    """
    convolution = nn.Conv2d(
        in_channels, out_channels, kernel, padding=kernel // 2, groups=groups, bias=bias
    )
    nn.init.kaiming_normal_(convolution.weight, a=slope, nonlinearity="leaky_relu")
    weight_norm(convolution)
    return convolution


class _DenseBlock(nn.Module):
    """A residual dense block: each layer sees all before it; a 1x1 convolution and a sum end it."""

    def __init__(self, width: int, growth: int, depth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            _convolution(
                width + index * growth,
                growth,
                bias=False,
                slope=1.0 if index == depth - 1 else SLOPE,
            )
            for index in range(depth)
        )
        self.fuse = _convolution(width + depth * growth, width, kernel=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        joined = x
        last = len(self.layers) - 1
        for index, layer in enumerate(self.layers):
            # Only the middle layers activate what they read: the published weights want it so.
            read = leaky_relu(joined, SLOPE) if 0 < index < last else joined
            joined = torch.cat((joined, layer(read)), dim=1)
        fused: Tensor = self.fuse(joined)
        return fused + x


class _ResidualBlock(nn.Module):
    """Convolution, leaky ReLU, convolution, plus the input."""

    def __init__(self, between: int) -> None:
        super().__init__()
        self.first = _convolution(_CELL8, between, slope=SLOPE)
        self.second = _convolution(between, _CELL8)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.second(leaky_relu(self.first(x), SLOPE))
        return y + x


class Lamba2021(nn.Module):
    """Amplified Bayer mosaic in, picture out.

    Input: float32 (B, 1, H, W), the normalised mosaic times its amplification, R at (0, 0), H and
    W multiples of 32. Output: float32 (B, 3, H, W), RGB of 0 to 1 in the tone curve it was
    trained on.

    The number in a layer's name is the scale it works at: one cell of ``residual8`` is 8x8 pixels
    of the mosaic.
    """

    takes_clips: ClassVar[bool] = False
    """Whether it takes clips and not single mosaics."""
    sizes: ClassVar[Sizes] = Sizes()
    """How wide and deep it is."""
    # The halo is one cell of 8 for the two 5x5 convolutions at 2x and four for as many 3x3
    # convolutions in a row at 8x. With tiles of 768 halos are a fifth of the work; larger ones
    # leave the cache.
    geometry: ClassVar[Geometry] = Geometry(
        multiple=32,
        features=4,
        squeeze_halo=32,
        render_multiple=8,
        render_halo=40,
        render_tile=768,
    )
    """How it may be cut."""
    costs: ClassVar[NetworkCosts] = NetworkCosts(
        weights=0,
        tile_pixel={"torch": 80, "openvino": 250},
        far_pixel={"torch": 5.0, "openvino": 11.0},
        training=TrainingCosts(weights=4 * 784_768, step=60 * 2**20, step_pixel=330, tile=0),
    )
    """Memory it takes."""

    def __init__(self) -> None:
        super().__init__()
        sizes = self.sizes
        far, kernel = sizes.far, sizes.kernel2
        self.squeeze32 = _convolution(1024, 128, groups=128)
        self.enter32 = _convolution(128, far)
        self.dense32 = nn.ModuleList(
            _DenseBlock(far, sizes.growth, depth) for depth in sizes.depths
        )
        self.fuse32 = _convolution(len(sizes.depths) * far, far, kernel=1, bias=False)
        self.lift8 = _convolution(far // 16, _CELL8)
        self.residual8 = _ResidualBlock(sizes.near)
        self.merge8 = _convolution(2 * _CELL8, 32, groups=4)
        self.expand8 = _convolution(32, 16 * sizes.context, slope=SLOPE)
        self.local2 = _convolution(4, sizes.local, kernel=kernel)
        self.output2 = _convolution(sizes.local + sizes.context, 12, kernel=kernel)

    def squeeze(self, mosaic: Tensor) -> Tensor:
        """Run the first layer of the 32x branch, on a whole picture or on strips of it.

        Parameters
        ----------
        mosaic
            float32 (B, 1, H, W), amplified, H and W multiples of 32.

        Returns
        -------
        Tensor
            float32 (B, 128, H/32, W/32), an eighth of what the mosaic takes. Of a strip the outer
            cell at each end is wrong, save where its edge is the picture's.

        Raises
        ------
        UsageError
            If the mosaic has another shape.
        """
        _check_mosaic(mosaic, self.geometry.multiple)
        # Two unshuffles, not one by 32: the order of channels of the published weights.
        squeezed: Tensor = self.squeeze32(pixel_unshuffle(pixel_unshuffle(mosaic, 2), 16))
        return squeezed

    def look_far(self, squeezed: Tensor) -> Tensor:
        """Run the rest of the 32x branch, which sees far, on a whole picture.

        Parameters
        ----------
        squeezed
            float32 (B, 128, H/32, W/32): what `squeeze` gave.

        Returns
        -------
        Tensor
            float32 (B, F, H/8, W/8), F the `features` of its geometry. The convolution that widens
            this to 64 channels opens `render`: less memory then crosses from stage to stage.
        """
        entered: Tensor = self.enter32(squeezed)
        outputs = [entered]
        for block in self.dense32:
            outputs.append(block(outputs[-1]))
        fused: Tensor = self.fuse32(torch.cat(outputs[1:], dim=1))
        return pixel_shuffle(fused + entered, 4)

    def render(self, mosaic: Tensor, features: Tensor) -> Tensor:
        """Run the 8x and 2x branches, on a whole picture or on one tile of it.

        Parameters
        ----------
        mosaic
            float32 (B, 1, H, W), amplified, H and W multiples of 8.
        features
            float32 (B, F, H/8, W/8): what `look_far` gave for these pixels.

        Returns
        -------
        Tensor
            float32 (B, 3, H, W), RGB, clamped to 0..1. Of a tile the outer `render_halo` pixels
            are wrong, save where its edge is the picture's.

        Raises
        ------
        UsageError
            If the mosaic or the features have another shape.
        """
        self.check_tile(mosaic, features)
        x2 = pixel_unshuffle(mosaic, 2)
        near: Tensor = self.residual8(pixel_unshuffle(x2, 4))
        far: Tensor = self.lift8(features)
        expanded: Tensor = self.expand8(_merge(self.merge8, near, far))
        context = pixel_shuffle(leaky_relu(expanded, SLOPE), 4)
        packed = _output(self.output2, self.local2(x2), context)
        return pixel_shuffle(packed, 2).clamp(0, 1)

    def forward(self, mosaic: Tensor) -> Tensor:
        """Restore whole pictures: both stages.

        Parameters
        ----------
        mosaic
            float32 (B, 1, H, W), amplified, H and W multiples of 32.

        Returns
        -------
        Tensor
            float32 (B, 3, H, W), RGB, clamped to 0..1.

        Raises
        ------
        UsageError
            If the mosaic has another shape.
        """
        return self.render(mosaic, self.look_far(self.squeeze(mosaic)))

    def check_tile(self, mosaic: Tensor, features: Tensor) -> None:
        """Raise UsageError if `render` cannot take these."""
        _check_mosaic(mosaic, self.geometry.render_multiple)
        _check_features(features, mosaic, self.geometry.features)


def _merge(convolution: nn.Conv2d, near: Tensor, far: Tensor) -> Tensor:
    """Convolve two (B, 64, H, W) tensors whose channels alternate, without alternating them.

    The network shuffles the channels of both in 2 groups, then convolves in 4 groups. Each group
    so reads every other of its channels from either tensor, as do two convolutions with every
    other slice of the weight; that takes a fifth of the time.
    """
    # Weight norm computes the weight at each access.
    weight = convolution.weight
    from_near = conv2d(near, weight[:, 0::2], convolution.bias, padding=1, groups=4)
    return from_near + conv2d(far, weight[:, 1::2], padding=1, groups=4)


def _output(convolution: nn.Conv2d, local: Tensor, context: Tensor) -> Tensor:
    """Convolve two tensors joined along their channels.

    In models made for other libraries two convolutions are summed instead: OpenVINO copies what it
    joins, which takes 6% of the time of `Lamba2021.render`. Torch trains faster as it is.
    """
    if not torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call] # not in its stubs
        packed: Tensor = convolution(torch.cat((local, context), dim=1))
        return packed
    channels = local.shape[1]
    weight, padding = convolution.weight, convolution.padding
    from_local = conv2d(local, weight[:, :channels], convolution.bias, padding=padding)
    return from_local + conv2d(context, weight[:, channels:], padding=padding)


def _check_mosaic(mosaic: Tensor, multiple: int) -> None:
    shape = tuple(mosaic.shape)
    fits = (
        len(shape) == 4  # noqa: PLR2004 - batch, channel, row, column
        and shape[1] == 1
        and min(shape) > 0
        and shape[2] % multiple == 0
        and shape[3] % multiple == 0
    )
    if not fits:
        raise UsageError(
            f"a mosaic of shape {shape}",
            expected=f"(B, 1, H, W) with H and W multiples of {multiple}",
            fix="Pad the mosaic first.",
        )


def _check_features(features: Tensor, mosaic: Tensor, channels: int) -> None:
    batch, _, height, width = mosaic.shape
    expected = (batch, channels, height // 8, width // 8)
    if tuple(features.shape) != expected:
        raise UsageError(
            f"features of shape {tuple(features.shape)}",
            expected=f"{expected} for a mosaic of shape {tuple(mosaic.shape)}",
        )


def _published_modules() -> dict[str, str]:
    """Return our layer's name for each layer's name in the published file."""
    names = {
        "conv32x.0.0": "squeeze32",
        "conv32x.1.0": "enter32",
        "rdball.0": "fuse32",
        "conv_rdb8x.0": "lift8",
        "resblock8x.conv1.0": "residual8.first",
        "resblock8x.conv2.0": "residual8.second",
        "conv32_8_cat.0.0": "merge8",
        "conv32_8_cat.1.0": "expand8",
        "conv2x.0": "local2",
        "conv_2_8_32.0": "output2",
    }
    for block, depth in enumerate(Sizes().depths):
        names[f"RDB{block + 1}.conv_1x1.0"] = f"dense32.{block}.fuse"
        for layer in range(depth):
            # From the second layer on an activation comes first in the published file.
            position = min(layer, 1)
            name = f"RDB{block + 1}.dense_layers.{layer}.conv.{position}"
            names[name] = f"dense32.{block}.layers.{layer}"
    return names


PUBLISHED_MODULES: "Mapping[str, str]" = MappingProxyType(_published_modules())
"""Layer in the published file -> the same layer here."""
