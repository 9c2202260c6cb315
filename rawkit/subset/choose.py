"""Which frames a subset takes: filters on all splits, then whole scenes of the training split."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
import pyarrow as pa

from rawkit.arrow import array_of, empty_table, texts_of
from rawkit.catalog import (
    Entry,
    Selection,
    known_collections,
    load_definition,
    scene_digest,
    thin_scenes,
)
from rawkit.errors import SelectionError
from rawkit.sensor import Frame
from rawkit.store import exposure_of
from rawkit.subset.candidates import Candidates
from rawkit.subset.frames import FRAME_SCHEMA, SubsetFrames
from rawkit.subset.passing import passing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from rawkit.catalog import Role, Split
    from rawkit.store import FrameRow, Store
    from rawkit.subset.types import Limits

_SceneKey = tuple[str, str, str]
"""Collection, camera, scene."""


class _Passed(NamedTuple):
    """What passes of a store, by group and index."""

    candidates: Candidates
    places: NDArray[np.int64]
    """Places among the candidates."""
    is_train: NDArray[np.bool_]
    scenes: NDArray[np.int64]
    """Which camera and scene each is of."""
    keys: list[tuple[str, str]]
    """Camera and scene of each of these."""


def choose_frames(
    stores: Sequence[Store], *, fraction: float, seed: int, limits: Limits, selection: Selection
) -> SubsetFrames:
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
    passed = _filtered({store.collection: Candidates(store) for store in stores}, selection)
    kept = _thinned(passed, fraction, seed)
    if limits.max_pairs is not None or limits.max_bytes is not None:
        kept = _fitting(passed, _in_turns(kept, seed), limits)
    tables = [empty_table(FRAME_SCHEMA)]
    for collection, one in passed.items():
        taken = np.array([(collection, *key) in kept for key in one.keys], np.bool_)
        places = one.places[~one.is_train | taken[one.scenes]] if len(taken) else one.places
        tables.append(_frames(collection, one.candidates, places))
    return SubsetFrames(pa.concat_tables(tables))


def _filtered(candidates: Mapping[str, Candidates], selection: Selection) -> dict[str, _Passed]:
    """Return the stored frames of each collection that pass, by group and index."""
    passed: dict[str, _Passed] = {}
    failures: list[SelectionError] = []
    for collection, one in candidates.items():
        try:
            passed[collection] = _passed(one, passing(one, selection))
        except SelectionError as error:
            failures.append(error)
    if not passed and failures:
        raise failures[0]
    return passed


def _passed(candidates: Candidates, places: NDArray[np.int64]) -> _Passed:
    split, splits = candidates.coded("split")
    train = splits.index("train") if "train" in splits else -1
    cameras, camera_texts = candidates.cameras
    scenes, scene_texts = candidates.coded("scene")
    together = cameras.astype(np.int64)[places] * len(scene_texts) + scenes[places]
    distinct, which = np.unique(together, return_inverse=True)
    camera, scene = (one.tolist() for one in np.divmod(distinct, max(1, len(scene_texts))))
    keys = list(zip(map(camera_texts.__getitem__, camera), map(scene_texts.__getitem__, scene),
                    strict=True))  # fmt: skip
    return _Passed(candidates, places, split[places] == train, which.reshape(-1), keys)


def entries_of(rows: Iterable[FrameRow], collection: str) -> list[Entry]:
    """See rows of a collection's store as the catalog sees raw files, by name."""
    kind_of = _kinds(collection)
    ordered = sorted(rows, key=lambda row: row.name)
    return [replace(_entry(row), kind=kind_of(row.scene)) for row in ordered]


def _kinds(collection: str) -> Callable[[str], str | None]:
    """Tell kinds of scenes as the definition that ships does; none for collections of one's own."""
    if collection not in known_collections():
        return lambda _: None
    return load_definition(collection).kind_of


