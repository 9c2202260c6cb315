"""Mosaic to packed planes and back.

A packed Bayer mosaic is (4, H/2, W/2) with planes R, G1, B, G2, G1 lying on the red rows::

    R  G1          planes[0] = R    planes[1] = G1
    G2 B           planes[3] = G2   planes[2] = B

A packed X-Trans mosaic is (9, H/3, W/3), see `rawkit.sensor.cells`. Planes are never relabelled:
where the mosaic starts elsewhere in its cell, leading rows and columns are dropped until the
canonical cell is at (0, 0), because a network learns where in the cell each plane lies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np

from rawkit.errors import UsageError
from rawkit.sensor.cells import BAYER, Cell, Position

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

Value = TypeVar("Value", bound=np.generic)
_SPLIT_BY_CV2 = frozenset({np.dtype(np.uint8), np.dtype(np.uint16)})


@dataclass(frozen=True, slots=True)
class PhaseCrop:
    """The largest area of whole canonical cells."""

    top: int
    """Rows dropped at the top, less than a cell."""
    left: int
    """Columns dropped at the left, less than a cell."""
    height: int
    """Rows kept, in pixels, whole cells."""
    width: int
    """Columns kept, in pixels, whole cells."""

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns kept, to index a mosaic or a picture with."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


def phase_crop(height: int, width: int, phase: Position, cell: Cell = BAYER) -> PhaseCrop:
    """Crop of a (height, width) mosaic whose canonical cell begins at `phase` (row, column).

    For Bayer that is the first red pixel.

    Raises
    ------
    UsageError
        If not one whole cell is left, or the phase lies outside the cell.
    """
    (top, left), side = phase, cell.side
    crop = PhaseCrop(top, left, (height - top) // side * side, (width - left) // side * side)
    inside = 0 <= top < side and 0 <= left < side
    if not inside or crop.height < side or crop.width < side:
        raise UsageError(
            f"a mosaic of {height}x{width} with its first cell at {phase}",
            expected=f"a phase of 0 to {side - 1} each way and at least one whole "
            f"{side}x{side} cell from there",
        )
    return crop


def pack(pixels: NDArray[Value], phase: Position = (0, 0), cell: Cell = BAYER) -> NDArray[Value]:
    """Pack a mosaic (H, W) into contiguous planes: (4, h, w) for Bayer, (9, h, w) for X-Trans.

    `phase` is the row and column at which the canonical cell begins (the first red pixel for
    Bayer). Rows and columns before it, and trailing ones that do not fill a cell, are dropped
    (`phase_crop` says which).
    """
    crop = phase_crop(pixels.shape[0], pixels.shape[1], phase, cell)
    inner = pixels[crop.slices]
    shape = (cell.planes, crop.height // cell.block, crop.width // cell.block)
    packed = np.empty(shape, pixels.dtype)
    if cell == BAYER and packed.dtype in _SPLIT_BY_CV2:
        _split_rows(inner, packed)
        return packed
    for plane, place, (y, x) in _places(cell):
        packed[plane, place[0] :: cell.repeats, place[1] :: cell.repeats] = inner[
            y :: cell.side, x :: cell.side
        ]
    return packed


def _split_rows(inner: NDArray[np.generic], packed: NDArray[np.generic]) -> None:
    """Pack whole Bayer cells, each row of two colours at once: 5 ms for 12 MP instead of 8."""
    _, height, width = packed.shape
    down, right = inner.strides
    shape, strides = (height, width, 2), (2 * down, 2 * right, right)
    for row, planes in ((inner, (0, 1)), (inner[1:], (3, 2))):
        pairs = np.lib.stride_tricks.as_strided(row, shape, strides, writeable=False)
        cv2.mixChannels([pairs], [packed[plane] for plane in planes], [0, 0, 1, 1])


def unpack(packed: NDArray[Value], cell: Cell = BAYER) -> NDArray[Value]:
    """Lay planes back into a mosaic with the canonical cell at (0, 0): the inverse of `pack`.

    Raises
    ------
    UsageError
        If the array does not have the planes of the cell, or not whole cells of them.
    """
    whole = packed.ndim == 3 and not any(side % cell.repeats for side in packed.shape[1:])  # noqa: PLR2004 - plane, row, column
    if not whole or packed.shape[0] != cell.planes:
        raise UsageError(
            f"an array of shape {packed.shape}",
            expected=f"packed planes of shape ({cell.planes}, h, w), whole cells",
        )
    _, height, width = packed.shape
    pixels = np.empty((cell.block * height, cell.block * width), packed.dtype)
    for plane, place, (y, x) in _places(cell):
        pixels[y :: cell.side, x :: cell.side] = packed[
            plane, place[0] :: cell.repeats, place[1] :: cell.repeats
        ]
    return pixels


def _places(cell: Cell) -> Iterator[tuple[int, Position, Position]]:
    """Yield plane, place within the packed pixels of a cell, and place within the cell."""
    for plane, positions in enumerate(cell.positions):
        for number, position in enumerate(positions):
            yield plane, divmod(number, cell.repeats), position
