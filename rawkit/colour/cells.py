"""The sensor's own colour, cell by cell: what a mosaic says before anything is guessed.

A cell is the smallest square that holds every colour: 2x2 pixels of a Bayer mosaic, 3x3 of an
X-Trans one. Its red, green and blue are the means of its pixels of that colour, less the black
level and **not** clipped at black: where there is little light half of the noise lies below, and
cutting that off makes a bias larger than the colour.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import cv2
import numpy as np

from rawkit.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.sensor import Mosaic

ALIGNED = 8
"""Cells: windows begin and end at multiples of it, and grids are padded to one."""
_OVERVIEW_ROWS = 16
"""Rows of squares made at a time."""


@dataclass(frozen=True)
class CellGrid:
    """The cells of a mosaic, which exist window by window."""

    pixels: NDArray[np.uint16]
    """Visible mosaic, shape (height, width), sensor units. Kept, not copied."""
    mosaic: Mosaic
    """Its pattern and levels."""

    def __post_init__(self) -> None:
        """Check that there is a cell, and that white lies above black."""
        if min(self.pixels.shape) < self.mosaic.cell.side:
            raise UsageError(
                f"a mosaic of shape {self.pixels.shape}",
                expected=f"at least {self.mosaic.cell.side} pixels each way",
            )
        if max(self.mosaic.black_level) >= self.mosaic.white_level:
            raise UsageError(
                f"black levels of {self.mosaic.black_level} and a white level of"
                f" {self.mosaic.white_level:g}",
                expected="a white level above",
            )

    @property
    def block(self) -> int:
        """Pixels along a side of a cell."""
        return self.mosaic.cell.block

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of whole cells; what is left over at the far sides is in none."""
        height, width = self.pixels.shape
        return height // self.block, width // self.block

    @property
    def padded(self) -> tuple[int, int]:
        """`shape`, each rounded up to a multiple of `ALIGNED`; added cells repeat the last."""
        rows, columns = self.shape
        return -(-rows // ALIGNED) * ALIGNED, -(-columns // ALIGNED) * ALIGNED

    @cached_property
    def counts(self) -> NDArray[np.float32]:
        """Fewest pixels of red, green and blue in a cell, shape (3,)."""
        return np.asarray(self._counts().min(axis=(1, 2)), np.float32)

    def window(self, top: int, bottom: int) -> NDArray[np.float32]:
        """Return rows of the padded grid over its whole width.

        Parameters
        ----------
        top, bottom
            First row and one past the last, in cells from 0; multiples of `ALIGNED`.

        Returns
        -------
        ndarray
            float32 (3, bottom - top, padded columns): red, green, blue; (value - black) / (white -
            black), so 1 where the sensor saturates, and below 0 where noise takes it there.

        Raises
        ------
        UsageError
            If the window is not aligned or not inside.
        """
        (rows, columns), (all_rows, all_columns) = self.shape, self.padded
        if top % ALIGNED or bottom % ALIGNED or not 0 <= top < bottom <= all_rows:
            raise UsageError(
                f"cells {top} to {bottom}", expected=f"multiples of {ALIGNED} up to {all_rows}"
            )
        inside = min(bottom, rows)
        cells = np.zeros((3, bottom - top, all_columns), np.float32)
        self._fill(top, inside, cells[:, : inside - top, :columns])
        cells[:, :, columns:] = cells[:, :, columns - 1 : columns]
        cells[:, inside - top :] = cells[:, inside - top - 1 : inside - top]
        return cells

    def _fill(self, top: int, bottom: int, sums: NDArray[np.float32]) -> None:
        """Add up rows of cells in what holds nothing yet, (3, rows, columns), and divide."""
        mosaic, side, block = self.mosaic, self.mosaic.cell.side, self.block
        repeats, columns, colours = side // block, self.shape[1], mosaic.cell.colours
        band = self.pixels[top * block : bottom * block, : columns * block]
        for y, x, plane in mosaic.positions():
            target = sums[colours[plane], y // block :: repeats, x // block :: repeats]
            black = mosaic.black_level[plane]
            values = band[y::side, x::side].astype(np.float32)
            values -= np.float32(black)
            values *= np.float32(1 / (mosaic.white_level - black))
            target += values
        counts = self._counts()
        if (counts == counts[:, :1, :1]).all():
            sums *= (1 / counts[:, :1, :1]).astype(np.float32)
            return
        for y in range(repeats):
            for x in range(repeats):
                sums[:, y::repeats, x::repeats] /= counts[:, y, x, None, None]

    def _counts(self) -> NDArray[np.float32]:
        """Pixels of each colour in each kind of cell, shape (3, repeats, repeats)."""
        cell = self.mosaic.cell
        counts = np.zeros((3, cell.repeats, cell.repeats), np.float32)
        for y, x, plane in self.mosaic.positions():
            counts[cell.colours[plane], y // cell.block, x // cell.block] += 1
        return counts


def overview(grid: CellGrid) -> NDArray[np.float32]:
    """Average cells over squares of `ALIGNED` cells, for what concerns a picture as a whole.

    Returns float32 (3, rows, columns) of the padded grid's squares, in the units of
    `CellGrid.window`: 5 kB for each megapixel.
    """
    rows, columns = (n // ALIGNED for n in grid.padded)
    squares = np.empty((3, rows, columns), np.float32)
    for top in range(0, rows, _OVERVIEW_ROWS):
        bottom = min(rows, top + _OVERVIEW_ROWS)
        for cells, target in zip(
            grid.window(top * ALIGNED, bottom * ALIGNED), squares[:, top:bottom], strict=True
        ):
            cv2.resize(cells, target.shape[::-1], dst=target, interpolation=cv2.INTER_AREA)
    return squares
