"""Damaged shards made anew from their raw files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rawkit.catalog import LeftOut, scan_with_table
from rawkit.ingest.anew import Anew, emptied
from rawkit.progress import SILENT
from rawkit.store import (
    Damage,
    Store,
    array_of,
    lock,
    lock_of,
    mend_metadata,
    open_place,
    staging_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawkit.catalog import Catalog, Definition
    from rawkit.ingest.frame import Prepared
    from rawkit.locations import Location
    from rawkit.progress import Progress
    from rawkit.source import Source, SourceSpec
    from rawkit.store import Place, StoreFile


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What a repair did."""

    mended: tuple[StoreFile, ...]
    """Files that are whole again."""
    left: tuple[Damage, ...]
    """Damage that could not be mended, with the reason."""


def catalog_of_damage(
    damage: Sequence[Damage],
    definition: Definition,
    source: SourceSpec | Source,
    table: Path,
    progress: Progress = SILENT,
) -> Catalog:
    """List a source and read the EXIF of damaged frames alone, if the table of a scan lacks it.

    Raises what `rawkit.catalog.scan` raises.
    """
    names = frozenset(one.frame.name for one in damage if one.frame is not None)
    found = scan_with_table(definition, source, table, progress, names=names, save=False)
    return found.catalog


def repair_store(
    location: Location,
    damage: Sequence[Damage],
    catalog: Catalog | None,
    progress: Progress = SILENT,
    *,
    staging: Path | None = None,
) -> RepairReport:
    """Write damaged metadata from the table, and damaged shards from the raw files of a catalog.

    A shard is replaced only if the raw file still holds the pixels that the table vouches for.
    `staging` is as for `rawkit.store.open_writer`.

    Raises
    ------
    StoreLockedError
        If another process is writing to the store.
    OutputError, StoreUnreachableError
        If it cannot be written.
    """
    with lock(lock_of(location)):
        left = mend_metadata(location, list(damage))
        store = Store(location)
        still: list[Damage] = []
        with (
            emptied(staging_of(location, staging)) as folder,
            progress.stage("Repairing", len(left), "shards") as advance,
        ):
            anew = None if catalog is None else Anew(store, catalog, folder)
            for one in left:
                row = one.frame
                entry = None if anew is None or row is None else anew.entry(row)
                reason = "its raw file is not in the source"
                if anew is not None and row is not None and entry is not None:
                    reason = _replace(open_place(location), one, anew.prepare(entry, row))
                if reason:
                    still.append(replace(one, reason=f"{one.reason}; {reason}"))
                advance(1)
    keys = {one.key for one in damage} - {one.key for one in still}
    return RepairReport(tuple(store.place.file(key) for key in sorted(keys)), tuple(still))


def _replace(place: Place, one: Damage, prepared: Prepared | LeftOut) -> str:
    """Put a prepared shard in the place of a damaged one; returns why not, or nothing."""
    if isinstance(prepared, LeftOut):
        return prepared.reason
    frame = prepared.frame
    if one.frame is None or frame.row.pixel_hash != one.frame.pixel_hash:
        return "its raw file holds other pixels now"
    shard = frame.packed if array_of(one.key) == "packed" else frame.target
    if shard is None:
        return "its raw file gives no target now"
    if not isinstance(shard.path, Path):
        raise TypeError(f"{shard.path} of a job in this process")
    place.take(shard.path, one.key)
    return ""
