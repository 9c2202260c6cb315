"""Flips and transposes of a mosaic that keep its phase, applied while crops are cut.

A flip of the mosaic moves red away from (0, 0); dropping one row or column at each end brings it
back. Of the packed planes, flipped, two then keep all but the last and two all but the first, so a
crop of n needs n + 1. No plane changes its name under a flip; a transpose swaps G1 and G2.

A crop lies in several chunks. The chunks of a band give whole rows of it: each plane's rows are put
together, turned, in memory that stays in the core's cache, and written from there in one go.
Writing parts of rows far apart takes more than twice the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np

from rawkit.stream.plan import flips

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_R, _G1, _B, _G2 = range(4)
_EVEN_COLUMNS, _EVEN_ROWS = (_R, _G2), (_R, _G1)
_TRANSPOSED = (_R, _G2, _B, _G1)


@dataclass(frozen=True, slots=True)
class _Move:
    """What becomes of a plane."""

    source: int
    """The plane."""
    out: int
    """Which plane it becomes."""
    top: int
    """First row it keeps, from the crop's own first one."""
    left: int
    """First column likewise."""


def _packed_moves(augmentation: int) -> tuple[_Move, ...]:
    across, down, transpose = flips(augmentation)
    return tuple(
        _Move(
            source=plane,
            out=_TRANSPOSED[plane] if transpose else plane,
            top=int(down and plane in _EVEN_ROWS),
            left=int(across and plane in _EVEN_COLUMNS),
        )
        for plane in range(4)
    )


def _target_moves(augmentation: int) -> tuple[_Move, ...]:
    # What a flip keeps are pixels 1 .. 2n of 2n + 2: one goes at each end.
    across, down, _ = flips(augmentation)
    return tuple(_Move(plane, plane, int(down), int(across)) for plane in range(3))


_MOVES = {
    "packed": [_packed_moves(augmentation) for augmentation in range(8)],
    "target": [_target_moves(augmentation) for augmentation in range(8)],
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk, as a crop sees it."""

    pixels: NDArray[np.generic]
    """Its pixels, shape (planes, h, w)."""
    top: int
    """First row that the crop may keep, in pixels from the chunk's own first one; negative where
    the crop begins in a chunk above."""
    left: int
    """First column likewise."""


def place(
    kind: Literal["packed", "target"],
    band: Sequence[Piece],
    augmentation: int,
    out: NDArray[np.generic],
    strip: NDArray[np.generic],
) -> None:
    """Write into a crop what of it lies in a band of chunks, augmented.

    Parameters
    ----------
    kind
        Whether the pixels are packed planes or a target.
    band
        Chunks side by side, of one row; of one column if the crop is transposed.
    augmentation
        Bits as in `rawkit.stream.plan.Sample`. With any flip, the crop keeps pixels beyond its
        side: one packed pixel, two of a target.
    out
        The crop, shape (planes, side, side).
    strip
        Memory for the rows of one plane, flat: pixels of the longer side of a chunk times `side`.
    """
    side = out.shape[-1]
    for move in _MOVES[kind][augmentation]:
        parts = [
            part for piece in band if (part := _part(piece, move, side, augmentation)) is not None
        ]
        if not parts:
            continue
        rows = parts[0][1]
        begin = min(columns.start for _, _, columns in parts)
        end = max(columns.stop for _, _, columns in parts)
        height, width = rows.stop - rows.start, end - begin
        together = strip[: height * width].reshape(height, width)
        for pixels, _, columns in parts:
            into = together[:, columns.start - begin : columns.stop - begin]
            _turn(pixels, into, augmentation)
        np.copyto(out[move.out, rows, begin:end], together)


def _part(
    piece: Piece, move: _Move, side: int, augmentation: int
) -> tuple[NDArray[np.generic], slice, slice] | None:
    """Pixels of a chunk that a crop keeps, and the rows and columns of the crop they become."""
    across, down, transpose = flips(augmentation)
    _, height, width = piece.pixels.shape
    top, left = piece.top + move.top, piece.left + move.left
    first, last = max(0, top), min(height, top + side)
    begin, end = max(0, left), min(width, left + side)
    if first >= last or begin >= end:
        return None
    rows = _range(first - top, last - top, side, flip=down)
    columns = _range(begin - left, end - left, side, flip=across)
    pixels = piece.pixels[move.source, first:last, begin:end]
    return (pixels, columns, rows) if transpose else (pixels, rows, columns)


def _range(first: int, last: int, side: int, *, flip: bool) -> slice:
    return slice(side - last, side - first) if flip else slice(first, last)


def _turn(plane: NDArray[Any], out: NDArray[Any], augmentation: int) -> None:
    """Write a plane into `out`, turned. OpenCV reverses and transposes 2 to 4 times faster."""
    across, down, transpose = flips(augmentation)
    if not (across or transpose):
        np.copyto(out, plane[::-1] if down else plane)
        return
    # A flip of columns before the transpose is one of rows after it. Code 1 flips columns, 0 rows.
    turned = (down, across) if transpose else (across, down)
    code = {(True, True): -1, (True, False): 1, (False, True): 0}.get(turned)
    if transpose:
        cv2.transpose(plane, dst=out)
        plane = out
    if code is not None:
        cv2.flip(plane, code, dst=out)


def augment_packed(planes: NDArray[np.uint16], augmentation: int, out: NDArray[np.uint16]) -> None:
    """Write a crop of n into `out`, (4, n, n), from planes (4, n + 1, n + 1), augmented.

    Without any bit set the last row and column are dropped.
    """
    place("packed", [Piece(planes, 0, 0)], augmentation, out, np.empty(out[0].size, out.dtype))


def augment_target(
    target: NDArray[np.generic], augmentation: int, out: NDArray[np.generic]
) -> None:
    """Write the crop of a target into `out`, (3, 2n, 2n), from (3, 2n + 2, 2n + 2)."""
    place("target", [Piece(target, 0, 0)], augmentation, out, np.empty(out[0].size, out.dtype))


def augment_levels(levels: NDArray[np.generic], augmentation: int) -> NDArray[np.generic]:
    """Order values of the planes (4,) as the augmented planes lie: a transpose swaps the greens."""
    _, _, transpose = flips(augmentation)
    return levels[list(_TRANSPOSED)] if transpose else levels
