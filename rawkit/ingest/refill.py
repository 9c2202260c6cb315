"""Frames that were evicted, made anew from their raw files: the same shards, byte for byte."""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from rawkit.catalog import LeftOut, remembered_definition, scan_with_table
from rawkit.errors import MissingError, StoreDamagedError
from rawkit.ingest.anew import Anew, emptied
from rawkit.ingest.held import read_ahead
from rawkit.progress import SILENT
from rawkit.store import (
    Store,
    discard,
    lock,
    lock_of,
    open_place,
    read_evicted,
    settle_evicted,
    shard_keys,
    staging_of,
)

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from rawkit.catalog import Catalog, Entry
    from rawkit.locations import Location
    from rawkit.progress import Progress
    from rawkit.source import SourceSpec
    from rawkit.store import FrameRow
    from rawkit.workspace import Workspace


class Refill:
    """Makes shards of frames anew that the table of a store vouches for.

    The store's lock must be held: see `rawkit.store.lock`.

    Parameters
    ----------
    store
        The store.
    catalog
        Where the raw files are.
    staging
        Folder for shards under way, on the store's disk; it is emptied, and removed by `close`.
    """

    def __init__(self, store: Store, catalog: Catalog, staging: Path) -> None:
        self._store, self._catalog = store, catalog
        self._held = ExitStack()
        self._anew = Anew(store, catalog, self._held.enter_context(emptied(staging)))

    def cost(self, row: FrameRow) -> int:
        """Bytes of a frame's raw file as they come from the source.

        Raises
        ------
        MissingError
            If the source does not have it.
        """
        file = self._entry(row).file
        return 0 if file is None else file.stored

    def bring(self, row: FrameRow, turn: AbstractContextManager[object] | None = None) -> None:
        """Put the shards of an evicted frame back; `turn` is held while it is decoded.

        Safe for threads. The note of what is gone stays as it is.

        Raises
        ------
        MissingError
            If the source does not have its raw file.
        StoreDamagedError
            If its raw file is bad now, or holds other pixels; nothing is put in place then.
        OutputError
            If there is no room; the frame stays evicted.
        """
        entry = self._entry(row)
        source = read_ahead(self._catalog.source, entry.file)
        with turn or nullcontext():
            prepared = self._anew.prepare(entry, row, source)
        if isinstance(prepared, LeftOut):
            raise _other(row, self._store, prepared.reason)
        frame = prepared.frame
        shards = [one for one in (frame.packed, frame.target) if one is not None]
        keys = shard_keys(self._store, row)
        if frame.row.pixel_hash != row.pixel_hash or len(shards) < len(keys):
            raise _other(row, self._store, "its raw file holds other pixels now")
        place = open_place(self._store.path)
        for shard, key in zip(shards, keys, strict=False):
            if not isinstance(shard.path, Path):
                raise TypeError(f"{shard.path} of a job in this process")
            place.take(shard.path, key)
        for spare in shards[len(keys) :]:
            discard(spare.path)

    def close(self) -> None:
        """Remove what is under way."""
        self._held.close()

    def _entry(self, row: FrameRow) -> Entry:
        entry = self._anew.entry(row)
        if entry is None or entry.file is None:
            raise MissingError(
                f"no raw file for {row.name}", expected="the source that the store was made from",
                where=self._store.path, fix="Name it with --source.",
            )  # fmt: skip
        return entry


def refill_store(
    location: Location,
    workspace: Workspace,
    source: SourceSpec | None = None,
    progress: Progress = SILENT,
) -> int:
    """Make all evicted frames of a store anew; returns how many.

    Raises as `Refill.bring`, and `StoreLockedError` if another process is writing to the store.
    """
    if not isinstance(location, Path) or not read_evicted(location):
        return 0
    with lock(lock_of(location)):
        store = Store(location)
        names, name = settle_evicted(store), store.collection
        found = scan_with_table(
            remembered_definition(name, workspace.definition(name)),
            source or workspace.data(name), workspace.catalog(name), progress,
            names=frozenset(names), save=False,
        )  # fmt: skip
        refill = Refill(store, found.catalog, staging_of(location, workspace.staging))
        rows = [row for row in store.rows if row.name in names and row.duplicate_of is None]
        try:
            with progress.stage("Fetching again", len(rows), "frames") as advance:
                for row in rows:
                    refill.bring(row)
                    advance(1, row.name)
        finally:
            refill.close()
            settle_evicted(store)
    return len(rows)


def _other(row: FrameRow, store: Store, reason: str) -> StoreDamagedError:
    return StoreDamagedError(
        f"{row.name} cannot be made anew: {reason}",
        expected="the raw file that the store was made from",
        where=store.path,
        fix="Name another --source.",
    )
