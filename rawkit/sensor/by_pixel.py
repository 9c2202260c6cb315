"""Values of the planes, by the pixels of a visible mosaic: what differs from pixel to pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rawkit.sensor.types import Mosaic


def by_pixel(mosaic: Mosaic, values: Sequence[float]) -> NDArray[np.float32]:
    """Lay a value of each plane out as the first cell of the visible mosaic, (side, side)."""
    found = np.empty((mosaic.cell.side,) * 2, np.float32)
    for y, x, plane in mosaic.positions():
        found[y, x] = values[plane]
    return found


def in_cells(
    values: NDArray[np.float32], top: int, cell: NDArray[np.float32], function: np.ufunc
) -> None:
    """Apply the values of a cell, (side, side), to rows that begin at `top`, in place.

    `top` counts rows of the visible mosaic from 0; `function` takes two arrays, such as
    ``np.multiply``.
    """
    side = len(cell)
    for y in range(side):
        for x in range(side):
            part = values[(y - top) % side :: side, x::side]
            function(part, cell[y, x], out=part)
