"""Curves that equalise what a training draws: one for each video, so that its frames stay alike.

A curve is made of some frames of its video, spread evenly, when the first clip or crop of it comes;
frames that are no part of a video have curves of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rawkit.catalog import place_in_video
from rawkit.sensor import equalised, equalising_tables, level_counts
from rawkit.store import decode_shard, unreadable_shard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rawkit.stream.pairs import PairSource

FRAMES = 8
"""Frames that a curve is made of, at most."""
_KEPT = 4096
"""Curves that are kept, the ones used last: each takes two bytes for each level there is."""


class Curves:
    """Curves of the videos that some pairs are frames of.

    Parameters
    ----------
    sources
        The pairs; their shards must be on this machine.
    """

    def __init__(self, sources: Sequence[PairSource]) -> None:
        self._sources = sources
        self._members: dict[str, list[int]] = {}
        for index, source in enumerate(sources):
            self._members.setdefault(_video_of(source.name), []).append(index)
        self._made: dict[str, NDArray[np.uint16]] = {}

    def of(self, name: str) -> NDArray[np.uint16]:
        """Return the curves of a frame by its collection and name: (4, levels).

        Levels above the last one are as bright as that.

        Raises
        ------
        KeyError
            If the frame is none of the pairs.
        StoreDamagedError
            If a shard cannot be read.
        """
        video = _video_of(name)
        found = self._made.pop(video, None)
        if found is None:
            found = self._curve(self._members[video])
        self._made[video] = found
        if len(self._made) > _KEPT:
            del self._made[next(iter(self._made))]
        return found

    def _curve(self, members: Sequence[int]) -> NDArray[np.uint16]:
        chosen = np.unique(np.linspace(0, len(members) - 1, FRAMES).round().astype(int))
        frames = [self._sources[members[place]] for place in chosen]
        counts = level_counts(_planes_of(frames[0]))
        for source in frames[1:]:
            counts += level_counts(_planes_of(source))
        highest = int(np.flatnonzero(counts.any(axis=0))[-1])
        tables = equalising_tables(counts, frames[0].black_level.tolist())
        return np.ascontiguousarray(tables[:, : highest + 1])


def _video_of(name: str) -> str:
    place = place_in_video(name)
    return name if place is None else place.video


def _planes_of(source: PairSource) -> NDArray[np.uint16]:
    shard = source.packed
    try:
        data = shard.path.read_bytes()
    except OSError as error:
        raise unreadable_shard(shard.path, error) from error
    return np.asarray(decode_shard(data, shard.layout, shard.path), np.uint16)


def equalised_by(
    curves: Curves, names: Sequence[str], packed: NDArray[np.uint16]
) -> NDArray[np.uint16]:
    """Put the planes of a batch, (B, 4, n, n) or (B, T, 4, n, n), through the curves of its frames.

    What comes out has black 0 and white 65535.
    """
    made = np.empty_like(packed)
    for index, name in enumerate(names):
        tables = curves.of(name)
        levels = np.minimum(packed[index], tables.shape[1] - 1)
        if levels.ndim == 3:  # noqa: PLR2004 - planes, rows, columns: a frame
            made[index] = equalised(levels, tables)
        else:
            for frame, one in enumerate(levels):
                made[index, frame] = equalised(one, tables)
    return made
