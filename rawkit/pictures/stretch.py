"""Pictures of sensors whose pixels are not square, stretched as LibRaw stretches them.

The shorter side grows, by linear interpolation between neighbours in linear light; the other stays.
Source: `stretch` in LibRaw's src/postprocessing/aspect_ratio.cpp, of dcraw.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray


def stretch_bands(
    bands: Iterable[NDArray[np.float32]], size: tuple[int, int], wanted: tuple[int, int],
    aspect: float,
) -> Iterator[NDArray[np.float32]]:  # fmt: skip
    """Stretch a picture that comes in bands (rows, W, 3) of linear light, from the top.

    Parameters
    ----------
    bands
        float32, together the whole picture.
    size
        Rows and columns of the picture.
    wanted
        Rows and columns of the result, see `rawkit.sensor.Mosaic.square_size`.
    aspect
        Width of a pixel over its height.

    Yields
    ------
    ndarray
        float32 (rows, columns, 3) of the result, from the top; at most one row is kept between.
    """
    if wanted == size:
        yield from bands
    elif wanted[0] == size[0]:
        left, share = _neighbours(wanted[1], 1 / aspect, size[1])
        right = np.minimum(left + 1, size[1] - 1)
        for band in bands:
            yield _between(band[:, left], band[:, right], share[:, None])
    else:
        yield from _stretch_rows(bands, size[0], wanted[0], aspect)


def _stretch_rows(
    bands: Iterable[NDArray[np.float32]], height: int, wanted: int, aspect: float
) -> Iterator[NDArray[np.float32]]:
    """Yield what of the result lies between rows that are there."""
    upper, share = _neighbours(wanted, aspect, height)
    lower = np.minimum(upper + 1, height - 1)
    done = seen = 0
    kept: NDArray[np.float32] | None = None
    for band in bands:
        rows = band if kept is None else np.concatenate([kept, band])
        seen += len(band)
        first = seen - len(rows)
        end = int(np.searchsorted(lower, seen))
        if end > done:
            part = slice(done, end)
            yield _between(rows[upper[part] - first], rows[lower[part] - first],
                           share[part, None, None])  # fmt: skip
        done, kept = end, rows[-1:]


def _neighbours(
    count: int, step: float, length: int
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """For each place of the result the pixel before it, and how far it lies beyond that."""
    # Added up, not multiplied: LibRaw does so, and rounds the same way then.
    at = np.fromiter(chain([0.0], np.cumsum(np.full(count - 1, step))), np.float64, count)
    before = np.minimum(at.astype(np.intp), length - 1)
    return before, (at - before).astype(np.float32)


def _between(
    one: NDArray[np.float32], other: NDArray[np.float32], share: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Mix two pictures, in the memory of the second."""
    mixed = other
    mixed -= one
    mixed *= share
    mixed += one
    return mixed
