"""The stored frames of a store as columns, with their longs and the shards that they need."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rawkit.arrow import array_of, values_of
from rawkit.store import NO_TARGET, NOBODY, codes_of, column_of, known_of, ratio_of
from rawkit.subset.frames import camera_of, no_longer
from rawkit.subset.types import SPLITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from rawkit.store import ArrayName, Store
    from rawkit.subset.frames import SubsetFrames
    from rawkit.subset.types import Subset

_UNKNOWN = -1
"""Bytes of a shard that the table does not know."""


class Candidates:
    """Frames that a subset may take of a store: the stored ones, by group and index.

    Each is known by its place in that order, from 0.

    Parameters
    ----------
    store
        The store.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.groups = list(store.groups.values())
        stored = [group.frames.stored for group in self.groups]
        self.numbers = np.concatenate([np.empty(0, np.int64), *stored])
        """Row of each frame within the table, from 0."""
        self.counts = [len(one) for one in stored]
        """Frames of each group."""

    def __len__(self) -> int:
        return len(self.numbers)

    def column(self, name: str) -> pa.Array:
        """Read a column of the frames."""
        return self.taken(column_of(self.store.frames.columns(name), name))

    def taken(self, column: pa.Array) -> pa.Array:
        """Take a column of the table at the rows of the frames."""
        numbers = self.numbers
        if len(column) == len(numbers) and bool((numbers == np.arange(len(numbers))).all()):
            return column
        return column.take(array_of(numbers))

    def coded(self, name: str) -> tuple[NDArray[np.int32], list[Any]]:
        """Codes of a column of shared texts, shape (frames,), and the texts."""
        codes, texts = codes_of(self.store.frames.columns(name), name)
        return codes[self.numbers], texts

    @cached_property
    def group_codes(self) -> NDArray[np.int32]:
        """Place of the group of each frame among the groups."""
        return np.repeat(np.arange(len(self.counts), dtype=np.int32), self.counts)

    @cached_property
    def cameras(self) -> tuple[NDArray[np.int32], list[str]]:
        """Codes of cameras, shape (frames,), and the cameras."""
        names = [camera_of(group.name) for group in self.groups]
        texts = sorted(set(names))
        of_group = np.array([texts.index(name) for name in names], np.int32)
        return of_group[self.group_codes], texts

    @cached_property
    def is_long(self) -> NDArray[np.bool_]:
        """Whether each frame is a long."""
        return np.asarray(self.store.frames.is_long[self.numbers])

    @cached_property
    def longs(self) -> NDArray[np.int32]:
        """Row of the long of each frame's pair, of a long's pair too; `NOBODY` where none is."""
        found = [group.frames.long for group in self.groups]
        return np.concatenate([np.empty(0, np.int32), *found])

    @cached_property
    def ratios(self) -> NDArray[np.float64]:
        """Exposure ratio of each frame to that long; NaN where unknown."""
        seconds = known_of(self.store.frames, "exposure_time")
        long = np.where(self.longs == NOBODY, np.nan, seconds[self.longs])
        return ratio_of(long, seconds[self.numbers])

    @cached_property
    def own_targets(self) -> NDArray[np.int64]:
        """Target that each row of the table has itself, duplicates included; else `NO_TARGET`."""
        return np.asarray(self.store.frames.numbers("target_index"), np.int64)

    @cached_property
    def paired(self) -> NDArray[np.bool_]:
        """Whether each frame has a target, its own or that of its long."""
        own = self.own_targets
        long = np.where(self.longs == NOBODY, NO_TARGET, own[self.longs])
        return np.asarray((own[self.numbers] != NO_TARGET) | (long != NO_TARGET))

    def places_of(self, frames: SubsetFrames) -> NDArray[np.int64]:
        """Find the frames of a subset.

        Raises
        ------
        StoreError
            If the store does not hold one any more.
        """
        codes, texts = frames.coded("group")
        names = [group.name for group in self.groups]
        starts = self._starts
        begin = np.array([starts[names.index(t)] if t in names else -1 for t in texts], np.int64)
        count = np.array(
            [self.counts[names.index(t)] if t in names else 0 for t in texts], np.int64
        )
        index = values_of(frames.table.column("index"))
        there = index < count[codes] if len(texts) else np.empty(0, np.bool_)
        places = np.where(there, begin[codes] + index, 0) if len(texts) else np.empty(0, np.int64)
        wanted = frames.table.column("name")
        if there.all() and len(places):
            found = self.column("name").take(array_of(places))
            there = values_of(pc.equal(found, wanted))
        if not there.all():
            lost = frames[int(np.argmin(there))]
            raise no_longer(lost, self.store.path)
        return places

    def shards(self, places: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell of each shard of the store whether frames need it: their own, and their longs'."""
        needed = np.zeros(len(self) + self._target_starts[-1], np.bool_)
        needed[self._numbers_of(places)] = True
        return needed

    def take_shards(self, places: NDArray[np.int64], taken: NDArray[np.bool_]) -> int:
        """Add the shards of some more frames to those `taken`; returns the bytes of new ones."""
        numbers = np.unique(self._numbers_of(places))
        new = numbers[~taken[numbers]]
        taken[new] = True
        return int(self._sizes_of(new).sum())

    def _numbers_of(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers of the shards that frames need, some of them more than once."""
        dark = places[~self.is_long[places]]
        with_long = dark[self.longs[dark] != NOBODY]
        groups = np.concatenate([self.group_codes[places], self.group_codes[with_long]])
        rows = np.concatenate([self.numbers[places], self.longs[with_long].astype(np.int64)])
        targets = self.own_targets[rows]
        has = targets != NO_TARGET
        return np.concatenate([
            self._starts[groups] + self._indexes[rows],
            len(self) + self._target_starts[groups[has]] + targets[has],
        ])  # fmt: skip

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        """Where the frames of each group begin, and where they end."""
        return np.cumsum([0, *self.counts])

    def sizes(self, needed: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Bytes of shards that are needed, shape (shards of the store,); others may be anything.

        Raises
        ------
        StoreDamagedError
            If a shard is missing whose bytes the table does not know.
        """
        self._sizes_of(np.flatnonzero(needed))
        return self._known_sizes

    def _sizes_of(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Bytes of shards by their numbers."""
        known = self._known_sizes
        for number in numbers[known[numbers] == _UNKNOWN].tolist():
            known[number] = self.store.size(self._key(number))
        return known[numbers]

    @cached_property
    def _indexes(self) -> NDArray[np.int64]:
        return np.asarray(self.store.frames.numbers("index"), np.int64)

    @cached_property
    def _target_starts(self) -> NDArray[np.int64]:
        """Where the targets of each group begin among those of the store, and where they end."""
        ends = [0]
        own = self.own_targets[self.numbers]
        for begin, count in zip(self._starts, self.counts, strict=False):
            ends.append(ends[-1] + int(own[begin : begin + count].max(initial=NO_TARGET)) + 1)
        return np.array(ends, np.int64)

    @cached_property
    def _known_sizes(self) -> NDArray[np.int64]:
        """Bytes of each shard as far as the table knows them: the packed ones, then the targets."""
        columns = self.store.frames.columns("packed_bytes", "target_bytes")
        sizes = np.full(len(self) + self._target_starts[-1], _UNKNOWN, np.int64)
        packed, target = (
            values_of(self.taken(column_of(columns, name)), null=_UNKNOWN)
            for name in columns.column_names
        )
        sizes[: len(self)] = packed
        own = self.own_targets[self.numbers]
        has = own != NO_TARGET
        sizes[len(self) + self._target_starts[self.group_codes[has]] + own[has]] = target[has]
        return sizes

    def _key(self, shard: int) -> str:
        """Path of a shard by its number."""
        array: ArrayName = "packed" if shard < len(self) else "target"
        within = shard if shard < len(self) else shard - len(self)
        starts = self._starts if array == "packed" else self._target_starts
        group = int(np.searchsorted(starts, within, "right")) - 1
        return self.groups[group].key(array, within - int(starts[group]))


def split_bytes(subset: Subset, stores: Mapping[str, Store]) -> dict[str, int]:
    """Bytes of the shards that the frames of each split need, longs and targets included.

    Raises
    ------
    StoreError
        If a store no longer holds a frame, or a shard is missing.
    """
    totals = dict.fromkeys(SPLITS, 0)
    for collection, store in stores.items():
        candidates = Candidates(store)
        counted: NDArray[np.bool_] | None = None
        for split in ("val", "test", "train"):  # what splits share counts once, with val or test
            frames = subset.columns.where(collection=collection, split=split)
            shards = candidates.shards(candidates.places_of(frames))
            new = shards if counted is None else shards & ~counted
            counted = shards if counted is None else counted | shards
            totals[split] += int(candidates.sizes(new)[new].sum())
    return totals
