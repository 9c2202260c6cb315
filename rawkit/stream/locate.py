"""Pairs of subsets, located in opened stores: columns become columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from rawkit.arrow import array_of, texts_of, values_of
from rawkit.errors import SelectionError, StoreError
from rawkit.sensor import UNKNOWN_BALANCE
from rawkit.store import NO_TARGET, Coordinates, codes_of, column_of
from rawkit.stream.pairs import NUMBERS, Origins, Pairs, Repeats
from rawkit.stream.texts import PackedTexts, SharedTexts
from rawkit.subset import SPLITS, Candidates, SubsetFrames

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from rawkit.store import Group, Store
    from rawkit.subset import Subset, SubsetFrame

_PLANES = 4
_AREA = ("visible_height", "visible_width", "crop_top", "crop_left")
"""Columns that `PairSource.area` is of."""


def pair_sources(
    subset: Subset, stores: Mapping[str, Store], split: str | None, *, raw: bool = False
) -> Pairs:
    """All pairs of a split, or of all splits if None, in the subset's order.

    With `raw` their targets are the packed planes of the longs.

    Raises
    ------
    SelectionError
        If the split has none.
    StoreError
        If a store no longer holds a frame of the subset.
    """
    splits = SPLITS if split is None else (split,)
    found = [subset.pairs(one) for one in splits]
    frames = SubsetFrames(pa.concat_tables([one.table for one in found]))
    if not len(frames):
        raise _no_pair(subset, " or ".join(splits))
    return sources_of(frames, stores, raw=raw)


def shorts_to_make(
    subset: Subset, stores: Mapping[str, Store], split: str, *, raw: bool = False
) -> Pairs:
    """All longs of a split, each a pair of itself and its target: shorts are made as they stream.

    Raises
    ------
    SelectionError
        If the split has none.
    StoreError
        If a store no longer holds a frame of the subset.
    """
    return sources_of(_longs_of(subset, split, raw=raw), stores, raw=raw)


def pairs_and_shorts_to_make(
    subset: Subset, stores: Mapping[str, Store], split: str, *, raw: bool = False
) -> Pairs:
    """All pairs of a split, then as many longs of which shorts are made: each again in turn.

    Where there are more longs than pairs, pairs come again in turn.

    Raises
    ------
    SelectionError
        If the split has no pair, or no long.
    StoreError
        If a store no longer holds a frame of the subset.
    """
    longs, pairs = _longs_of(subset, split, raw=raw), subset.pairs(split)
    if not len(pairs):
        raise _no_pair(subset, split)
    order = np.arange(max(len(pairs), len(longs)))
    taken = [one.take(order % len(one)).table for one in (pairs, longs)]
    return sources_of(SubsetFrames(pa.concat_tables(taken)), stores, raw=raw)


def _longs_of(subset: Subset, split: str, *, raw: bool) -> SubsetFrames:
    """Return the longs of a split, those with a rendered target unless planes are the targets."""
    rendered = {} if raw else {"paired": True}
    frames = subset.columns.where(split=split, role="long", **rendered)
    if not len(frames):
        raise SelectionError(
            f"subset {subset.name} has no long exposure in split {split}",
            expected="well-lit frames, of which shorts are made",
            fix="Ingest longs, and make the subset anew with --refresh.",
        )
    return frames


def _no_pair(subset: Subset, splits: str) -> SelectionError:
    return SelectionError(
        f"subset {subset.name} has no pair in split {splits}",
        expected="dark frames with their long exposure",
        fix="Ingest more scenes, and make the subset anew with --refresh; or make the dark frames "
        "by `rawkit train --shorts synthetic`.",
    )


def sources_of(
    frames: Iterable[SubsetFrame], stores: Mapping[str, Store], *, raw: bool = False
) -> Pairs:
    """Locate the shards and the coordinates of frames.

    With `raw` their targets are the packed planes of the longs.

    Raises
    ------
    StoreError
        If a store no longer holds a frame, or has no targets or planes of another kind.
    """
    chosen = SubsetFrames.of(frames)
    count = len(chosen)
    groups: list[Origins] = []
    repeats: list[tuple[pa.Array, NDArray[np.int32]]] = []
    which = np.empty(count, np.uint16)
    places, targets, rows, camera = (np.empty(count, np.int32) for _ in range(4))
    levels = np.empty((count, _PLANES + 1), np.float32) if raw else None
    numbers = {name: np.empty(count) for name in NUMBERS}
    areas = np.empty((count, len(_AREA)), np.int32)
    black, balance = (np.empty((count, _PLANES), np.float32) for _ in range(2))
    models: dict[str, int] = {}
    collections, names = chosen.coded("collection")
    for code in np.unique(collections).tolist():
        inside = np.flatnonzero(collections == code)
        candidates = Candidates(stores[names[code]])
        found = candidates.places_of(chosen.take(inside) if len(inside) < count else chosen)
        rows[inside] = candidates.numbers[found]
        in_group = candidates.group_codes[found]
        for number in np.unique(in_group).tolist():
            group = candidates.groups[number]
            groups.append(_origins(names[code], group, raw=raw))
            here = inside[in_group == number]
            frame = values_of(chosen.table.column("index").take(array_of(here)))
            values = Coordinates(group.frames)  # of its own: what is kept costs memory
            truth = values["target_index"][frame]
            which[here], places[here], targets[here] = len(groups) - 1, frame, truth
            if levels is not None:
                targets[here] = longs = _longs(group, frame)
                levels[here, :_PLANES] = values["black_level"][longs]
                levels[here, _PLANES] = values["white_level"][longs]
            black[here] = values["black_level"][frame]
            balance[here] = _balances(group)[truth]
            for name in NUMBERS:
                numbers[name][here] = values[name][frame]
            del values
            columns = group.columns(*_AREA)
            for place, name in enumerate(_AREA):
                areas[here, place] = values_of(column_of(columns, name))[frame]
            camera[here] = _models(group, models)[frame]
            repeats.append(_repeats(group, here, frame))
    return Pairs(
        groups, which, places, targets, rows,
        numbers=numbers, black_level=black, white_balance=balance,
        names=PackedTexts(column_of(chosen.table, "name")),
        scenes=SharedTexts(chosen.codes("scene"), chosen.texts("scene")),
        cameras=SharedTexts(camera, texts_of(list(models))),
        longs=chosen.equal("role", "long"),
        repeats=_joined(repeats), target_levels=levels, areas=areas,
    )  # fmt: skip


def _longs(group: Group, frames: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index of the long of each frame within the group: of those of its pair the longest one.

    A long is its own.
    """
    table, stored = group.frames.table, group.frames.stored
    rows = np.concatenate([stored, group.frames.duplicates])
    longs = rows[np.asarray(table.is_long)[rows]]
    shared, _ = codes_of(table.columns("pair"), "pair")
    times = np.nan_to_num(np.asarray(table.numbers("exposure_time"), np.float64)[longs])
    longs = longs[np.argsort(times, kind="stable")]
    found = np.full(int(shared.max(initial=-1)) + 1, -1, np.int64)
    found[shared[longs]] = np.asarray(table.numbers("index"), np.int64)[longs]  # the last one stays
    own = np.asarray(table.is_long)[stored[frames]]
    of_frames = np.where(own, frames, found[shared[stored[frames]]])
    if (of_frames < 0).any():
        raise StoreError(
            f"{int((of_frames < 0).sum())} dark frames of {group.name} whose long has no planes",
            expected="a long exposure for each, to train from raw to raw",
            where=group.store,
            fix="Leave the store out with --store, or train with --target picture.",
        )
    return of_frames


