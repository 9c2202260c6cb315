"""A window on its way from its two shards into its crops."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rawkit.errors import RawkitError
from rawkit.stream.cutting import WindowPart
from rawkit.stream.reader import open_shard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rawkit.stream.cache import ChunkCache
    from rawkit.stream.pairs import PairSource
    from rawkit.stream.reader import Scratch
    from rawkit.stream.schedule import Job


class WindowReader:
    """Reads a window of a pair; each shard is opened once, and closed by whoever is done.

    Parameters
    ----------
    source
        The pair.
    job
        The window and its crops.
    extent
        Packed pixels a side that a crop needs.
    cache
        Where chunks of stores that lie elsewhere are kept on this machine.
    """

    def __init__(
        self, source: PairSource, job: Job, extent: int, cache: ChunkCache | None = None
    ) -> None:
        self.source, self.job = source, job
        self.number = 0
        """Which window, from 0 since the stream was started."""
        self._extent, self._cache = extent, cache
        # By pixels for each packed one a side.
        self._files = {1: source.packed, 2: source.target}
        self._parts: dict[int, WindowPart] = {}

    def announce(self) -> None:
        """Have the system read the chunks that crops touch ahead, where they are on this machine.

        What is wrong with a shard is said when its turn has come.
        """
        for scale, file in self._files.items():
            if isinstance(file.path, Path):
                with suppress(RawkitError):
                    self._part(scale).announce()

    def cut(self, outs: Sequence[Sequence[NDArray[Any]]], scratch: Scratch) -> None:
        """Cut the crops: of the packed planes and of the target, one for each use of the job.

        Raises
        ------
        StoreDamagedError
            If a shard is missing or damaged; crops are then incomplete.
        StoreUnreachableError
            If the server of a store elsewhere does not answer after several tries.
        """
        for scale, crops in zip(self._files, outs, strict=True):
            self._part(scale).cut(crops, scratch)

    def close(self) -> None:
        """Close the shards that are open."""
        while self._parts:
            self._parts.popitem()[1].shard.close()

    def _part(self, scale: int) -> WindowPart:
        if scale not in self._parts:
            shard = open_shard(self._files[scale], self._cache)
            self._parts[scale] = WindowPart(shard, self.job, scale, self._extent)
        return self._parts[scale]
