"""Mosaic to packed planes and back.

A packed Bayer mosaic is (4, H/2, W/2) with planes R, G1, B, G2, G1 lying on the red rows::

    R  G1          planes[0] = R    planes[1] = G1
    G2 B           planes[3] = G2   planes[2] = B

Planes are never relabelled: where the mosaic starts on another colour, leading rows and columns
are dropped until red is at (0, 0), because a network learns where in the cell each plane lies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from rawkit.errors import UsageError
from rawkit.sensor.types import BAYER_PLANES

if TYPE_CHECKING:
    from numpy.typing import NDArray

Value = TypeVar("Value", bound=np.generic)

PLANE_POSITIONS = ((0, 0), (0, 1), (1, 1), (1, 0))
"""Row and column within the cell of planes R, G1, B, G2, red being at (0, 0)."""


@dataclass(frozen=True, slots=True)
class PhaseCrop:
    """The largest area of whole cells that starts on red."""

    top: int
    """Rows dropped at the top, 0 or 1."""
    left: int
    """Columns dropped at the left, 0 or 1."""
    height: int
    """Rows kept, in pixels, even."""
    width: int
    """Columns kept, in pixels, even."""


def phase_crop(height: int, width: int, phase: tuple[int, int]) -> PhaseCrop:
    """Crop of a (height, width) mosaic whose first red pixel is at `phase` (row, column).

    Raises
    ------
    UsageError
        If not one whole cell is left, or the phase is not 0 or 1.
    """
    top, left = phase
    crop = PhaseCrop(top, left, (height - top) // 2 * 2, (width - left) // 2 * 2)
    if top not in (0, 1) or left not in (0, 1) or crop.height < 2 or crop.width < 2:  # noqa: PLR2004
        raise UsageError(
            f"a mosaic of {height}x{width} with red first at {phase}",
            expected="a phase of 0 or 1 each way and at least one whole 2x2 cell from there",
        )
    return crop


def pack(pixels: NDArray[Value], phase: tuple[int, int] = (0, 0)) -> NDArray[Value]:
    """Pack a mosaic (H, W) into contiguous planes (4, h, w), R, G1, B, G2.

    `phase` is the row and column of the first red pixel. Rows and columns before it, and trailing
    ones that do not fill a cell, are dropped (`phase_crop` says which).
    """
    height, width = pixels.shape
    crop = phase_crop(height, width, phase)
    inner = pixels[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]
    packed = np.empty((BAYER_PLANES, crop.height // 2, crop.width // 2), pixels.dtype)
    for plane, (y, x) in enumerate(PLANE_POSITIONS):
        packed[plane] = inner[y::2, x::2]
    return packed


def unpack(packed: NDArray[Value]) -> NDArray[Value]:
    """Lay planes (4, h, w) back into a mosaic (2h, 2w) with red at (0, 0): the inverse of `pack`.

    Raises
    ------
    UsageError
        If the array does not have four planes.
    """
    if packed.ndim != 3 or packed.shape[0] != BAYER_PLANES:  # noqa: PLR2004 - plane, row, column
        raise UsageError(
            f"an array of shape {packed.shape}", expected="packed planes of shape (4, h, w)"
        )
    _, height, width = packed.shape
    pixels = np.empty((2 * height, 2 * width), packed.dtype)
    for plane, (y, x) in enumerate(PLANE_POSITIONS):
        pixels[y::2, x::2] = packed[plane]
    return pixels
