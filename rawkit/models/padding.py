"""Padding of a mosaic to what a network takes, and cutting it off again.

Nothing of the visible area is dropped: rows and columns are added until the canonical cell is at
(0, 0) and both sides are multiples of what the network needs. Every added pixel copies one of its
own colour: a Bayer mosaic is reflected without its edge pixel, which keeps the phase; an X-Trans
mosaic, whose phase a reflection breaks, copies the pixel six away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from rawkit.errors import UsageError
from rawkit.sensor import BAYER

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from rawkit.sensor import Cell


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
    period: int | None = None
    """How many pixels away an added pixel finds the one that it copies; None if it is reflected."""

    def rows(self) -> NDArray[np.intp]:
        """Row of the mosaic that each padded row copies, shape (padded_height,), from 0."""
        return _copied(self.top, self.height, self.padded_height, self.period)

    def columns(self) -> NDArray[np.intp]:
        """Column of the mosaic that each padded column copies, shape (padded_width,), from 0."""
        return _copied(self.left, self.width, self.padded_width, self.period)

    def apply(self, mosaic: Tensor) -> Tensor:
        """Pad (..., height, width) to (..., padded_height, padded_width)."""
        rows, columns = (
            torch.from_numpy(index).to(mosaic.device) for index in (self.rows(), self.columns())
        )
        return mosaic.index_select(-2, rows).index_select(-1, columns)

    def cut(self, picture: Tensor) -> Tensor:
        """Cut (..., padded_height, padded_width) back to (..., height, width)."""
        rows = slice(self.top, self.top + self.height)
        return picture[..., rows, self.left : self.left + self.width]


def padding_for(
    height: int, width: int, phase: tuple[int, int], multiple: int, cell: Cell = BAYER
) -> Padding:
    """Return the padding of a (height, width) mosaic whose canonical cell begins at `phase`.

    Parameters
    ----------
    height, width
        Size of the mosaic in pixels.
    phase
        Row and column at which the cell begins, from 0; of a Bayer mosaic the first red pixel.
    multiple
        What the padded sides must be multiples of, in pixels; a multiple of the cell's side.
    cell
        The kind of mosaic.

    Raises
    ------
    UsageError
        If a side is shorter than a cell, so that an added pixel has none to copy, or if the
        multiple does not hold whole cells.
    """
    side = cell.side
    if min(height, width) < side:
        raise UsageError(f"a mosaic of {height}x{width}", expected=f"at least {side}x{side} pixels")
    if multiple % side:
        raise UsageError(
            f"padding to multiples of {multiple}",
            expected=f"a multiple of {side}, the side of a cell of {cell.name} mosaics",
        )
    top, left = (-start % side for start in phase)
    return Padding(
        top=top,
        left=left,
        height=height,
        width=width,
        padded_height=-(-(top + height) // multiple) * multiple,
        padded_width=-(-(left + width) // multiple) * multiple,
        period=None if cell == BAYER else side,
    )


def _copied(before: int, length: int, total: int, period: int | None) -> NDArray[np.intp]:
    """Return for each of `total` padded positions the position it copies, from 0."""
    positions = np.arange(total) - before
    if period is None:
        both_ways = 2 * (length - 1)
        positions %= both_ways
        return np.where(positions < length, positions, both_ways - positions)
    beyond = length - period + (positions - length) % period
    inside = np.where(positions < 0, positions % period, positions)
    return np.where(positions < length, inside, beyond)
