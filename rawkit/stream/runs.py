"""Runs of neighbouring frames: what clips are cut from.

Neighbours are frames of one video or burst whose numbers follow each other. Both are said by their
names, see `rawkit.catalog.place_in_video`, so it does not matter in which order frames lie in a
store, and a frame that is missing, or was left out as bad, ends a run: no clip jumps over a gap.
So does a change of the exposure or of the white balance, since a clip is amplified as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rawkit.catalog import PlaceInVideo, place_in_video

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Runs of neighbours among frames, by their video and their first number."""

    order: NDArray[np.int32]
    """Frames, by their index from 0, those of each run one after the other; shape (members,)."""
    begins: NDArray[np.int32]
    """Where each run begins in the order, shape (runs,)."""
    lengths: NDArray[np.int32]
    """Frames of each run, shape (runs,)."""

    def of_at_least(self, length: int) -> Runs:
        """Return the runs that have so many frames."""
        chosen = self.lengths >= length
        return Runs(self.order, self.begins[chosen], self.lengths[chosen])

    def members(self, run: int, first: int, count: int) -> tuple[int, ...]:
        """Return so many frames of a run, the first of them being its frame `first`, from 0."""
        begin = int(self.begins[run]) + first
        return tuple(self.order[begin : begin + count].tolist())

    @property
    def longest(self) -> int:
        """Frames of the longest run; 0 where there is none."""
        return int(self.lengths.max(initial=0))


def runs_of(names: Iterable[str], kinds: Iterable[Hashable]) -> Runs:
    """Find the runs of neighbours among frames.

    Parameters
    ----------
    names
        Names of the frames within their collection.
    kinds
        Of each frame what it must share with its neighbours beside the video: its collection,
        geometry, scene, exposure.
    """
    places = [place_in_video(name) for name in names]
    alone = (PlaceInVideo(f"{number}", 0) for number in range(len(places)))
    videos: dict[tuple[bool, str, Hashable], int] = {}
    which, numbers = np.empty(len(places), np.int64), np.empty(len(places), np.int64)
    for index, (place, kind) in enumerate(zip(places, kinds, strict=True)):
        known = place is not None
        video, number = place or next(alone)
        which[index] = videos.setdefault((known, video, kind), len(videos))
        numbers[index] = number
    # Videos in the order of their names: it does not matter which of them was met first.
    ranks = np.empty(len(videos), np.int64)
    ranks[sorted(range(len(videos)), key=[key[:2] for key in videos].__getitem__)] = np.arange(
        len(videos)
    )
    which = ranks[which]
    order = np.lexsort((numbers, which)).astype(np.int32)
    which, numbers = which[order], numbers[order]
    borders = (np.diff(which) != 0) | (np.diff(numbers) != 1)
    begins = np.concatenate([[0], np.flatnonzero(borders) + 1])[: len(order)].astype(np.int32)
    return Runs(order, begins, np.diff(begins, append=len(order)).astype(np.int32))
