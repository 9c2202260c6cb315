"""Subsets: a named, reproducible choice of frames over the stores of a workspace.

A subset is one Parquet file: one row for each frame, and how it was made in the file's metadata.
It changes only when it is asked to, so that a study that names it stays what it was.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from rawkit.catalog import thin_scenes
from rawkit.errors import MissingError, RawkitError, SelectionError, StoreError, UsageError
from rawkit.sensor import exposure_ratio
from rawkit.store import Store, write_atomically
from rawkit.store.coordinates import NO_TARGET, exposure_of, long_of_pair
from rawkit.workspace import listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rawkit.store import FrameRow
    from rawkit.workspace import Workspace

FORMAT = "rawkit-subset"
VERSION = 1
_METADATA_KEY = b"rawkit"
_TYPES = {"index": pa.int64(), "iso": pa.float64(), "ratio": pa.float64(), "paired": pa.bool_()}


@dataclass(frozen=True, slots=True)
class SubsetFrame:
    """One frame of a subset."""

    collection: str
    """Collection it comes from."""
    group: str
    """Group within that collection's store."""
    index: int
    """Position along the frame axis of the group, from 0."""
    name: str
    """Identity within the collection."""
    scene: str
    """What one split never divides."""
    split: str
    """``train``, ``val`` or ``test``."""
    role: str
    """``short`` or ``long``."""
    iso: float | None
    """ISO speed."""
    ratio: float | None
    """Exposure ratio to its long; None where there is no long, or a time is unknown."""
    paired: bool
    """Whether its long is there and has a target."""


@dataclass(frozen=True, slots=True)
class Subset:
    """A named choice of frames."""

    name: str
    """Its name, as in ``rawkit train --subset NAME``."""
    fraction: float
    """Share of the training scenes, above 0 and at most 1."""
    seed: int
    """Seed of the order in which scenes are taken."""
    created: str
    """When it was made, ISO 8601, UTC."""
    stores: Mapping[str, str]
    """Path of each collection's store, relative to the workspace where it lies in it."""
    frames: tuple[SubsetFrame, ...]
    """Frames, by collection, group and index."""

    def pairs(self, split: str) -> list[SubsetFrame]:
        """Shorts of a split that have a long."""
        return [
            frame
            for frame in self.frames
            if frame.split == split and frame.role == "short" and frame.paired
        ]

    def balance(self) -> list[tuple[str, str, float | None, float | None, int, int, int]]:
        """Count pairs by collection, camera, ISO and ratio: train, val, test."""
        counts: Counter[tuple[str, str, float | None, float | None, str]] = Counter()
        for split in ("train", "val", "test"):
            for frame in self.pairs(split):
                camera = frame.group.partition("/")[0]
                ratio = None if frame.ratio is None else float(f"{frame.ratio:.2g}")
                counts[frame.collection, camera, frame.iso, ratio, split] += 1
        keys = sorted({key[:4] for key in counts}, key=lambda key: [str(key[0]), key[1],
                      key[2] or 0.0, key[3] or 0.0])  # fmt: skip
        return [
            (*key, counts[(*key, "train")], counts[(*key, "val")], counts[(*key, "test")])
            for key in keys
        ]


def make_subset(
    workspace: Workspace,
    stores: Sequence[Path],
    *,
    fraction: float,
    seed: int = 0,
    name: str | None = None,
    refresh: bool = False,
) -> tuple[Subset, bool]:
    """Choose frames and save the choice; returns it, and whether it was (re)made.

    The training split alone is thinned, by whole scenes, for each collection and camera; val and
    test stay whole. A saved subset made with the same settings is returned as it is.

    Raises
    ------
    UsageError
        If the fraction makes no sense, or a subset of that name was made with other settings.
    SelectionError
        If the stores hold no training pair.
    """
    if not stores:
        raise MissingError(
            "no store", expected="at least one", where=workspace.root / "stores",
            fix="`rawkit ingest COLLECTION` makes one.",
        )  # fmt: skip
    thin_scenes((), fraction, seed)
    name = name or f"f{float(Fraction(repr(fraction))):g}"
    path = workspace.subset(name)
    located = {Store(store).collection: _relative(store, workspace) for store in stores}
    if path.exists() and not refresh:
        saved = load_subset(path)
        if (saved.fraction, saved.seed, dict(saved.stores)) != (fraction, seed, located):
            raise UsageError(
                f"subset {name} was made with fraction {saved.fraction:g}, seed {saved.seed}, "
                f"stores {listed(saved.stores)}",
                expected=f"fraction {fraction:g}, seed {seed}, stores {listed(located)}",
                where=path,
                fix="Choose another --name, or --refresh to make it anew.",
            )
        return saved, False
    frames = [frame for store in stores for frame in _choose(Store(store), fraction, seed)]
    created = datetime.now(UTC).isoformat(timespec="microseconds")
    subset = Subset(name, fraction, seed, created, located, tuple(frames))
    if not subset.pairs("train"):
        raise SelectionError(
            f"no training pair among {len(frames)} frames",
            expected="dark frames of the train split with their long exposure",
            where=", ".join(str(store) for store in stores),
            fix="Ingest more scenes, or the longs that are missing.",
        )
    _save(subset, path)
    return subset, True


