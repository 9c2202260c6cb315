"""Subsets chosen row by row: the slow way that `rawkit.subset.choose` must equal."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

from rawkit.catalog import Selection, scene_digest, select_entries, thin_scenes
from rawkit.errors import SelectionError, StoreError
from rawkit.sensor import exposure_ratio
from rawkit.store import NO_TARGET, exposure_of, long_of_pair
from rawkit.subset import SubsetFrame, entries_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rawkit.store import ArrayName, FrameRow, Store
    from rawkit.subset import Limits


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
        known = {}
        for row in self.store.rows:
            if row.packed_bytes is not None:
                known[Shard(row.group, "packed", row.index)] = row.packed_bytes
            if row.target_bytes is not None:
                known[Shard(row.group, "target", row.target_index)] = row.target_bytes
        return known

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


_SceneKey = tuple[str, str, str]
"""Collection, camera, scene."""


def slow_frames(
    stores: Sequence[Store], *, fraction: float, seed: int, limits: Limits, selection: Selection
) -> list[SubsetFrame]:
    """Choose frames of stores, by collection as the stores are given, group and index.

    The filters apply to the dark frames of all splits; a long comes along with its shorts. Then the
    training split is thinned by whole scenes: of each collection and camera the first
    ceil(fraction n) in the order of `scene_digest`. Under limits the cameras take turns in
    proportion to their scenes, and the first scene that no longer fits ends it: so of two limits
    the smaller one's frames lie within the larger one's.

    Raises
    ------
    SelectionError
        If no dark frame passes the filters, or val and test alone exceed the limit on bytes.
    """
    needs = {store.collection: Needs(store) for store in stores}
    passed = _filtered(needs, selection)
    kept = _thinned(passed, fraction, seed)
    if limits.max_pairs is not None or limits.max_bytes is not None:
        kept = _fitting(needs, passed, _in_turns(kept, seed), limits)
    return [
        _frame(collection, row, needs[collection].long(row))
        for collection, rows in passed.items()
        for row in rows
        if row.split != "train" or (collection, _camera(row), row.scene) in kept
    ]


def _camera(row: FrameRow) -> str:
    return row.group.partition("/")[0]


def _filtered(needs: Mapping[str, Needs], selection: Selection) -> dict[str, list[FrameRow]]:
    """Return the stored rows of each collection that pass, by group and index."""
    stored = {
        collection: [row for group in need.store.groups.values() for row in group.rows]
        for collection, need in needs.items()
    }
    if selection == Selection():
        return stored
    passed: dict[str, list[FrameRow]] = {}
    failures: list[SelectionError] = []
    for collection, rows in stored.items():
        store = needs[collection].store
        # A long whose pixels are stored under another name still is the truth of its pair.
        seen = [row for row in store.rows if row.duplicate_of is None or row.role == "long"]
        entries = entries_of(seen, collection)
        try:
            selected = select_entries(entries, selection, str(store.path), collection=collection)
        except SelectionError as error:
            failures.append(error)
            continue
        names = {entry.frame.name for entry in selected.entries}
        passed[collection] = [row for row in rows if row.name in names]
    if not passed and failures:
        raise failures[0]
    return passed


def _thinned(
    passed: Mapping[str, Iterable[FrameRow]], fraction: float, seed: int
) -> set[_SceneKey]:
    """Thin the training scenes of each collection and camera."""
    scenes: dict[tuple[str, str], set[str]] = defaultdict(set)
    for collection, rows in passed.items():
        for row in rows:
            if row.split == "train":
                scenes[collection, _camera(row)].add(row.scene)
    return {
        (*key, scene)
        for key, found in scenes.items()
        for scene in thin_scenes(found, fraction, seed)
    }


def _in_turns(kept: Iterable[_SceneKey], seed: int) -> list[_SceneKey]:
    """Order scenes so that every beginning of the list has about the same share of each camera."""
    cameras: dict[tuple[str, str], list[str]] = defaultdict(list)
    for collection, camera, scene in kept:
        cameras[collection, camera].append(scene)
    placed: list[tuple[Fraction, bytes, _SceneKey]] = []
    for key, scenes in cameras.items():
        ordered = sorted((scene_digest(seed, scene), scene) for scene in scenes)
        placed += [
            (Fraction(rank, len(ordered)), digest, (*key, scene))
            for rank, (digest, scene) in enumerate(ordered, 1)
        ]
    return [key for _, _, key in sorted(placed)]


def _fitting(
    needs: Mapping[str, Needs],
    passed: Mapping[str, Iterable[FrameRow]],
    ordered: Iterable[_SceneKey],
    limits: Limits,
) -> set[_SceneKey]:
    """Take scenes in their order until one does not fit."""
    scenes: dict[_SceneKey, list[FrameRow]] = defaultdict(list)
    taken: dict[str, set[Shard]] = {collection: set() for collection in passed}
    total = pairs = 0
    weigh = limits.max_bytes is not None
    for collection, rows in passed.items():
        held: list[FrameRow] = []
        for row in rows:
            if row.split == "train":
                scenes[collection, _camera(row), row.scene].append(row)
            else:
                held.append(row)
        if weigh:
            taken[collection] = needs[collection].shards(held)
            total += sum(map(needs[collection].size, taken[collection]))
    if limits.max_bytes is not None and total > limits.max_bytes:
        raise SelectionError(
            f"val and test, which stay whole, take {total} bytes",
            expected=f"no more than {limits.max_bytes} with the training scenes",
            fix="Allow more, or leave frames out with filters such as --iso, --split train.",
        )
    kept: set[_SceneKey] = set()
    for key in ordered:
        need = needs[key[0]]
        pairs += sum(
            row.role == "short" and _has_target(row, need.long(row)) for row in scenes[key]
        )
        if weigh:
            added = need.shards(scenes[key]) - taken[key[0]]
            taken[key[0]] |= added
            total += sum(map(need.size, added))
        if _exceeds(pairs, limits.max_pairs) or _exceeds(total, limits.max_bytes):
            break
        kept.add(key)
    return kept


def _exceeds(count: int, most: int | None) -> bool:
    return most is not None and count > most


def _has_target(row: FrameRow, long: FrameRow | None) -> bool:
    """Tell whether a frame has a target, its own or that of its long."""
    return any(one is not None and one.target_index != NO_TARGET for one in (row, long))


def _frame(collection: str, row: FrameRow, long: FrameRow | None) -> SubsetFrame:
    ratio = None if long is None else exposure_ratio(exposure_of(row), exposure_of(long))
    return SubsetFrame(
        collection=collection,
        group=row.group,
        index=row.index,
        name=row.name,
        scene=row.scene,
        split=row.split,
        role=row.role,
        iso=row.iso,
        ratio=None if ratio is None or math.isnan(ratio) else ratio,
        paired=_has_target(row, long),
    )