def _origins(collection: str, group: Group, *, raw: bool = False) -> Origins:
    target = group.packed if raw else group.target
    if target is None:
        raise StoreError(f"{group.name} has no targets", where=group.store)
    if group.packed.planes != _PLANES:
        raise StoreError(
            f"{group.name} has {group.packed.planes} planes",
            expected=f"the {_PLANES} of a Bayer mosaic: the networks know no other",
            where=group.store,
            fix="Make a subset of other stores with `rawkit subset --store`.",
        )
    return Origins(collection, group.place, group.name, group.packed, target)


def _repeats(
    group: Group, pairs: NDArray[np.int64], frames: NDArray[np.int64]
) -> tuple[pa.Array, NDArray[np.int32]]:
    """Find the frames whose pixels are those of located pairs, and which also share their long.

    `frames` are the indices of the pairs within the group. Returns names, and the pair of each.
    """
    numbers = group.frames.duplicates
    if not len(numbers):
        return pa.nulls(0, pa.string()), np.empty(0, np.int32)
    table = group.frames.table
    index = np.asarray(table.numbers("index"), np.int64)
    shared, _ = codes_of(table.columns("pair"), "pair")
    pair_of = np.full(len(group.frames.stored), -1, np.int32)
    pair_of[frames] = pairs
    originals = group.frames.stored[index[numbers]]
    same = (shared[originals] == shared[numbers]) & ~table.is_long[numbers]
    chosen = numbers[same & (pair_of[index[numbers]] >= 0)]
    names = column_of(table.columns("name"), "name").take(array_of(chosen))
    return names, pair_of[index[chosen]]


def _joined(parts: list[tuple[pa.Array, NDArray[np.int32]]]) -> Repeats:
    names = pa.chunked_array([one for one, _ in parts], pa.string()).combine_chunks()
    of = np.concatenate([np.empty(0, np.int32), *(one for _, one in parts)])
    return Repeats(PackedTexts(names), of)


def _models(group: Group, known: dict[str, int]) -> NDArray[np.int32]:
    """Return the number of each frame's camera model; new models are added to `known`."""
    models = column_of(group.columns("model"), "model")
    texts = [one or "" for one in models.dictionary.to_pylist()] + [""]
    numbers = np.array([known.setdefault(one, len(known)) for one in texts], np.int32)
    return np.asarray(numbers[values_of(models.indices, null=len(texts) - 1)])


def _balances(group: Group) -> NDArray[np.float32]:
    """White balance that each target was rendered with, shape (targets + 1, 4), NaN if unknown.

    The last one stands for no target.
    """
    columns = group.columns("target_index", "white_balance", "white_balance_source")
    own = values_of(column_of(columns, "target_index"))
    flat = values_of(column_of(columns, "white_balance").flatten())
    sources = column_of(columns, "white_balance_source")
    known = np.array([one != UNKNOWN_BALANCE for one in sources.dictionary.to_pylist()], np.bool_)
    is_known = known[values_of(sources.indices)]
    found = np.full((int(own.max(initial=NO_TARGET)) + 2, _PLANES), np.nan, np.float32)
    rows = np.flatnonzero((own != NO_TARGET) & is_known)
    found[own[rows]] = flat.reshape(len(own), -1)[rows]
    return found
