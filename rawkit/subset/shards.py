"""Which rows and shards of a store a choice of frames needs: their longs and targets come along."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from rawkit.errors import StoreError
from rawkit.store import NO_TARGET, long_of_pair
from rawkit.subset.types import SPLITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rawkit.store import ArrayName, FrameRow, Store
    from rawkit.subset.types import Subset, SubsetFrame


@dataclass(frozen=True, slots=True)
class Shard:
    """One shard of a store."""

    group: str
    """Group it belongs to."""
    array: ArrayName
    """Array it belongs to."""
    index: int
    """Position along the first axis of the array, from 0."""


@dataclass(frozen=True)
class Needs:
    """What the frames of a store need to be of use."""

    store: Store
    """The store."""

    @cached_property
    def longs(self) -> dict[tuple[str, str], FrameRow]:
        """Ground truth of each pair, by group and pair."""
        return {
            (name, pair): row
            for name, group in self.store.groups.items()
            for pair, row in long_of_pair([*group.rows, *group.duplicates]).items()
        }

    @cached_property
    def rows(self) -> dict[str, FrameRow]:
        """All rows, by name."""
        return {row.name: row for row in self.store.rows}

    @cached_property
    def _sizes(self) -> dict[Shard, int]:
        return {}

    def long(self, row: FrameRow) -> FrameRow | None:
        """Ground truth of a frame's pair, if it is there."""
        return self.longs.get((row.group, row.pair))

    def of(self, row: FrameRow) -> list[FrameRow]:
        """Return a frame, the long of a short, and whose pixels that one repeats."""
        needed = [row]
        long = self.long(row) if row.role == "short" else None
        if long is not None:
            needed.append(long)
        return needed + [
            self.rows[one.duplicate_of] for one in needed if one.duplicate_of is not None
        ]

    def row_of(self, frame: SubsetFrame) -> FrameRow:
        """Return the row of a subset's frame.

        Raises
        ------
        StoreError
            If the store does not hold it any more.
        """
        row = self.rows.get(frame.name)
        if row is None or (row.group, row.index) != (frame.group, frame.index):
            raise StoreError(
                f"{frame.name} is no longer frame {frame.index} of {frame.group}",
                expected="the store that the subset was made from",
                where=self.store.path,
                fix="Make the subset anew with `rawkit subset --refresh`.",
            )
        return row

    def shards(self, rows: Iterable[FrameRow]) -> set[Shard]:
        """Return all shards that frames need."""
        found: set[Shard] = set()
        for row in rows:
            for one in self.of(row):
                found.add(Shard(one.group, "packed", one.index))
                if one.target_index != NO_TARGET:
                    found.add(Shard(one.group, "target", one.target_index))
        return found

    def size(self, shard: Shard) -> int:
        """Bytes of a shard.

        Raises
        ------
        StoreDamagedError
            If it is missing.
        """
        if shard not in self._sizes:
            key = self.store.groups[shard.group].key(shard.array, shard.index)
            self._sizes[shard] = self.store.size(key)
        return self._sizes[shard]


def split_bytes(subset: Subset, stores: Mapping[str, Store]) -> dict[str, int]:
    """Bytes of the shards that the frames of each split need, longs and targets included.

    Raises
    ------
    StoreError
        If a store no longer holds a frame, or a shard is missing.
    """
    totals = dict.fromkeys(SPLITS, 0)
    for collection, store in stores.items():
        needs = Needs(store)
        counted: set[Shard] = set()
        for split in ("val", "test", "train"):  # what splits share counts once, with val or test
            frames = (f for f in subset.frames if f.collection == collection and f.split == split)
            shards = needs.shards(map(needs.row_of, frames)) - counted
            counted |= shards
            totals[split] += sum(map(needs.size, shards))
    return totals
