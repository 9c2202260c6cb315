"""Flips and transposes of a mosaic that keep its phase, applied while crops are cut.

A flip of the mosaic moves red away from (0, 0); dropping one row or column at each end brings it
back. Of the packed planes, flipped, two then keep all but the last and two all but the first, so a
crop of n needs n + 1. No plane changes its name under a flip; a transpose swaps G1 and G2.

A crop lies in several chunks. The chunks of a band give whole rows of it: each plane's rows are
written one after the other, or put together in memory that stays in the core's cache, and turned on
their way from there. Writing parts of rows far apart takes twice the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import cv2
import numpy as np

from rawkit.stream.plan import flips

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_R, _G1, _B, _G2 = range(4)
_EVEN_COLUMNS, _EVEN_ROWS = (_R, _G2), (_R, _G1)
_TRANSPOSED = (_R, _G2, _B, _G1)


_Shift = tuple[int, int]
"""First row and column that a plane keeps under a flip, from the crop's own first ones."""
_Moves = tuple[tuple[_Shift, tuple[tuple[int, int], ...]], ...]
"""Planes by their shift: which plane, and which one it becomes."""


def _packed_moves(augmentation: int) -> _Moves:
    across, down, transpose = flips(augmentation)
    groups: dict[_Shift, list[tuple[int, int]]] = {}
    for plane in range(4):
        shift = int(down and plane in _EVEN_ROWS), int(across and plane in _EVEN_COLUMNS)
        out = _TRANSPOSED[plane] if transpose else plane
        groups.setdefault(shift, []).append((plane, out))
    return tuple((shift, tuple(planes)) for shift, planes in groups.items())


def _target_moves(augmentation: int) -> _Moves:
    # What a flip keeps are pixels 1 .. 2n of 2n + 2: one goes at each end.
    across, down, _ = flips(augmentation)
    return (((int(down), int(across)), ((0, 0), (1, 1), (2, 2))),)


_MOVES = {
    "packed": [_packed_moves(augmentation) for augmentation in range(8)],
    "target": [_target_moves(augmentation) for augmentation in range(8)],
}
_FLIP_ROWS, _FLIP_COLUMNS, _FLIP_BOTH = 0, 1, -1
_FLIP_CODES = {(True, False): _FLIP_ROWS, (False, True): _FLIP_COLUMNS, (True, True): _FLIP_BOTH}
"""What OpenCV calls a flip of rows, of columns and of both."""


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
    across, down, transpose = flips(augmentation)
    for shift, planes in _MOVES[kind][augmentation]:
        parts = [part for piece in band if (part := _part(piece, shift, side)) is not None]
        if not parts:
            continue
        # All chunks of a band keep the same rows of the crop; or the same columns, transposed.
        rows = _turned([part.into[0] for part in parts], side, flip=down)
        columns = _turned([part.into[1] for part in parts], side, flip=across)
        for source, moved in planes:
            cuts = [part.pixels[(source, *part.kept)] for part in parts]
            if transpose:
                _write_transposed(cuts, (across, down), out[moved, columns, rows], strip)
            else:
                _write(cuts, (down, across), out[moved, rows, columns], strip)


class _Part(NamedTuple):
    """What a crop keeps of a chunk."""

    pixels: NDArray[Any]
    """Pixels of the chunk, shape (planes, h, w)."""
    kept: tuple[slice, slice]
    """Rows and columns of the chunk."""
    into: tuple[slice, slice]
    """Rows and columns of the crop that they are, before it is turned."""


def _part(piece: Piece, shift: _Shift, side: int) -> _Part | None:
    """Tell what planes with this shift keep of a chunk."""
    _, height, width = piece.pixels.shape
    top, left = piece.top + shift[0], piece.left + shift[1]
    first, last = max(0, top), min(height, top + side)
    begin, end = max(0, left), min(width, left + side)
    if first >= last or begin >= end:
        return None
    return _Part(
        piece.pixels,
        (slice(first, last), slice(begin, end)),
        (slice(first - top, last - top), slice(begin - left, end - left)),
    )


def _turned(ranges: list[slice], side: int, *, flip: bool) -> slice:
    """Where neighbouring ranges of a side lie, together, once that side is turned."""
    first, last = ranges[0].start, ranges[-1].stop
    return slice(side - last, side - first) if flip else slice(first, last)


def _write(
    cuts: Sequence[NDArray[Any]],
    flipped: tuple[bool, bool],
    out: NDArray[Any],
    strip: NDArray[Any],
) -> None:
    """Write pieces side by side, rows or columns flipped. OpenCV flips columns 4 times faster."""
    down, across = flipped
    if across:
        together = strip[: out.size].reshape(out.shape)
        np.concatenate(cuts, axis=1, out=together)
        cv2.flip(together, _FLIP_CODES[flipped], dst=out)
    else:
        np.concatenate([cut[::-1] for cut in cuts] if down else cuts, axis=1, out=out)


def _write_transposed(
    cuts: Sequence[NDArray[Any]],
    flipped: tuple[bool, bool],
    out: NDArray[Any],
    strip: NDArray[Any],
) -> None:
    """Write pieces that lie one below the other, transposed, then rows or columns flipped."""
    together = strip[: out.size].reshape(out.shape)
    begin = 0
    for cut in cuts:
        end = begin + len(cut)
        cv2.transpose(cut, dst=together[:, begin:end])
        begin = end
    if any(flipped):
        cv2.flip(together, _FLIP_CODES[flipped], dst=out)
    else:
        np.copyto(out, together)


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
