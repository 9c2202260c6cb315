"""Padding of a mosaic to what a network takes, and cutting it off again.

Nothing of the visible area is dropped: rows and columns are added by reflection that leaves out
the edge pixel itself, which keeps the phase, until red is at (0, 0) and both sides are multiples
of what the network needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from rawkit.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Padding:
    """Rows and columns added around a mosaic."""

    top: int
    """Rows above."""
    left: int
    """Columns to the left."""
    height: int
    """Rows of the mosaic itself."""
    width: int
    """Columns of the mosaic itself."""
    padded_height: int
    """Rows with padding."""
    padded_width: int
    """Columns with padding."""

    def apply(self, mosaic: Tensor) -> Tensor:
        """Pad (..., height, width) to (..., padded_height, padded_width) by reflection."""
        rows = _reflected(self.top, self.height, self.padded_height)
        columns = _reflected(self.left, self.width, self.padded_width)
        return mosaic.index_select(-2, rows).index_select(-1, columns)

    def cut(self, picture: Tensor) -> Tensor:
        """Cut (..., padded_height, padded_width) back to (..., height, width)."""
        rows = slice(self.top, self.top + self.height)
        return picture[..., rows, self.left : self.left + self.width]


def padding_for(height: int, width: int, phase: tuple[int, int], multiple: int) -> Padding:
    """Return the padding of a (height, width) mosaic, its first red pixel at `phase` (row, column).

    Raises
    ------
    UsageError
        If a side is shorter than two pixels, which cannot be reflected.
    """
    if min(height, width) < 2:  # noqa: PLR2004 - a reflection needs a neighbour
        raise UsageError(f"a mosaic of {height}x{width}", expected="at least 2x2 pixels")
    top, left = phase
    return Padding(
        top=top,
        left=left,
        height=height,
        width=width,
        padded_height=-(-(top + height) // multiple) * multiple,
        padded_width=-(-(left + width) // multiple) * multiple,
    )


def _reflected(before: int, length: int, total: int) -> Tensor:
    """Return for each of `total` padded positions the position it copies, from 0."""
    period = 2 * (length - 1)
    positions = (torch.arange(total) - before) % period
    return torch.where(positions < length, positions, period - positions)
