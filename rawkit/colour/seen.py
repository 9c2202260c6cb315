"""What of a network's picture has come and is still needed: luma of pixels, luminance of cells."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from rawkit.colour.cells import ALIGNED
from rawkit.colour.scales import LUMINANCE, reduce
from rawkit.pictures import linear_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.colour.cells import CellGrid

CODES = 1 << 16
"""Of luma, as integers: 0 to 65535."""


class Seen:
    """What of a network's picture has come so far and is still needed."""

    def __init__(self, grid: CellGrid) -> None:
        self._grid = grid
        self.pixels = 0
        """Rows of pixels that have come."""
        self.ready = 0
        """Rows of cells whose luminance is there."""
        rows, columns = (n // ALIGNED for n in grid.padded)
        self.squares = np.zeros((rows, columns), np.float32)
        """Luminance of squares of 8x8 cells."""
        self._lumas = _Rows(np.empty((0, grid.pixels.shape[1]), np.uint16))
        self._luminance = _Rows(np.empty((0, grid.padded[1]), np.float32))
        self._square_rows = 0

    def add(self, band: NDArray[np.float32]) -> None:
        """Take a band (rows, width, 3)."""
        lumas = _luma(band)
        self._lumas.add(lumas)
        self.pixels += len(band)
        block, rows = self._grid.block, self._grid.shape[0]
        ready = min(self.pixels // block, rows)
        if ready > self.ready:
            self._add_cells(self._lumas.rows(self.ready * block, ready * block))

    def end(self) -> None:
        """Complete the grid: rows of cells that it is padded with repeat the last."""
        missing = self._grid.padded[0] - self.ready
        if missing:
            last = self._luminance.rows(self.ready - 1, self.ready)
            self._put(np.repeat(last, missing, axis=0))

    def cells(self, top: int, bottom: int) -> NDArray[np.float32]:
        """Luminance of cells, (rows, padded columns)."""
        return self._luminance.rows(top, bottom)

    def lumas(self, top: int, bottom: int) -> NDArray[np.uint16]:
        """Luma of pixels, (rows, width), of 65535."""
        return self._lumas.rows(top, bottom)

    def forget(self, cells: int, pixels: int) -> None:
        """Drop rows of cells and of pixels before these."""
        self._luminance.forget(cells)
        self._lumas.forget(pixels)

    def _add_cells(self, lumas: NDArray[np.uint16]) -> None:
        block, (_, columns), padded = self._grid.block, self._grid.shape, self._grid.padded[1]
        light = looked_up(_linear(), np.ascontiguousarray(lumas[:, : columns * block]))
        means = reduce(light, block)
        self._put(np.pad(means, ((0, 0), (0, padded - columns)), mode="edge"))

    def _put(self, cells: NDArray[np.float32]) -> None:
        self._luminance.add(cells)
        self.ready += len(cells)
        whole = self.ready // ALIGNED
        if whole > self._square_rows:
            rows = self._luminance.rows(self._square_rows * ALIGNED, whole * ALIGNED)
            self.squares[self._square_rows : whole] = reduce(rows, ALIGNED)
            self._square_rows = whole


class _Rows:
    """Rows that are added at the end and forgotten at the beginning."""

    def __init__(self, none: NDArray[Any]) -> None:
        self._parts: list[NDArray[Any]] = []
        self._none = none
        self._first = 0

    def add(self, rows: NDArray[Any]) -> None:
        self._parts.append(rows)

    def forget(self, before: int) -> None:
        while self._parts and self._first + len(self._parts[0]) <= before:
            self._first += len(self._parts.pop(0))

    def rows(self, top: int, bottom: int) -> NDArray[Any]:
        parts, first = [], self._first
        for part in self._parts:
            start, stop = max(0, top - first), min(len(part), bottom - first)
            if start < stop:
                parts.append(part[start:stop])
            first += len(part)
        return np.concatenate([self._none, *parts]) if len(parts) != 1 else parts[0]


def looked_up(table: NDArray[np.float32], codes: NDArray[Any]) -> NDArray[np.float32]:
    """Values of a table, (65536,), at codes of any shape."""
    found = np.empty(codes.shape, np.float32)
    # A code is never out of range; without a mode NumPy would copy to make sure first.
    np.take(table, codes, out=found, mode="wrap")
    return found


def _luma(band: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Weighted sum of encoded RGB, rounded to 65535; what is not a number counts as black."""
    weights = np.array([LUMINANCE]) * (CODES - 1)
    lumas = np.asarray(cv2.transform(np.ascontiguousarray(band), weights), np.float32)
    # Adding nothing rounds, and holds what is beyond at the ends.
    return np.asarray(cv2.add(lumas, np.zeros(1), dtype=cv2.CV_16U), np.uint16)


@cache
def _linear() -> NDArray[np.float32]:
    """Linear light of each code, (65536,)."""
    return np.asarray(linear_of(np.linspace(0, 1, CODES)), np.float32)
