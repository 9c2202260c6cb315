"""What is in a raw file, a store, a collection: plain values to print or to write as JSON."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rawkit.catalog import load_definition, longs_by_pair, scan_with_table
from rawkit.errors import MissingError, UnreadableError
from rawkit.locations import Url
from rawkit.progress import SILENT
from rawkit.sensor import RESAMPLED, amplification_base, decode, read_exif
from rawkit.store import Store, is_store, read_evicted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from rawkit.catalog import Definition, Entry
    from rawkit.locations import Location
    from rawkit.progress import Progress
    from rawkit.store import Group
    from rawkit.workspace import Workspace


def describe_named(what: str, workspace: Workspace, progress: Progress = SILENT) -> dict[str, Any]:
    """Describe a path (raw file, store), or a collection by its name, with its store if any.

    Raises
    ------
    MissingError
        If nothing of that name is there.
    RawFileError, StoreError
        If what is there cannot be used.
    """
    path = workspace.locate(what)
    if isinstance(path, Url) or is_store(path):
        return describe_store(path)
    if path.is_file() and path.suffix != ".toml":
        return describe_raw(path)
    try:
        definition = load_definition(what)
    except MissingError as error:
        raise MissingError(
            f"no raw file, store or collection {what!r}",
            expected="a path, or the name of a store or collection",
            where=workspace.root,
            fix=error.reason,
        ) from error
    found = describe_collection(what, workspace, progress)
    store = workspace.store(definition.name)
    return {**found, "store": describe_store(store) if store in workspace.stores() else None}


def describe_raw(path: Path) -> dict[str, Any]:
    """Describe one raw file, decoded."""
    image = decode(path, resample=True)
    try:
        with path.open("rb") as file:
            exif = read_exif(file)
    except OSError as error:
        raise UnreadableError(f"cannot be read ({error.strerror})", where=path) from error
    mosaic, pixels = image.mosaic, image.pixels
    exposure = exif.exposure.or_else(image.exposure)
    return {
        "kind": "raw file",
        "path": str(path),
        "make": exif.make,
        "model": exif.model,
        "taken": exif.taken,
        "exposure_time": exposure.seconds,
        "iso": exposure.iso,
        "f_number": exposure.f_number,
        "orientation": exif.orientation,
        "pattern": mosaic.pattern_text,
        "note": RESAMPLED if image.resampled else None,
        "raw_size": [mosaic.raw_height, mosaic.raw_width],
        "visible_size": [mosaic.height, mosaic.width],
        "visible_top_left": [mosaic.top, mosaic.left],
        "pixel_aspect": mosaic.pixel_aspect,
        "black_level": list(mosaic.black_level),
        "white_level": mosaic.white_level,
        "levels_from": "file",
        "camera_white_level": mosaic.camera_white_level and list(mosaic.camera_white_level),
        "white_balance": list(image.white_balance.multipliers),
        "white_balance_source": image.white_balance.source,
        "lowest": int(pixels.min()),
        "mean": float(pixels.mean()),
        "highest": int(pixels.max()),
        "amplification_base": amplification_base(image),
    }


def describe_store(path: Location) -> dict[str, Any]:
    """Describe a store from its table and metadata; no pixel is read."""
    store = Store(path)
    return {
        "kind": "store",
        "path": str(path),
        **store.attributes,
        "bytes": store.stored_bytes(),
        "frames": len(store.rows),
        "evicted": len(read_evicted(path)),
        "duplicates": sum(row.duplicate_of is not None for row in store.rows),
        "groups": [_group(group) for group in store.groups.values()],
    }


def _group(group: Group) -> dict[str, Any]:
    rows, values = group.rows, group.coordinates
    shorts = [index for index, row in enumerate(rows) if row.role == "short"]
    ratios = [float(values["exposure_ratio"][index]) for index in shorts]
    known = [ratio for ratio in ratios if math.isfinite(ratio)]
    packed, target = group.packed, group.target
    return {
        "group": group.name,
        "make": rows[0].make,
        "model": rows[0].model,
        "frames": len(rows),
        "shorts": len(shorts),
        "longs": len(rows) - len(shorts),
        "pairs": sum(int(values["target_index"][index]) >= 0 for index in shorts),
        "scenes": len({row.scene for row in rows}),
        "splits": _count(row.split for row in rows),
        "isos": _count(row.iso for row in rows),
        "exposure_times": _count(row.exposure_time for row in rows),
        "ratio": [min(known), max(known)] if known else None,
        "black_levels": _count(tuple(row.black_level) for row in rows),
        "white_levels": _count(row.white_level for row in rows),
        "levels_from": _count(row.level_source for row in rows),
        "packed": [packed.count, packed.planes, packed.height, packed.width],
        "packed_codec": packed.codec,
        "target": target and [target.count, target.planes, target.height, target.width],
        "target_codec": target and target.codec,
    }


def describe_collection(
    name: str, workspace: Workspace, progress: Progress = SILENT
) -> dict[str, Any]:
    """Describe a collection: its definition and, where its files are, what names and EXIF say."""
    definition = load_definition(name)
    about = definition.model_dump(include={"title", "homepage", "licence", "citation", "obtain"})
    source = workspace.data(definition.name)
    found: dict[str, Any] = {"kind": "collection", "collection": definition.name, **about}
    if definition.excluded:
        found["excluded"] = {", ".join(one.pairs): one.reason for one in definition.excluded}
    if not source.is_dir():
        return {**found, "source": None}
    table = workspace.catalog(definition.name)
    catalog = scan_with_table(definition, source, table, progress, save=False).catalog
    return {
        **found,
        "source": str(source),
        **describe_entries(definition, catalog.entries),
        "left_out": [asdict(one) for one in catalog.left_out],
    }


def describe_entries(definition: Definition, entries: Sequence[Entry]) -> dict[str, Any]:
    """Count the frames of a catalog, or some of them."""
    shorts = [entry for entry in entries if entry.role == "short"]
    longs = longs_by_pair(entries)
    kinds = _count(entry.kind for entry in shorts)
    return {
        "frames": len(entries),
        "shorts": len(shorts),
        "longs": len(entries) - len(shorts),
        "pairs": sum(entry.brings_truth or entry.pair in longs for entry in shorts),
        "scenes": len({entry.scene for entry in entries}),
        "bytes": sum(entry.frame.size_bytes for entry in entries),
        "cameras": _count(entry.frame.model for entry in entries),
        "splits": _count(entry.split for entry in shorts),
        **({"kinds": kinds} if definition.kinds else {}),
        "isos": _count(entry.frame.exposure.iso for entry in shorts),
        "exposure_times": _count(entry.frame.exposure.seconds for entry in shorts),
    }


def _count(values: Iterable[Any]) -> dict[str, int]:
    """Count values, in their order, as text."""
    counts = Counter(values)
    known = sorted((value for value in counts if value is not None), key=lambda value: (value,))
    texts = {_text(value): counts[value] for value in known}
    return {**texts, "unknown": counts[None]} if None in counts else texts


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(_text(one) for one in value)
    return f"{value:.4g}" if isinstance(value, float) and value < 1 else (
        f"{value:g}" if isinstance(value, float) else str(value)
    )  # fmt: skip
