"""Subsets on disk: one Parquet file each."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from rawkit.catalog import Selection
from rawkit.errors import MissingError, RawkitError, StoreError
from rawkit.files import write_atomically
from rawkit.store import Store
from rawkit.subset.frames import FRAME_SCHEMA, SHARED, SubsetFrames
from rawkit.subset.types import FORMAT, VERSION, Limits, Subset
from rawkit.workspace import listed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rawkit.workspace import Workspace

_METADATA_KEY = b"rawkit"


def encode_subset(subset: Subset) -> bytes:
    """Encode a subset as Parquet, the same bytes for the same subset."""
    about = {
        "format": FORMAT,
        "version": VERSION,
        "name": subset.name,
        "fraction": subset.fraction,
        "seed": subset.seed,
        "created": subset.created,
        "stores": dict(subset.stores),
        **{key: value for key, value in asdict(subset.limits).items() if value is not None},
    }
    if subset.selection != Selection():
        about["selection"] = selection_values(subset.selection)
    metadata = {_METADATA_KEY: json.dumps(about).encode()}
    table = subset.columns.plain().replace_schema_metadata(metadata)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    encoded: bytes = sink.getvalue().to_pybytes()
    return encoded


def save_subset(subset: Subset, path: Path) -> None:
    """Save a subset, replacing what was there."""
    write_atomically(path, encode_subset(subset))


def selection_values(selection: Selection) -> dict[str, Any]:
    """Return the filters that are set, as plain values."""
    nothing = asdict(Selection())
    return {key: value for key, value in asdict(selection).items() if value != nothing[key]}


def selection_from(values: Mapping[str, Any]) -> Selection:
    """Read a selection back; ranges and lists become tuples again."""
    return Selection(**{key: _as_tuples(value) for key, value in values.items()})


def _as_tuples(value: Any) -> Any:
    return tuple(_as_tuples(one) for one in value) if isinstance(value, list) else value


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
        table = pq.ParquetFile(path, read_dictionary=list(SHARED)).read(use_threads=False)
        about: dict[str, Any] = json.loads((table.schema.metadata or {})[_METADATA_KEY])
        if (about["format"], about["version"]) != (FORMAT, VERSION):
            raise StoreError(
                f"{about['format']} version {about['version']}",
                expected=f"{FORMAT} version {VERSION}",
                where=path,
                fix="Make it anew with `rawkit subset --refresh`.",
            )
        frames = SubsetFrames(table.select(FRAME_SCHEMA.names).replace_schema_metadata(None))
        return Subset(
            name=about["name"],
            fraction=about["fraction"],
            seed=about["seed"],
            created=about["created"],
            stores=about["stores"],
            frames=frames,
            limits=Limits(about.get("max_pairs"), about.get("max_bytes")),
            selection=selection_from(about.get("selection", {})),
        )
    except RawkitError:
        raise
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError, AttributeError) as error:
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
        collection: Store(workspace.locate(location))
        for collection, location in subset.stores.items()
    }
