"""Pieces that overlap, and weights that blend them: smooth, and adding up to one everywhere.

Along each axis pieces of one size follow each other. What a network gives near a border that was
cut is wrong, as it does not see what lies beyond: there the weight is 0 (the guard). From there it
rises as a squared sine while that of the piece before falls, so that both add up to one::

    piece 1  ████████████████▇▆▅▃▂▁····
    piece 2              ····▁▂▃▅▆▇████████████████     · guard: weight 0
             0                                    length

Where the guard is as wide as the network sees, the result is that of one run over the whole video.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from rawkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece along one axis, and how much each of its places counts."""

    start: int
    """First place, from 0."""
    stop: int
    """One past the last place."""
    weights: NDArray[np.float32]
    """Weight of each place, shape (stop - start,), 0 to 1."""

    @property
    def size(self) -> int:
        """Places."""
        return self.stop - self.start


def pieces(
    length: int, *, size: int, overlap: int, guard: int = 0, multiple: int = 1
) -> list[Piece]:
    """Cut an axis into pieces of one size that overlap, with weights that add up to one.

    Parameters
    ----------
    length
        Places of the axis; a multiple of `multiple`.
    size
        Greatest size of a piece; a multiple of `multiple`. Pieces are made smaller where as many
        smaller ones do.
    overlap
        Places that neighbours share at least; less than `size`.
    guard
        Places next to a cut that count nothing, as far as the overlap leaves at least two for the
        weights to rise in.
    multiple
        What borders of pieces must be multiples of.

    Raises
    ------
    UsageError
        If sizes do not fit each other.
    """
    _check(length, size, overlap, guard, multiple)
    if length <= size:
        return [Piece(0, length, np.ones(length, np.float32))]
    count = -(-(length - overlap) // (size - overlap))
    even = -(-(length + (count - 1) * overlap) // count)
    size = min(size, -(-even // multiple) * multiple)
    room = (length - size) // multiple
    starts = [number * room // (count - 1) * multiple for number in range(count)]
    raw = [
        _raised(size, before, after, guard)
        for before, after in zip(
            [0, *_shared(starts, size)], [*_shared(starts, size), 0], strict=True
        )
    ]
    total = np.zeros(length)
    for start, one in zip(starts, raw, strict=True):
        total[start : start + size] += one
    return [
        Piece(start, start + size, (one / total[start : start + size]).astype(np.float32))
        for start, one in zip(starts, raw, strict=True)
    ]


def _check(length: int, size: int, overlap: int, guard: int, multiple: int) -> None:
    if multiple < 1 or length < 1 or length % multiple or size < multiple or size % multiple:
        raise UsageError(
            f"pieces of {size} of {length} places, in steps of {multiple}",
            expected="sizes that are multiples of the step",
        )
    # Rounding a start down to the step before must leave neighbours something to share.
    if not 0 <= overlap <= size - multiple or guard < 0:
        raise UsageError(
            f"an overlap of {overlap} of pieces of {size}, and a guard of {guard}",
            expected=f"an overlap from 0 to {size - multiple}, and a guard of 0 or more",
        )


def _shared(starts: Sequence[int], size: int) -> list[int]:
    """Return how many places each two neighbours share."""
    return [before + size - start for before, start in pairwise(starts)]


def _raised(size: int, before: int, after: int, guard: int) -> NDArray[np.float64]:
    """Weights of a piece that shares so many places with the one before and the one after it."""
    rising = _ramp(size, before, guard)
    return rising * _ramp(size, after, guard)[::-1]


def _ramp(size: int, shared: int, guard: int) -> NDArray[np.float64]:
    """Rise from 0 to 1 over the places shared with a neighbour; the guard stays at 0."""
    weights = np.ones(size)
    guarded = min(guard, max(0, (shared - 2) // 2))
    wide = shared - 2 * guarded
    if wide > 0:
        weights[:guarded] = 0
        steps = (np.arange(wide) + 0.5) / wide
        weights[guarded : guarded + wide] = np.sin(np.pi / 2 * steps) ** 2
    return weights
