"""What is in a raw file, a store, a collection: plain values to print or to write as JSON."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from rawkit.arrow import array_of
from rawkit.catalog import load_definition, longs_by_pair, scan_with_table
from rawkit.errors import MissingError, UnreadableError
from rawkit.locations import Url
from rawkit.noise import is_profile, read_profile
from rawkit.progress import SILENT
from rawkit.report.camera import describe_profile
from rawkit.sensor import RESAMPLED, amplification_base, decode, read_exif
from rawkit.store import (
    NO_TARGET,
    Store,
    is_store,
    is_text,
    profiles_of,
    read_evicted,
    value_counts,
)
from rawkit.stream import runs_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from rawkit.catalog import Definition, Entry
    from rawkit.locations import Location
    from rawkit.noise import CameraProfile
    from rawkit.progress import Progress
    from rawkit.store import Group
    from rawkit.workspace import Workspace


_NAMES = 200_000
"""Names that are looked at for videos."""
_DESCRIBED = (
    "role", "scene", "split", "iso", "exposure_time", "black_level", "white_level", "level_source",
)  # fmt: skip
"""Columns whose values are counted."""


def describe_named(what: str, workspace: Workspace, progress: Progress = SILENT) -> dict[str, Any]:
    """Describe a path (raw file, store, camera profile), or a collection by its name.

    With a collection comes its store, if there is one.

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
    if is_profile(path):
        return describe_profile(read_profile(path), path)
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
    repeated = store.frames.columns("duplicate_of").column("duplicate_of")
    return {
        "kind": "store",
        "path": str(path),
        **store.attributes,
        "profiles": [_profile(one) for one in profiles_of(store).values()],
        "bytes": store.stored_bytes(),
        "frames": len(store.frames),
        "evicted": len(read_evicted(path)),
        "duplicates": len(repeated) - repeated.null_count,
        "groups": [_group(group) for group in store.groups.values()],
    }


def _profile(profile: CameraProfile) -> dict[str, Any]:
    """Describe a profile that travels with a store."""
    return {
        "camera": profile.camera,
        "isos": [one.iso for one in profile.isos],
        "hot_pixels": len(profile.hot),
        "dark_shading": bool(profile.ranges),
    }


def _group(group: Group) -> dict[str, Any]:
    columns = group.columns(*_DESCRIBED)
    values = group.coordinates
    is_short = ~is_text(columns, "role", "long")
    ratios = values["exposure_ratio"][is_short]
    known = ratios[np.isfinite(ratios)]
    packed, target = group.packed, group.target
    shorts, first = int(is_short.sum()), group.rows[0]

    def counted(name: str) -> dict[str, int]:
        return _counted(value_counts(columns, name))

    return {
        "group": group.name,
        "make": first.make,
        "model": first.model,
        "frames": len(is_short),
        "shorts": shorts,
        "longs": len(is_short) - shorts,
        "pairs": int(np.count_nonzero(values["target_index"][is_short] != NO_TARGET)),
        "scenes": len(value_counts(columns, "scene")),
        **_videos(group),
        "splits": counted("split"),
        "isos": counted("iso"),
        "exposure_times": counted("exposure_time"),
        "ratio": [float(known.min()), float(known.max())] if len(known) else None,
        "black_levels": counted("black_level"),
        "white_levels": counted("white_level"),
        "levels_from": counted("level_source"),
        "packed": [packed.count, packed.planes, packed.height, packed.width],
        "packed_codec": packed.codec,
        "target": target and [target.count, target.planes, target.height, target.width],
        "target_codec": target and target.codec,
    }


def _videos(group: Group) -> dict[str, Any]:
    """Count the runs of neighbouring dark frames, of which clips are cut; nothing of photographs.

    Of very many frames, whose names take seconds to read, nothing is said.
    """
    table = group.frames.table
    rows = np.concatenate([group.frames.stored, group.frames.duplicates])
    rows = rows[~table.is_long[rows]]
    if len(rows) > _NAMES:
        return {}
    columns = table.columns("name", "scene").take(array_of(rows))
    names, scenes = (columns.column(name).to_pylist() for name in ("name", "scene"))
    lengths = runs_of(names, scenes).of_at_least(2).lengths
    if not len(lengths):
        return {}
    about = {"runs": len(lengths), "frames": int(lengths.sum()), "longest": int(lengths.max())}
    return {"videos": about}


def describe_collection(
    name: str, workspace: Workspace, progress: Progress = SILENT
) -> dict[str, Any]:
    """Describe a collection: its definition and, where its files are, what names and EXIF say."""
    definition = load_definition(name)
    about = definition.model_dump(include={"title", "homepage", "licence", "citation", "obtain"})
    source = workspace.data(definition.name)
    found: dict[str, Any] = {"kind": "collection", "collection": definition.name, **about}
    if definition.places:
        found["places"] = [
            one.model_dump(exclude_defaults=True) | {"ranges": one.ranges}
            for one in definition.places
        ]
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
    return _counted(Counter(values))


def _counted(counts: Mapping[Any, int]) -> dict[str, int]:
    """Put counts in the order of their values, as text."""
    known = sorted((value for value in counts if value is not None), key=lambda value: (value,))
    texts = {_text(value): counts[value] for value in known}
    return {**texts, "unknown": counts[None]} if None in counts else texts


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(_text(one) for one in value)
    return f"{value:.4g}" if isinstance(value, float) and value < 1 else (
        f"{value:g}" if isinstance(value, float) else str(value)
    )  # fmt: skip
