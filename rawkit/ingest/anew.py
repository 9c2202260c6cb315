"""Frames that a store knows, prepared anew from their raw files: as they were, byte for byte."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

from rawkit.files import output_errors
from rawkit.ingest.frame import described_by, prepare_frame
from rawkit.ingest.jobs import job_of, rendering_of_store
from rawkit.sensor import WhiteBalance

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rawkit.catalog import Catalog, Entry, LeftOut
    from rawkit.ingest.frame import Prepared
    from rawkit.source import Source
    from rawkit.store import FrameRow, Store


class Anew:
    """Prepares frames as the rows of a store describe them.

    Parameters
    ----------
    store
        The store.
    catalog
        Where the raw files are.
    staging
        Folder for shards under way, see `emptied`.
    """

    def __init__(self, store: Store, catalog: Catalog, staging: Path) -> None:
        self._store, self._catalog, self._staging = store, catalog, staging
        self._entries = {entry.frame.name: entry for entry in catalog.entries}
        self._rendering = rendering_of_store(store.about.rendering)
        self._codecs = {key: layout.codec for key, layout in store.about.layouts.items()}
        self._numbers = count(1)

    def entry(self, row: FrameRow) -> Entry | None:
        """Return what the catalog has of a row's raw file; None where it has nothing."""
        return self._entries.get(row.name)

    def prepare(
        self, entry: Entry, row: FrameRow, source: Source | None = None
    ) -> Prepared | LeftOut:
        """Decode the raw file that `entry` has found for a row, and stage its shards.

        It is read from `source`, the catalog's if None. Safe for threads.
        """
        job = job_of(
            self._catalog, entry, next(self._numbers), self._staging, self._codecs,
            rendering=self._rendering, headerless=described_by(row),
            version=self._store.about.version,
        )  # fmt: skip
        # How balances are chosen may have changed since.
        balance = WhiteBalance(row.white_balance, row.white_balance_source)
        return prepare_frame(replace(job, balance=balance, source=source or job.source))


@contextmanager
def emptied(folder: Path) -> Iterator[Path]:
    """Make a folder empty, and remove it afterwards.

    Raises
    ------
    OutputError
        If it cannot be made.
    """
    with output_errors(folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