def _choose(store: Store, fraction: float, seed: int) -> list[SubsetFrame]:
    """Frames of one store: the train split thinned for each camera, the others whole."""
    cameras: dict[str, set[str]] = {}
    for name, group in store.groups.items():
        scenes = {row.scene for row in group.rows if row.split == "train"}
        cameras.setdefault(name.partition("/")[0], set()).update(scenes)
    kept = {camera: thin_scenes(scenes, fraction, seed) for camera, scenes in cameras.items()}
    frames = []
    for name, group in store.groups.items():
        longs = long_of_pair([*group.rows, *group.duplicates])
        frames += [
            _frame(store.collection, row, longs.get(row.pair))
            for row in group.rows
            if row.split != "train" or row.scene in kept[name.partition("/")[0]]
        ]
    return frames


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
        paired=long is not None and long.target_index != NO_TARGET,
    )


def _relative(store: Path, workspace: Workspace) -> str:
    store, root = store.resolve(), workspace.root.resolve()
    return store.relative_to(root).as_posix() if store.is_relative_to(root) else str(store)


def _save(subset: Subset, path: Path) -> None:
    about = {
        "format": FORMAT,
        "version": VERSION,
        "name": subset.name,
        "fraction": subset.fraction,
        "seed": subset.seed,
        "created": subset.created,
        "stores": dict(subset.stores),
    }
    schema = pa.schema(
        [
            pa.field(field.name, _TYPES.get(field.name, pa.string()))
            for field in fields(SubsetFrame)
        ],
        metadata={_METADATA_KEY: json.dumps(about).encode()},
    )
    rows = [asdict(frame) for frame in subset.frames]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), sink, compression="zstd")
    write_atomically(path, sink.getvalue().to_pybytes())


def load_subset(path: Path) -> Subset:
    """Load a saved subset.

    Raises
    ------
    MissingError
        If there is none.
    StoreError
        If the file is no subset, or one of another version.
    """
    if not path.is_file():
        raise MissingError(
            "no such subset", where=path,
            expected=f"one of {listed(sorted(p.stem for p in path.parent.glob('*.parquet')))}",
            fix="`rawkit subset --fraction 0.4` makes one.",
        )  # fmt: skip
    try:
        table = pq.read_table(path)
        about: dict[str, Any] = json.loads((table.schema.metadata or {})[_METADATA_KEY])
        if (about["format"], about["version"]) != (FORMAT, VERSION):
            raise StoreError(
                f"{about['format']} version {about['version']}",
                expected=f"{FORMAT} version {VERSION}",
                where=path,
                fix="Make it anew with `rawkit subset --refresh`.",
            )
        frames = tuple(SubsetFrame(**row) for row in table.to_pylist())
        return Subset(
            name=about["name"],
            fraction=about["fraction"],
            seed=about["seed"],
            created=about["created"],
            stores=about["stores"],
            frames=frames,
        )
    except RawkitError:
        raise
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"not a subset ({error})", where=path, fix="Make it anew with --refresh."
        ) from error


def newest_subset(workspace: Workspace) -> Subset | None:
    """Return the subset that was made last; None if there is none."""
    subsets = [load_subset(path) for path in workspace.subsets()]
    return max(subsets, key=lambda subset: (subset.created, subset.name), default=None)


def open_stores(subset: Subset, workspace: Workspace) -> dict[str, Store]:
    """Open the stores that a subset refers to, by collection.

    Raises
    ------
    MissingError
        If one is gone.
    """
    return {
        collection: Store(workspace.root / location)
        for collection, location in subset.stores.items()
    }
