"""The U-Net of "Learning to See in the Dark" (CVPR 2018), in the pixel shuffle form.

Packed planes, four of a Bayer mosaic or nine of an X-Trans one, go down five levels of two 3x3
convolutions each, 32 to 512 channels, with 2x2 max pooling between them, and up again by 2x2
transposed convolutions, each joined with the level it came from. A 1x1 convolution to three
channels for each pixel of the mosaic and a pixel shuffle make the picture.
"""

from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, max_pool2d, pixel_shuffle, pixel_unshuffle

from rawkit.errors import UsageError
from rawkit.models.costs import NetworkCosts, TrainingCosts
from rawkit.models.geometry import Geometry
from rawkit.sensor import BAYER, XTRANS, Cell

if TYPE_CHECKING:
    from collections.abc import Mapping

SLOPE = 0.2
"""What every leaky ReLU of the network multiplies negative values by."""
_WIDTHS = (32, 64, 128, 256, 512)


class _Level(nn.Module):
    """Two convolutions, each activated."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.second = nn.Conv2d(out_channels, out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        # In place where nothing is to be learned: a third less memory to walk through.
        inplace = not self.training
        first = leaky_relu(self.first(x), SLOPE, inplace)
        return leaky_relu(self.second(first), SLOPE, inplace)


class SidUnet(nn.Module):
    """Amplified Bayer mosaic in, picture out.

    Input: float32 (B, 1, H, W), the normalised mosaic times its amplification, R at (0, 0), H and
    W multiples of 32; it is clipped at 1 here, after amplification, as published. Output: float32
    (B, 3, H, W), RGB; clamped to 0..1 in evaluation mode, not clamped in training, as published.
    """

    takes_clips: ClassVar[bool] = False
    """Whether it takes clips and not single mosaics."""
    CELL: ClassVar[Cell] = BAYER
    """The mosaic whose planes it reads."""
    CHANNELS: ClassVar[int] = 1
    """Mosaics that it takes at once: 2 where a sigma map goes with it."""

    # The halo is 94 packed pixels in whole cells of 16. Borders of tiles are borders of the
    # coarsest pooling's cells, so pooling joins nothing across them. A wide halo wants large tiles.
    geometry: ClassVar[Geometry] = Geometry(
        multiple=32,
        features=0,
        squeeze_halo=0,
        render_multiple=32,
        render_halo=192,
        render_tile=2048,
    )
    """How it may be cut."""
    costs: ClassVar[NetworkCosts] = NetworkCosts(
        weights=60 * 10**6,
        tile_pixel={"torch": 200, "openvino": 360},
        far_pixel={"torch": 0, "openvino": 0},
        training=TrainingCosts(
            weights=4 * 7_760_748, step=150 * 2**20, step_pixel=870, tile=800 * 2**20
        ),
    )
    """Memory it takes."""

    def __init__(self) -> None:
        super().__init__()
        ins = (self.CHANNELS * self.CELL.planes, *_WIDTHS[:-1])
        self.down = nn.ModuleList(_Level(*pair) for pair in zip(ins, _WIDTHS, strict=True))
        pairs = list(zip(_WIDTHS[:0:-1], _WIDTHS[-2::-1], strict=True))
        self.widen = nn.ModuleList(nn.ConvTranspose2d(wide, slim, 2, 2) for wide, slim in pairs)
        self.up = nn.ModuleList(_Level(2 * slim, slim) for _, slim in pairs)
        self.picture = nn.Conv2d(_WIDTHS[0], self._outs(), 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(module.weight, 0.0, 0.02)
                assert module.bias is not None  # noqa: S101 - all of these layers have one
                nn.init.zeros_(module.bias)

    def _outs(self) -> int:
        """Channels that the last convolution gives."""
        return 3 * self.CELL.block**2

    def forward(self, mosaic: Tensor) -> Tensor:
        """Restore (B, 1, H, W) to (B, 3, H, W).

        Raises
        ------
        UsageError
            If the mosaic has another shape.
        """
        return self.render(mosaic, self.look_far(self.squeeze(mosaic)))

    def squeeze(self, mosaic: Tensor) -> Tensor:
        """Return nothing, (B, 0, H/MULTIPLE, W/MULTIPLE): no part of this network sees far.

        Raises
        ------
        UsageError
            If the mosaic has another shape.
        """
        self.check(mosaic)
        batch, _, height, width = mosaic.shape
        cell = self.geometry.multiple
        return mosaic.new_empty((batch, 0, height // cell, width // cell))

    def look_far(self, squeezed: Tensor) -> Tensor:
        """Return the nothing that `squeeze` gave."""
        return squeezed

    def render(self, mosaic: Tensor, features: Tensor) -> Tensor:  # noqa: ARG002 - the stages share it
        """Return the (B, 3, h, w) picture of a mosaic or a tile of it.

        Raises
        ------
        UsageError
            If the mosaic has another shape.
        """
        self.check(mosaic)
        x = self._features(packed_planes(mosaic.clamp(max=1.0), self.CELL))
        picture = pixel_shuffle(self.picture(x), self.CELL.block)
        return picture if self.training else picture.clamp(0.0, 1.0)

    def _features(self, x: Tensor) -> Tensor:
        """Go down and up again: 32 channels of the size of packed planes."""
        skips: list[Tensor] = []
        for number, level in enumerate(self.down):
            x = level(x if number == 0 else max_pool2d(x, 2))
            skips.append(x)
        skips.pop()
        for widen, level in zip(self.widen, self.up, strict=True):
            x = level(torch.cat((widen(x), skips.pop()), dim=1))
        return x

    def check(self, mosaic: Tensor) -> None:
        """Raise UsageError if the network cannot take this mosaic."""
        multiple, channels = self.geometry.multiple, self.CHANNELS
        wrong = mosaic.ndim != 4 or mosaic.shape[1] != channels  # noqa: PLR2004 - batch, channel, row, column
        if wrong or any(side % multiple for side in mosaic.shape[2:]):
            raise UsageError(
                f"a mosaic of shape {tuple(mosaic.shape)}",
                expected=f"(B, {channels}, H, W) with H and W multiples of {multiple}",
            )


class SidXtransUnet(SidUnet):
    """The same network for X-Trans mosaics: nine planes in, 27 channels out, three times the side.

    Input: float32 (B, 1, H, W), the canonical cell at (0, 0), H and W multiples of 48, that is 16
    packed pixels and whole cells. Output as for `SidUnet`.
    """

    CELL: ClassVar[Cell] = XTRANS
    geometry: ClassVar[Geometry] = Geometry(
        multiple=48,
        features=0,
        squeeze_halo=0,
        render_multiple=48,
        render_halo=288,
        render_tile=2064,
    )
    costs: ClassVar[NetworkCosts] = NetworkCosts(
        weights=60 * 10**6,
        tile_pixel={"torch": 130, "openvino": 240},
        far_pixel={"torch": 0, "openvino": 0},
    )


def packed_planes(mosaic: Tensor, cell: Cell) -> Tensor:
    """Pack a mosaic with the canonical cell at (0, 0), as `rawkit.sensor.pack` does.

    Parameters
    ----------
    mosaic
        (B, 1, H, W), sides multiples of the cell's.
    cell
        The kind of mosaic.

    Returns
    -------
    Tensor
        (B, planes, H/block, W/block).
    """
    # Every pixel of a cell becomes a channel, in the order of the planes; then the pixels of a
    # plane that lie in one cell are spread over it.
    order = [y * cell.side + x for places in cell.positions for y, x in places]
    pixels = pixel_unshuffle(mosaic, cell.side)[:, order]
    return pixels if cell.repeats == 1 else pixel_shuffle(pixels, cell.repeats)


def laid_out(planes: Tensor, cell: Cell) -> Tensor:
    """Lay packed planes out as a mosaic (B, 1, H, W): the inverse of `packed_planes`."""
    order = [y * cell.side + x for places in cell.positions for y, x in places]
    back = sorted(range(len(order)), key=order.__getitem__)
    pixels = planes if cell.repeats == 1 else pixel_unshuffle(planes, cell.repeats)
    return pixel_shuffle(pixels[:, back], cell.side)


def _published_modules() -> dict[str, str]:
    modules = {"conv10_1": "picture"}
    for number in range(5):
        for half, name in (("1", "first"), ("2", "second")):
            modules[f"conv{number + 1}_{half}"] = f"down.{number}.{name}"
            if number:
                modules[f"conv{number + 5}_{half}"] = f"up.{number - 1}.{name}"
        if number:
            modules[f"upv{number + 5}"] = f"widen.{number - 1}"
    return modules


PUBLISHED_MODULES: "Mapping[str, str]" = MappingProxyType(_published_modules())
"""Layer under the names that ports of the network to PyTorch share -> the same layer here."""
