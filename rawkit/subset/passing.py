"""Filters on the frames of a store, column by column: what `select_entries` does frame by frame."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rawkit.arrow import array_of, texts_of, values_of
from rawkit.catalog import (
    ISO_ROUNDING,
    NOMINAL,
    Selection,
    compile_where,
    is_named,
    is_within,
    known_collections,
    load_definition,
    nothing_passes,
    place_in_video,
)
from rawkit.store import NOBODY, known_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from rawkit.errors import SelectionError
    from rawkit.subset.candidates import Candidates


def passing(candidates: Candidates, selection: Selection) -> NDArray[np.int64]:
    """Return the places of the frames that a selection takes, ascending: shorts, and their longs.

    Raises
    ------
    SelectionError
        If nothing passes; says what there is.
    """
    if selection == Selection():
        return np.arange(len(candidates))
    fields = _Fields(candidates)
    shorts = np.flatnonzero(~candidates.is_long)
    passed = shorts
    for test in _tests(selection, fields):
        passed = passed[test(passed)]
    if selection.per_long is not None:
        passed = _one_for_each_long(passed, fields, selection.per_long)
    if selection.limit is not None:
        ranks = _by_name(fields, passed)
        passed = np.sort(passed[ranks[: selection.limit]])
    if not len(passed):
        raise _nothing(candidates, fields, shorts, selection)
    longs = _wanted_longs(candidates, passed, selection)
    return np.sort(
        np.concatenate([
            passed if selection.role != "long" else passed[:0],
            longs if selection.role != "short" else longs[:0],
        ])
    )  # fmt: skip


def _wanted_longs(
    candidates: Candidates, passed: NDArray[np.int64], selection: Selection
) -> NDArray[np.int64]:
    """Return the places of the longs that come along, as far as their pixels are stored."""
    if selection == Selection(role="long"):
        rows = candidates.longs[candidates.is_long]
    else:
        rows = candidates.longs[passed]
    rows = np.unique(rows[rows != NOBODY])
    place_of = np.full(len(candidates.store.frames), -1, np.int64)
    place_of[candidates.numbers] = np.arange(len(candidates))
    places = place_of[rows]
    return places[places >= 0]


class _Fields:
    """What filters ask of frames."""

    def __init__(self, candidates: Candidates) -> None:
        self.candidates = candidates
        self._read: dict[str, Callable[[], pa.Array]] = {
            "kind": self._kind,
            "pair": self._pair,
            "own_pair": lambda: self.candidates.column("pair"),
            "frame": self._number,
            "camera": lambda: self.candidates.column("model"),
            "iso": lambda: self._known("iso"),
            "shutter": lambda: self._known("exposure_time"),
            "seconds": lambda: self._known("exposure_time"),
            "f_number": lambda: self._known("f_number"),
            "ratio": lambda: _or_null(self.candidates.ratios),
            "size": lambda: self.candidates.column("raw_bytes"),
            "path": lambda: self.candidates.column("source"),
            "origin": self._nothing,
            "stamp": self._nothing,
        }

    def __getitem__(self, name: str) -> pa.Array:
        """Values of a field of ``--where`` for all frames; null where it is unknown."""
        read = self._read.get(name)
        return self.candidates.column(name) if read is None else read()

    def _known(self, name: str) -> pa.Array:
        return _or_null(known_of(self.candidates.store.frames, name)[self.candidates.numbers])

    def _nothing(self) -> pa.Array:
        return pa.nulls(len(self.candidates), pa.string())

    def _number(self) -> pa.Array:
        """Numbers in their videos, as names tell them."""
        places = [place_in_video(name) for name in self.candidates.column("name").to_pylist()]
        return pa.array([None if one is None else one.number for one in places], pa.int64())

    def _pair(self) -> pa.Array:
        """Pairs within their groups."""
        groups = [group.name for group in self.candidates.groups]
        group = texts_of(groups).take(array_of(self.candidates.group_codes))
        pair = self.candidates.column("pair").cast(pa.string())
        return pc.binary_join_element_wise(group, pair, "\0").dictionary_encode()

    def _kind(self) -> pa.Array:
        """Kinds of scenes as the definition that ships tells them."""
        collection = self.candidates.store.collection
        if collection not in known_collections():
            return self._nothing()
        codes, scenes = self.candidates.coded("scene")
        kinds = [load_definition(collection).kind_of(scene) for scene in scenes]
        return texts_of(kinds).take(array_of(codes))


def _or_null(values: NDArray[np.float64]) -> pa.Array:
    return array_of(values, np.isnan(values))


def _tests(
    selection: Selection, fields: _Fields
) -> Iterator[Callable[[NDArray[np.int64]], NDArray[np.bool_]]]:
    """Yield the filters that are set: which of some frames pass."""
    cameras = [name.lower() for name in selection.cameras]
    bad = selection.bad_of(fields.candidates.store.collection)
    by_field: list[tuple[str, object, Callable[[Any], bool]]] = [
        ("own_pair", selection.excluded, lambda pair: not is_named(pair, selection.excluded)),
        ("name", bad, lambda name: name not in bad),
        ("split", selection.splits, lambda split: split in selection.splits),
        ("scene", selection.scenes, lambda scene: is_named(scene, selection.scenes)),
        ("view", selection.views, lambda view: is_named(view, selection.views)),
        ("camera", cameras, lambda model: is_named((model or "").lower(), cameras)),
        ("iso", selection.isos,
         lambda iso: is_within(iso, selection.isos, around=ISO_ROUNDING)),
        ("shutter", selection.shutters,
         lambda seconds: is_within(seconds, selection.shutters, NOMINAL)),
        ("ratio", selection.ratios, lambda ratio: is_within(ratio, selection.ratios, NOMINAL)),
    ]  # fmt: skip
    for name, wanted, test in by_field:
        if wanted:
            yield partial(_on, fields, name, test)
    if selection.where:
        yield lambda places: _where(fields, places, selection.where)


def _on(
    fields: _Fields, name: str, test: Callable[[Any], bool], places: NDArray[np.int64]
) -> NDArray[np.bool_]:
    return _by_value(fields[name].take(array_of(places)), test)


def _by_value(values: pa.Array, test: Callable[[Any], bool]) -> NDArray[np.bool_]:
    """Test each distinct value once."""
    coded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
    results = [test(value) for value in coded.dictionary.to_pylist()]
    found = np.array([*results, test(None) if coded.null_count else False], np.bool_)
    return np.asarray(found[values_of(coded.indices, null=len(results))])


def _where(fields: _Fields, places: NDArray[np.int64], text: str) -> NDArray[np.bool_]:
    """Evaluate an expression once for each distinct combination of the fields it asks for."""
    where = compile_where(text)
    names = sorted(where.names)
    taken = [_plain(fields[name].take(array_of(places))) for name in names]
    keys = np.zeros(len(places), np.int64)
    for values in taken:
        coded = values.dictionary_encode(null_encoding="encode")
        keys = keys * max(1, len(coded.dictionary)) + values_of(coded.indices)
        keys = values_of(array_of(keys).dictionary_encode().indices).astype(np.int64)
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    columns = [values.take(array_of(first)).to_pylist() for values in taken]
    results = [where({})] if not names else [
        where(dict(zip(names, values, strict=True))) for values in zip(*columns, strict=True)
    ]  # fmt: skip
    return np.array(results, np.bool_)[which.reshape(-1)] if len(places) else np.empty(0, np.bool_)


def _plain(values: pa.Array) -> pa.Array:
    return values.cast(values.type.value_type) if pa.types.is_dictionary(values.type) else values


def _by_name(fields: _Fields, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the order of frames by their names."""
    names = fields["name"].take(array_of(places))
    return np.asarray(values_of(pc.sort_indices(names)), np.int64)


