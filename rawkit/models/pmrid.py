"""The network of "Practical Deep Raw Image Denoising on Mobile Devices" (ECCV 2020).

Packed planes of a Bayer mosaic go down four stages of separable 5x5 convolutions, 16 to 512
channels, and up again, each level joined with the one it came from by a sum; what comes out is
added to what went in. All values are those of the k-sigma transform (`rawkit.models.ksigma`).
"""

from itertools import product
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle, relu

from rawkit.errors import UsageError
from rawkit.models.costs import NetworkCosts, TrainingCosts
from rawkit.models.geometry import Geometry

if TYPE_CHECKING:
    from collections.abc import Mapping

_BLOCKS = (2, 2, 4, 4)
"""Blocks of each stage on the way down."""
_WIDTHS = (16, 64, 128, 256, 512)
"""Channels at full size and after each stage."""
_UP = ((64, 256, 64), (64, 128, 32), (32, 64, 32), (32, 16, 16))
"""Channels of each stage on the way up: what comes from below, from beside, and out of it."""
_TWICE = 2


class _Separable(nn.Module):
    """A convolution of each channel, then one across channels."""

    def __init__(self, ins: int, outs: int, side: int, stride: int = 1) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(ins, ins, side, stride, side // 2, groups=ins, bias=False)
        self.pointwise = nn.Conv2d(ins, outs, 1)

    def forward(self, x: Tensor) -> Tensor:
        done: Tensor = self.pointwise(self.depthwise(x))
        return done


class _Down(nn.Module):
    """Two 5x5 convolutions beside a short cut."""

    def __init__(self, ins: int, outs: int, stride: int) -> None:
        super().__init__()
        self.first = _Separable(ins, outs // 4, 5, stride)
        self.second = _Separable(outs // 4, outs, 5)
        self.skip = nn.Identity() if stride == 1 else _Separable(ins, outs, 3, stride)

    def forward(self, x: Tensor) -> Tensor:
        return relu(self.second(relu(self.first(x))) + self.skip(x))


class _Refine(nn.Module):
    """Two 3x3 convolutions, added to what went in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _Separable(channels, channels, 3)
        self.second = _Separable(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        refined: Tensor = x + self.second(relu(self.first(x)))
        return refined


class _Up(nn.Module):
    """What comes from below, refined and twice as large, and what lay beside it."""

    def __init__(self, below: int, beside: int, outs: int) -> None:
        super().__init__()
        self.refine = _Refine(below)
        self.widen = nn.ConvTranspose2d(below, outs, 2, 2)
        self.join = _Separable(beside, outs, 3)

    def forward(self, x: Tensor, beside: Tensor) -> Tensor:
        wide: Tensor = self.widen(self.refine(x)) + relu(self.join(beside))
        return wide


class Pmrid(nn.Module):
    """Noisy Bayer mosaic in, mosaic out, both in units of the k-sigma transform.

    Input and output: float32 (B, 1, H, W), R at (0, 0), H and W multiples of 32. It runs in stages:
    the two coarsest levels on the whole, all else tile by tile.
    """

    takes_clips: ClassVar[bool] = False
    """Whether it takes clips and not single mosaics."""
    # `squeeze` sees 326 pixels around a cell, `render` 124.
    geometry: ClassVar[Geometry] = Geometry(
        multiple=32,
        features=64,
        squeeze_halo=352,
        render_multiple=16,
        render_halo=128,
        render_tile=1024,
    )
    """How it may be cut."""
    costs: ClassVar[NetworkCosts] = NetworkCosts(
        weights=30 * 10**6,
        tile_pixel={"torch": 140, "openvino": 260},
        far_pixel={"torch": 16, "openvino": 32},
        training=TrainingCosts(
            weights=4 * 1_031_908, step=80 * 2**20, step_pixel=520, tile=500 * 2**20
        ),
    )
    """Memory it takes."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv2d(4, _WIDTHS[0], 3, padding=1)
        self.down = nn.ModuleList(
            nn.Sequential(_Down(ins, outs, 2), *(_Down(outs, outs, 1) for _ in range(blocks - 1)))
            for ins, outs, blocks in zip(_WIDTHS, _WIDTHS[1:], _BLOCKS, strict=False)
        )
        self.bottom = _Separable(_WIDTHS[-1], _UP[0][0], 3)
        self.up = nn.ModuleList(_Up(*widths) for widths in _UP)
        self.leave = _Refine(_UP[-1][-1])
        self.exit = nn.Conv2d(_UP[-1][-1], 4, 3, padding=1)

    def forward(self, mosaic: Tensor) -> Tensor:
        """Denoise (B, 1, H, W).

        Raises
        ------
        UsageError
            If the mosaic has another shape.
        """
        return self.render(mosaic, self.look_far(self.squeeze(mosaic)))

    def squeeze(self, mosaic: Tensor) -> Tensor:
        """Return the third level, four of its cells in one: (B, 1024, H/32, W/32).

        Raises
        ------
        UsageError
            If the mosaic has another shape.
        """
        self._check(mosaic, self.geometry.multiple)
        *_, coarse = self._fine(_planes(mosaic))
        return pixel_unshuffle(self.down[2](coarse), _TWICE)

    def look_far(self, squeezed: Tensor) -> Tensor:
        """Return what the two coarsest levels see, (B, 64, H/16, W/16)."""
        beside = pixel_shuffle(squeezed, _TWICE)
        seen: Tensor = self.up[0](relu(self.bottom(self.down[3](beside))), beside)
        return seen

    def render(self, mosaic: Tensor, features: Tensor) -> Tensor:
        """Return the (B, 1, h, w) mosaic of a tile.

        Raises
        ------
        UsageError
            If the mosaic has another shape.
        """
        self._check(mosaic, self.geometry.render_multiple)
        planes = _planes(mosaic)
        full, half, quarter = self._fine(planes)
        x = self.up[1](features, quarter)
        x = self.up[2](x, half)
        x = self.up[3](x, full)
        return pixel_shuffle(planes + self.exit(self.leave(x)), 2)

    def _fine(self, planes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Levels of full, half and a quarter of the size."""
        full = relu(self.enter(planes))
        half = self.down[0](full)
        return full, half, self.down[1](half)

    def _check(self, mosaic: Tensor, multiple: int) -> None:
        shape = tuple(mosaic.shape)
        if len(shape) != 4 or shape[1] != 1 or any(side % multiple for side in shape[2:]):  # noqa: PLR2004 - batch, channel, row, column
            raise UsageError(
                f"a mosaic of shape {shape}",
                expected=f"(B, 1, H, W) with H and W multiples of {multiple}",
            )


def _planes(mosaic: Tensor) -> Tensor:
    """Planes in the reading order of a cell, (B, 4, H/2, W/2), as the network knows them."""
    return pixel_unshuffle(mosaic, 2)


def _published_modules() -> dict[str, str]:
    parts = ("depthwise", "pointwise")
    found = {"conv0.conv": "enter", "out1.conv": "exit"}
    found |= {f"encdec.{part}": f"bottom.{part}" for part in parts}
    halves = (("conv0", "first"), ("conv1", "second"))
    found |= {f"out0.{old}.{part}": f"leave.{new}.{part}"
              for (old, new), part in product(halves, parts)}  # fmt: skip
    for level, blocks in enumerate(_BLOCKS):
        names = (("conv1", "first"), ("conv2", "second"), ("proj", "skip"))
        for block, (old, new), part in product(range(blocks), names, parts):
            found[f"enc{level + 1}.{block}.{old}.{part}"] = f"down.{level}.{block}.{new}.{part}"
        stage, ours = f"dec{level + 1}", f"up.{level}"
        found[f"{stage}.upsample"] = f"{ours}.widen"
        for part in parts:
            found[f"{stage}.proj_conv.{part}"] = f"{ours}.join.{part}"
            for old, new in halves:
                found[f"{stage}.decode_conv.{old}.{part}"] = f"{ours}.refine.{new}.{part}"
    return found


PUBLISHED_MODULES: "Mapping[str, str]" = MappingProxyType(_published_modules())
"""Layer of the published weights -> the same layer here."""
