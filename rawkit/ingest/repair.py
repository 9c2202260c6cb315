"""Damaged shards made anew from their raw files."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rawkit.catalog import LeftOut
from rawkit.ingest.frame import prepare_frame
from rawkit.ingest.jobs import job_of, rendering_of_store
from rawkit.progress import SILENT
from rawkit.store import Store
from rawkit.store.files import lock
from rawkit.store.verify import Damage, array_of, mend_metadata

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawkit.catalog import Catalog
    from rawkit.progress import Progress


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What a repair did."""

    mended: tuple[Path, ...]
    """Files that are whole again."""
    left: tuple[Damage, ...]
    """Damage that could not be mended, with the reason."""


def repair_store(
    path: Path, damage: Sequence[Damage], catalog: Catalog | None, progress: Progress = SILENT
) -> RepairReport:
    """Write damaged metadata from the table, and damaged shards from the raw files of a catalog.

    A shard is replaced only if the raw file still holds the pixels that the table vouches for.

    Raises
    ------
    StoreLockedError
        If another process is writing to the store.
    """
    with lock(path.with_name(path.name + ".lock")):
        left = mend_metadata(path, list(damage))
        entries = {} if catalog is None else {one.frame.name: one for one in catalog.entries}
        store = Store(path)
        rendering = rendering_of_store(store.about.rendering)
        codecs = {key: layout.codec for key, layout in store.about.layouts.items()}
        still: list[Damage] = []
        with (
            tempfile.TemporaryDirectory(prefix=path.name, dir=path.parent) as staging,
            progress.stage("Repairing", len(left), "shards") as advance,
        ):
            for number, one in enumerate(left):
                entry = entries.get(one.frame.name) if one.frame else None
                reason = "its raw file is not in the source"
                if catalog is not None and entry is not None and one.frame is not None:
                    job = job_of(
                        catalog, entry, number, Path(staging), codecs, rendering=rendering,
                        version=store.about.version,
                    )  # fmt: skip
                    prepared = prepare_frame(job)
                    reason = _replace(one, prepared)
                if reason:
                    still.append(replace(one, reason=f"{one.reason}; {reason}"))
                advance(1)
    mended = {one.path for one in damage} - {one.path for one in still}
    return RepairReport(tuple(sorted(mended)), tuple(still))


def _replace(one: Damage, prepared: object) -> str:
    """Put a prepared shard in the place of a damaged one; returns why not, or nothing."""
    if isinstance(prepared, LeftOut):
        return prepared.reason
    frame = prepared.frame  # type: ignore[attr-defined] # Prepared, the only other kind
    if one.frame is None or frame.row.pixel_hash != one.frame.pixel_hash:
        return "its raw file holds other pixels now"
    shard = frame.packed if array_of(one.path) == "packed" else frame.target
    if shard is None:
        return "its raw file gives no target now"
    one.path.parent.mkdir(parents=True, exist_ok=True)
    shard.path.replace(one.path)
    return ""
