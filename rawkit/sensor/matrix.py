"""The matrix with which LibRaw renders a file, where neither it nor the file tells: by asking.

For some old cameras LibRaw has a matrix that it does not hand out. It renders what lies in its
buffer, though: patches that are a little redder, greener, bluer than grey come out as the columns
of the matrix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.sensor.types import Mosaic

_GREY, _MORE = 0.3, 0.15
"""Of white: what all planes hold, and what one of them holds beyond it. No matrix of a camera takes
these below 0 or above 1."""


def probe_matrix(raw: Any, mosaic: Mosaic) -> NDArray[np.float64]:
    """Return balanced camera to linear sRGB as LibRaw renders, float64 (3, 3).

    Parameters
    ----------
    raw
        The open file, a ``rawpy.RawPy``. Its pixels are overwritten: nothing but this may be done
        with it afterwards.
    mosaic
        Its pattern and levels.
    """
    colours = mosaic.cell.colours
    visible = raw.raw_image_visible
    side = mosaic.cell.side
    edges = np.linspace(0, mosaic.height, 5).astype(int) // side * side
    for patch in range(4):
        band = visible[edges[patch] : edges[patch + 1]]
        for y, x, plane in mosaic.positions():
            black = mosaic.black_level[plane]
            share = _GREY + (_MORE if colours[plane] == patch - 1 else 0)
            band[y::side, x::side] = round(black + share * (mosaic.white_level - black))
    picture = raw.postprocess(
        half_size=True, user_wb=[1.0, 1.0, 1.0, 1.0], no_auto_bright=True, output_bps=16,
        gamma=(1, 1), user_flip=0, adjust_maximum_thr=0,
    )  # fmt: skip
    rows, columns = picture.shape[:2]
    middles = [(int(edges[n] + edges[n + 1]) * rows) // (2 * mosaic.height) for n in range(4)]
    seen = np.array([picture[row, columns // 2] for row in middles], np.float64) / 65535
    return np.asarray((seen[1:] - seen[0]).T / _MORE)