def _one_for_each_long(places: NDArray[np.int64], fields: _Fields, which: str) -> NDArray[np.int64]:
    """Keep one short of each pair that has a long; shorts without one all stay."""
    candidates = fields.candidates
    longs = candidates.longs[places]
    ordered = _by_name(fields, places)
    ordered = ordered[longs[ordered] != NOBODY]
    first = _first_of_each(ordered, longs)
    if which == "darkest":
        ratios = candidates.ratios[places]
        falling = ordered[np.argsort(-np.nan_to_num(ratios[ordered], nan=-np.inf), kind="stable")]
        best = _first_of_each(falling, longs)
        # Nothing is darker than what has no ratio: a first one that has none stays.
        unknown = np.isnan(ratios[first])
        best = np.where(unknown, first, best)
        first = best
    kept = np.concatenate([first, np.flatnonzero(longs == NOBODY)])
    return np.sort(places[kept])


def _first_of_each(ordered: NDArray[np.int64], keys: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the first of each key, in the order of keys."""
    _, first = np.unique(keys[ordered], return_index=True)
    return ordered[first]


def _nothing(
    candidates: Candidates, fields: _Fields, shorts: NDArray[np.int64], selection: Selection
) -> SelectionError:
    def distinct(name: str) -> list[Any]:
        found: list[Any] = pc.unique(_plain(fields[name].take(array_of(shorts)))).to_pylist()
        return found

    return nothing_passes(
        str(candidates.store.path), len(shorts), selection,
        isos=distinct("iso"), shutters=distinct("shutter"), splits=distinct("split"),
        scenes=distinct("scene"), cameras=distinct("camera"),
    )  # fmt: skip
