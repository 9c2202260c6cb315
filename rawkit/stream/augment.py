"""Flips and transposes of a mosaic that keep its phase.

A flip of the mosaic moves red away from (0, 0); dropping one row or column at each end brings it
back. Of the packed planes, flipped, two then keep all but the last and two all but the first, so a
crop of n needs n + 1. No plane changes its name under a flip; a transpose swaps G1 and G2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawkit.stream.plan import flips

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_R, _G1, _B, _G2 = range(4)
_EVEN_COLUMNS, _EVEN_ROWS = (_R, _G2), (_R, _G1)
_TRANSPOSED = (_R, _G2, _B, _G1)


def augment_packed(planes: NDArray[np.uint16], augmentation: int, out: NDArray[np.uint16]) -> None:
    """Write a crop of n into `out`, (4, n, n), from planes (4, n + 1, n + 1), augmented.

    Without any bit set the last row and column are dropped.
    """
    across, down, transpose = flips(augmentation)
    for plane in range(4):
        rows = _part(flip=down, even=plane in _EVEN_ROWS)
        columns = _part(flip=across, even=plane in _EVEN_COLUMNS)
        piece = planes[plane, rows, columns]
        if transpose:
            out[_TRANSPOSED[plane]] = piece.T
        else:
            out[plane] = piece


def augment_target(
    target: NDArray[np.generic], augmentation: int, out: NDArray[np.generic]
) -> None:
    """Write the crop of a target into `out`, (3, 2n, 2n), from (3, 2n + 2, 2n + 2)."""
    across, down, transpose = flips(augmentation)
    # What a flip keeps are pixels 1 .. 2n: one goes at each end.
    rows = slice(-2, 0, -1) if down else slice(0, -2)
    columns = slice(-2, 0, -1) if across else slice(0, -2)
    piece = target[:, rows, columns]
    out[...] = piece.transpose(0, 2, 1) if transpose else piece


def augment_levels(levels: NDArray[np.generic], augmentation: int) -> NDArray[np.generic]:
    """Order values of the planes (4,) as the augmented planes lie: a transpose swaps the greens."""
    _, _, transpose = flips(augmentation)
    return levels[list(_TRANSPOSED)] if transpose else levels


def _part(*, flip: bool, even: bool) -> slice:
    """N of n + 1 pixels of a plane whose mosaic rows (or columns) are the even or odd ones.

    Flipped, even positions 0, 2, .. 2n lose the 0 and odd positions 1, 3, .. 2n + 1 the last.
    """
    if not flip:
        return slice(0, -1)
    return slice(None, 0, -1) if even else slice(-2, None, -1)
