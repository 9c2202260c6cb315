"""Hot and dead pixels, mended from their neighbours of the same colour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from rawkit.sensor import BAYER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.sensor import Mosaic

_REACH: Final = 4
"""Pixels of the mosaic, each way, within which neighbours are looked for."""
ENOUGH: Final = 8
"""Neighbours whose median is taken, the nearest that are not hot themselves."""
_AT_ONCE: Final = 1 << 14
"""Hot pixels that are mended at a time, so that memory is bounded."""


def hot_within(
    hot: NDArray[np.int32], at: tuple[int, int], size: tuple[int, int]
) -> NDArray[np.int32]:
    """Return the hot pixels, (n, 2), of an area whose first pixel lies at `at`, counted from it."""
    moved = hot - np.array(at, np.int32)
    inside = ((moved >= 0) & (moved < np.array(size))).all(axis=1)
    return np.asarray(moved[inside], np.int32)


def near_in_plane() -> NDArray[np.int64]:
    """Rows and columns from a packed pixel to its neighbours in its plane, (24, 2), nearest first.

    Which eight of them a hot pixel of a Bayer mosaic becomes the median of, `mend_hot` says.
    """
    reach = range(-_REACH // 2, _REACH // 2 + 1)
    near = ((y, x) for y in reach for x in reach if y or x)
    return np.array(sorted(near, key=lambda one: (one[0] ** 2 + one[1] ** 2, one)), np.int64)


def mend_hot(pixels: NDArray[np.uint16], mosaic: Mosaic, hot: NDArray[np.int32]) -> int:
    """Replace hot pixels of a visible mosaic, in place; returns how many could be.

    A pixel becomes the median of the eight nearest pixels of its plane (X-Trans: of its colour)
    that are not hot themselves, within four pixels, each taken above the black level of its own
    plane. One without any keeps its value.

    Parameters
    ----------
    pixels
        Visible mosaic, shape (height, width).
    mosaic
        Its pattern and black levels, in the units of the pixels.
    hot
        Rows and columns of the hot pixels, (n, 2), from 0; all within the mosaic.
    """
    if not len(hot):
        return 0
    width = pixels.shape[1]
    listed = np.unique(hot[:, 0].astype(np.int64) * width + hot[:, 1])
    black = _black_of_cell(mosaic)
    found = np.empty(len(listed), np.float32)
    for first in range(0, len(listed), _AT_ONCE):
        some = listed[first : first + _AT_ONCE]
        found[first : first + _AT_ONCE] = _medians(pixels, mosaic, black, listed, some)
    there = np.isfinite(found)
    values = np.clip(np.rint(found[there]), 0, np.iinfo(np.uint16).max)
    pixels.reshape(-1)[listed[there]] = values.astype(np.uint16)
    return int(np.count_nonzero(there))


def _medians(
    pixels: NDArray[np.uint16],
    mosaic: Mosaic,
    black: NDArray[np.float32],
    listed: NDArray[np.int64],
    some: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Values of some hot pixels, (n,), of their neighbours; NaN where there are none."""
    (height, width), side = pixels.shape, mosaic.cell.side
    row, column = some // width, some % width
    offsets = _offsets(mosaic)[row % side, column % side]
    rows, columns = row[:, None] + offsets[..., 0], column[:, None] + offsets[..., 1]
    usable = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    usable &= (offsets != 0).any(axis=2)
    rows, columns = np.where(usable, rows, 0), np.where(usable, columns, 0)
    usable &= ~_among(listed, rows * width + columns)
    usable &= np.cumsum(usable, axis=1) <= ENOUGH
    values = pixels[rows, columns].astype(np.float32) - black[rows % side, columns % side]
    values = np.sort(np.where(usable, values, np.inf), axis=1)
    count, every = usable.sum(axis=1), np.arange(len(some))
    low, high = values[every, np.maximum(count - 1, 0) // 2], values[every, count // 2]
    middle = np.where(count > 0, (low + high) / 2, np.nan)
    return np.asarray(middle + black[row % side, column % side], np.float32)


def _among(listed: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which numbers are listed; those are in order."""
    places = np.minimum(np.searchsorted(listed, wanted), len(listed) - 1)
    return np.asarray(listed[places] == wanted)


def _offsets(mosaic: Mosaic) -> NDArray[np.int64]:
    """Rows and columns from each pixel of a cell to its neighbours, (side, side, n, 2).

    The nearest first; where a pixel has fewer than others, the rest are 0, 0.
    """
    side = mosaic.cell.side
    kind = np.empty((side, side), np.int64)
    for y, x, plane in mosaic.positions():
        kind[y, x] = plane if mosaic.cell == BAYER else mosaic.cell.colours[plane]
    reach = np.arange(-_REACH, _REACH + 1)
    near = sorted(
        ((int(dy), int(dx)) for dy in reach for dx in reach if dy or dx),
        key=lambda one: (one[0] ** 2 + one[1] ** 2, one),
    )
    alike = {
        (y, x): [(dy, dx) for dy, dx in near
                 if kind[(y + dy) % side, (x + dx) % side] == kind[y, x]]
        for y in range(side) for x in range(side)
    }  # fmt: skip
    found = np.zeros((side, side, max(map(len, alike.values())), 2), np.int64)
    for place, offsets in alike.items():
        found[place][: len(offsets)] = offsets
    return found


def _black_of_cell(mosaic: Mosaic) -> NDArray[np.float32]:
    """Black level of each pixel of the first cell, (side, side)."""
    black = np.empty((mosaic.cell.side,) * 2, np.float32)
    for y, x, plane in mosaic.positions():
        black[y, x] = mosaic.black_level[plane]
    return black
