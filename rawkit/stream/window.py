"""A window on its way from its shards into its crops.

Of a frame these are its packed planes and its target. Of a clip they are those of all its frames,
one after the other: each is opened shortly before it is read, and closed as soon as it was, so that
a long clip holds few files open. A shard that several frames share, as those of a burst share their
long, is read once.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rawkit.errors import RawkitError
from rawkit.stream.bits import is_reversed
from rawkit.stream.cutting import WindowPart
from rawkit.stream.reader import open_shard

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from rawkit.stream.cache import ChunkCache
    from rawkit.stream.pairs import PairSource
    from rawkit.stream.reader import Scratch, ShardFile
    from rawkit.stream.schedule import Job

_PACKED, _TARGET = 1, 2
"""Pixels for each packed one a side."""
_OF_SHORT, _OF_TARGET = 0, 1
_AHEAD = 4
"""Shards of a window that are announced while one is read."""


@dataclass(slots=True)
class _Shard:
    """A shard that a window reads."""

    file: ShardFile
    """Which."""
    part: int
    """What it is to a pair: 0 its dark frame, 1 its target."""
    scale: int
    """1 for packed planes and 2 for a target."""
    times: list[int] = field(default_factory=list)
    """Frames of the clip that it is of, from 0."""
    open: WindowPart | None = None
    """What is open of it."""


class WindowReader:
    """Reads a window of a pair, or of the pairs of a clip.

    Each shard is opened once, and closed when it has been read, or by whoever is done.

    Parameters
    ----------
    sources
        The pair, or those of a clip in the order of time.
    job
        The window and its crops.
    extent
        Packed pixels a side that a crop needs.
    cache
        Where chunks of stores that lie elsewhere are kept on this machine.
    """

    def __init__(
        self,
        sources: Sequence[PairSource],
        job: Job,
        extent: int,
        cache: ChunkCache | None = None,
    ) -> None:
        self.sources, self.job = sources, job
        self.number = 0
        """Which window, from 0 since the stream was started."""
        self._extent, self._cache = extent, cache
        shards: dict[tuple[int, object], _Shard] = {}
        for time, source in enumerate(sources):
            for part, file in ((_OF_SHORT, source.packed), (_OF_TARGET, source.target)):
                scale = _PACKED if file.layout.name == "packed" else _TARGET
                shard = shards.setdefault((part, file.path), _Shard(file, part, scale))
                shard.times.append(time)
        self._shards = tuple(shards.values())

    def announce(self) -> None:
        """Have the system read the chunks that crops touch ahead, where they are on this machine.

        Of a clip these are those of its first shards; `cut` announces the others as it comes to
        them. What is wrong with a shard is said when its turn has come.
        """
        for shard in self._shards[:_AHEAD]:
            self._announce(shard)

    def announce_all(self) -> None:
        """Announce the chunks of all shards, and hold none of them open."""
        for shard in self._shards:
            self._announce(shard)
            _close(shard)

    def cut(self, outs: Sequence[Sequence[NDArray[Any]]], scratch: Scratch) -> None:
        """Cut the crops: of the packed planes and of the target, one for each use of the job.

        A crop of a frame has the shape (planes, side, side), one of a clip (frames, planes, side,
        side).

        Raises
        ------
        StoreDamagedError
            If a shard is missing or damaged; crops are then incomplete.
        StoreUnreachableError
            If the server of a store elsewhere does not answer after several tries.
        """
        for number, shard in enumerate(self._shards):
            for following in self._shards[number + 1 : number + _AHEAD]:
                self._announce(following)
            crops = list(self._crops(shard, outs[shard.part]))
            self._opened(shard).cut(crops, scratch)
            _close(shard)

    def close(self) -> None:
        """Close the shards that are open."""
        for shard in self._shards:
            _close(shard)

    def _crops(self, shard: _Shard, outs: Sequence[NDArray[Any]]) -> Iterator[NDArray[Any]]:
        """Yield where crops of a shard go: for each of its frames, those of all uses."""
        last = len(self.sources) - 1
        for time in shard.times:
            for use, out in zip(self.job.uses, outs, strict=True):
                if not last:
                    yield out
                else:
                    yield out[last - time if is_reversed(use.sample.augmentation) else time]

    def _announce(self, shard: _Shard) -> None:
        if shard.open is None and isinstance(shard.file.path, Path):
            with suppress(RawkitError):
                self._opened(shard).announce()

    def _opened(self, shard: _Shard) -> WindowPart:
        if shard.open is None:
            opened = open_shard(shard.file, self._cache)
            shard.open = WindowPart(opened, self.job, shard.scale, self._extent)
        return shard.open


def _close(shard: _Shard) -> None:
    if shard.open is not None:
        shard.open.shard.close()
        shard.open = None
