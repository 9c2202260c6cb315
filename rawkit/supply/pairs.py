"""Pairs of one store by the names of their dark frames, while it grows."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from rawkit.store import NO_TARGET, Store, is_store, long_of_pair
from rawkit.stream import sources_of
from rawkit.subset import SubsetFrame

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from rawkit.locations import Location
    from rawkit.store import FrameRow
    from rawkit.stream import PairSource

_DIGITS = 16
"""Hexadecimal digits of a digest: 64 bits tell the frames of any collection apart."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A dark frame with its target, and what its samples follow from."""

    source: PairSource
    """Where they lie."""
    digest: str
    """Of the pixels of both, their levels and exposures, and how the target was rendered."""
    frames: frozenset[str] = frozenset()
    """Names of the frames whose shards are read: its own, or the one it repeats, and its long."""
    long: str = ""
    """Name of the frame that brings the target."""


class StorePairs:
    """The pairs of a store that may not be there yet.

    Parameters
    ----------
    location
        Where it lies, or will.
    """

    def __init__(self, location: Location) -> None:
        self._location = location
        self._known: dict[str, Pair] = {}
        self._store: Store | None = None

    def refresh(self) -> None:
        """Look at the store anew when somebody next asks."""
        self._store = None

    def find(self, names: Iterable[str], also: Collection[str] = ()) -> Mapping[str, Pair]:
        """Return those of some dark frames that are there with their target, by name.

        A frame that repeats another's pixels does not count, as in any training, unless it is among
        `also`: which of two is stored depends on which has landed first.

        Raises
        ------
        StoreError
            If the store cannot be used.
        """
        wanted = set(names)
        missing = wanted - self._known.keys()
        if missing:
            self._learn(missing, set(also))
        return {name: self._known[name] for name in sorted(wanted & self._known.keys())}

    def _learn(self, names: Collection[str], also: Collection[str]) -> None:
        if self._store is None:
            if not is_store(self._location):
                return
            self._store = Store(self._location)
        store = self._store
        rows = [
            row for row in store.rows
            if row.name in names and (row.duplicate_of is None or row.name in also)
        ]  # fmt: skip
        longs: dict[str, Mapping[str, FrameRow]] = {}
        stored = {row.name: row for row in store.rows if row.duplicate_of is None} if rows else {}
        found: list[tuple[str, SubsetFrame, FrameRow]] = []
        for row in rows:
            if row.group not in longs:
                group = store.groups[row.group]
                longs[row.group] = long_of_pair([*group.rows, *group.duplicates])
            truth = row if row.target_index != NO_TARGET else longs[row.group].get(row.pair)
            original = row if row.duplicate_of is None else stored.get(row.duplicate_of)
            if truth is None or truth.target_index == NO_TARGET or original is None:
                continue
            if original is not row and (original.pair, original.group) != (row.pair, row.group):
                continue
            found.append((row.name, _frame(store, original), truth))
            frames = frozenset({original.name, truth.duplicate_of or truth.name})
            self._known[row.name] = Pair(
                None,  # type: ignore[arg-type] # set below
                _digest(store, original, truth), frames, truth.name,
            )  # fmt: skip
        sources = sources_of([frame for _, frame, _ in found], {store.collection: store})
        for (name, _, _), source in zip(found, sources, strict=True):
            named = replace(source, name=f"{store.collection}/{name}")
            self._known[name] = replace(self._known[name], source=named)


def _frame(store: Store, row: FrameRow) -> SubsetFrame:
    return SubsetFrame(
        collection=store.collection, group=row.group, index=row.index, name=row.name,
        scene=row.scene, split=row.split, role=row.role, iso=row.iso, ratio=None, paired=True,
    )  # fmt: skip


def _digest(store: Store, row: FrameRow, truth: FrameRow) -> str:
    content = [
        [one.pixel_hash, one.black_level, one.white_level, one.white_balance, one.exposure_time,
         one.iso, one.f_number, one.amplification_base]
        for one in (row, truth)
    ]  # fmt: skip
    text = json.dumps([content, store.about.rendering], sort_keys=True)
    return sha256(text.encode()).hexdigest()[:_DIGITS]
