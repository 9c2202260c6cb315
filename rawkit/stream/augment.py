"""Flips and transposes of a mosaic that keep its phase, applied while crops are cut.

A flip of the mosaic moves red away from (0, 0); dropping one row or column at each end brings it
back. Of the packed planes, flipped, two then keep all but the last and two all but the first, so a
crop of n needs n + 1. No plane changes its name under a flip; a transpose swaps G1 and G2.

A crop lies in several chunks. What of it lies in one is written while that chunk is in the core's
cache: by `rawkit._native`, past the caches, three times as fast as through them; or by numpy where
that module could not be built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from rawkit import native
from rawkit.stream.bits import flips

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Kind = Literal["packed", "target"]

_R, _G1, _B, _G2 = range(4)
_EVEN_COLUMNS, _EVEN_ROWS = (_R, _G2), (_R, _G1)
_TRANSPOSED = (_R, _G2, _B, _G1)


class Cut(NamedTuple):
    """A crop, as the pixels that it is cut from see it: a chunk, or a window of chunks."""

    out: NDArray[Any]
    """The crop, shape (planes, side, side), of the chunk's data type."""
    top: int
    """First row that the crop may keep, in pixels from their first one; negative where the crop
    begins in a chunk above."""
    left: int
    """First column likewise."""
    augmentation: int
    """Bits as in `rawkit.stream.plan.Sample`. With any flip, the crop keeps pixels beyond its side:
    one packed pixel, two of a target."""


class Move(NamedTuple):
    """What becomes of a plane."""

    plane: int
    """Which plane of the crop it is."""
    down: int
    """First row that it keeps, from the crop's own first one."""
    across: int
    """First column likewise."""


def _packed_moves(augmentation: int) -> tuple[Move, ...]:
    across, down, transpose = flips(augmentation)
    return tuple(
        Move(
            _TRANSPOSED[plane] if transpose else plane,
            int(down and plane in _EVEN_ROWS),
            int(across and plane in _EVEN_COLUMNS),
        )
        for plane in range(4)
    )


def _target_moves(augmentation: int) -> tuple[Move, ...]:
    # What a flip keeps are pixels 1 .. 2n of 2n + 2: one goes at each end.
    across, down, _ = flips(augmentation)
    return tuple(Move(plane, int(down), int(across)) for plane in range(3))


_MOVES = {
    "packed": [_packed_moves(augmentation) for augmentation in range(8)],
    "target": [_target_moves(augmentation) for augmentation in range(8)],
}
_ENCODED = {
    kind: [bytes(number for move in moves for number in move) for moves in table]
    for kind, table in _MOVES.items()
}
"""The same for the native module: three bytes for each plane."""


def moves_of(kind: Kind, augmentation: int) -> Sequence[Move]:
    """Say what becomes of each plane before what is left of it is flipped and transposed."""
    return _MOVES[kind][augmentation]


def place(kind: Kind, pixels: NDArray[Any], cuts: Sequence[Cut]) -> None:
    """Write into crops what of them lies in a chunk, augmented.

    Parameters
    ----------
    kind
        Whether the pixels are packed planes or a target.
    pixels
        The chunk, shape (planes, h, w), uint8 or uint16, C-contiguous.
    cuts
        The crops; of those that do not touch the chunk nothing is written.
    """
    if not native.BUILT:
        place_plainly(kind, pixels, cuts)
    else:
        native.functions.place(pixels, with_moves(kind, cuts))


def with_moves(kind: Kind, cuts: Sequence[Cut]) -> list[tuple[NDArray[Any], int, int, int, bytes]]:
    """Say of crops what becomes of each plane, as the native module wants to know it."""
    moves = _ENCODED[kind]
    return [(*cut, moves[cut.augmentation]) for cut in cuts]


def place_plainly(kind: Kind, pixels: NDArray[Any], cuts: Sequence[Cut]) -> None:
    """Do what `place` does with numpy alone."""
    _, height, width = pixels.shape
    for cut in cuts:
        side = cut.out.shape[-1]
        for plane, move in zip(pixels, _MOVES[kind][cut.augmentation], strict=True):
            top, left = cut.top + move.down, cut.left + move.across
            first, last = max(0, top), min(height, top + side)
            begin, end = max(0, left), min(width, left + side)
            if first < last and begin < end:
                into = _upright(cut.out[move.plane], cut.augmentation)
                into[first - top : last - top, begin - left : end - left] = plane[
                    first:last, begin:end
                ]


def _upright(crop: NDArray[Any], augmentation: int) -> NDArray[Any]:
    """View a plane of a crop as it lay before it was flipped and transposed."""
    across, down, transpose = flips(augmentation)
    crop = crop.T if transpose else crop
    crop = crop[::-1] if down else crop
    return crop[:, ::-1] if across else crop


def augment_levels(levels: NDArray[np.generic], augmentation: int) -> NDArray[np.generic]:
    """Order values of the planes (4,) as the augmented planes lie: a transpose swaps the greens."""
    _, _, transpose = flips(augmentation)
    return levels[list(_TRANSPOSED)] if transpose else levels