def _entry(row: FrameRow) -> Entry:
    """See a stored row as the catalog sees a raw file, its pair within its group."""
    frame = Frame(
        name=row.name,
        size_bytes=row.raw_bytes,
        make=row.make,
        model=row.model,
        exposure=exposure_of(row),
        taken=row.taken,
        orientation=row.orientation,
    )
    return Entry(
        frame=frame,
        source=row.source,
        role=cast("Role", row.role),
        scene=row.scene,
        view=row.view,
        pair=f"{row.group}\0{row.pair}",
        split=cast("Split", row.split),
    )


def _thinned(passed: Mapping[str, _Passed], fraction: float, seed: int) -> set[_SceneKey]:
    """Thin the training scenes of each collection and camera."""
    scenes: dict[tuple[str, str], list[str]] = defaultdict(list)
    for collection, one in passed.items():
        for number in np.unique(one.scenes[one.is_train]).tolist():
            camera, scene = one.keys[number]
            scenes[collection, camera].append(scene)
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
    passed: Mapping[str, _Passed], ordered: Iterable[_SceneKey], limits: Limits
) -> set[_SceneKey]:
    """Take scenes in their order until one does not fit."""
    pairs = total = 0
    weigh = limits.max_bytes is not None
    taken: dict[str, NDArray[np.bool_]] = {}
    if weigh:
        for collection, one in passed.items():
            taken[collection] = one.candidates.shards(one.places[~one.is_train])
            total += _bytes(one.candidates, taken[collection])
    if limits.max_bytes is not None and total > limits.max_bytes:
        raise SelectionError(
            f"val and test, which stay whole, take {total} bytes",
            expected=f"no more than {limits.max_bytes} with the training scenes",
            fix="Allow more, or leave frames out with filters such as --iso, --split train.",
        )
    kept: set[_SceneKey] = set()
    scenes = {
        (collection, *key): places
        for collection, one in passed.items()
        for key, places in _train_scenes(one)
    }
    for key in ordered:
        candidates, places = passed[key[0]].candidates, scenes[key]
        pairs += int(np.count_nonzero(~candidates.is_long[places] & candidates.paired[places]))
        if weigh:
            total += candidates.take_shards(places, taken[key[0]])
        if _exceeds(pairs, limits.max_pairs) or _exceeds(total, limits.max_bytes):
            break
        kept.add(key)
    return kept


def _train_scenes(one: _Passed) -> Iterator[tuple[tuple[str, str], NDArray[np.int64]]]:
    """Yield the training frames of each camera and scene."""
    inside = np.flatnonzero(one.is_train)
    ordered = inside[np.argsort(one.scenes[inside], kind="stable")]
    numbers, begins = np.unique(one.scenes[ordered], return_index=True)
    pieces = np.split(one.places[ordered], begins[1:])
    for number, places in zip(numbers.tolist(), pieces, strict=False):
        yield one.keys[number], places


def _bytes(candidates: Candidates, needed: NDArray[np.bool_]) -> int:
    return int(candidates.sizes(needed)[needed].sum())


def _exceeds(count: int, most: int | None) -> bool:
    return most is not None and count > most


def _frames(collection: str, candidates: Candidates, places: NDArray[np.int64]) -> pa.Table:
    """Columns of the frames that are chosen."""
    chosen = array_of(places)
    shared = array_of(np.zeros(len(places), np.int32))
    ratios = candidates.ratios[places]
    groups = texts_of([group.name for group in candidates.groups])
    columns = {
        "collection": texts_of([collection]).take(shared),
        "group": groups.take(array_of(candidates.group_codes[places])),
        "ratio": array_of(ratios, np.isnan(ratios)),
        "paired": array_of(candidates.paired[places]),
    }
    arrays = [
        columns[field.name] if field.name in columns
        else candidates.column(field.name).take(chosen).cast(field.type)
        for field in FRAME_SCHEMA
    ]  # fmt: skip
    return pa.Table.from_arrays(arrays, schema=FRAME_SCHEMA)
