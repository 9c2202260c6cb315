"""Frames of a store that come and go: evicted, and made anew from their raw files."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rawkit.errors import RawkitError, UsageError
from rawkit.ingest.away import passes, pause_before, reason_of
from rawkit.ingest.refill import Refill
from rawkit.store import Evictions, Store, frame_bytes, lock, settle_evicted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

    from rawkit.catalog import Catalog
    from rawkit.store import FrameRow

PATIENCE = 600.0
"""Seconds that a frame is tried for again where something is away."""
_PARALLEL = 3
"""Frames that are fetched at once."""


class StoreShelf:
    """Frames of a store, evicted and made anew. It must be the only one: see `open_shelf`.

    Parameters
    ----------
    store
        The store; what a death has left is settled at once.
    catalog
        Where the raw files are.
    staging
        Folder for shards under way, on the store's disk.
    turn
        What a thread holds while it decodes; one at a time if None.
    away
        Told in a line what is waited for, and nothing once it goes on.
    patience
        Seconds to wait for it.
    """

    def __init__(
        self,
        store: Store,
        catalog: Catalog,
        staging: Path,
        *,
        turn: AbstractContextManager[object] | None = None,
        away: Callable[[str], None] = lambda _: None,
        patience: float = PATIENCE,
    ) -> None:
        self._store, self._turn = store, turn or threading.Lock()
        self._away, self._patience = away, patience
        self._rows: dict[str, FrameRow] = {}
        self._learn()
        self._gone = settle_evicted(store)
        self._evictions = Evictions(store)
        self._refill = Refill(store, catalog, staging)
        self._closing = threading.Event()
        self._threads = ThreadPoolExecutor(_PARALLEL, "rawkit-bring")

    def held(self) -> dict[str, int]:
        """Return the frames that are there, and the bytes of their shards."""
        self._store.refresh()
        self._learn()
        return {name: self.size(name) for name in self._rows if name not in self._gone}

    def gone(self) -> dict[str, int]:
        """Return the frames that are not, and the bytes of their shards."""
        return dict(self._gone)

    def knows(self, frame: str) -> bool:
        """Tell whether a frame is in the store's table; one that has just landed is not yet."""
        if frame not in self._rows:
            self._store.refresh()
            self._learn()
        return frame in self._rows

    def size(self, frame: str) -> int:
        """Bytes of the shards of a frame, there or not."""
        return self._gone.get(frame) or frame_bytes(self._store, self._row(frame))

    def cost(self, frame: str) -> int:
        """Bytes of a frame's raw file as they come from the source."""
        return self._refill.cost(self._row(frame))

    def bring(self, frame: str) -> Future[int]:
        """Begin to make a frame anew; results in the bytes of its raw file as they come.

        It raises what `Refill.bring` raises, after a while where something is only away.
        """
        return self._threads.submit(self._bring, frame)

    def evict(self, frames: Sequence[str]) -> None:
        """Delete the shards of frames.

        Raises
        ------
        OutputError
            If they cannot be noted; they are there then.
        """
        sizes = {name: self.size(name) for name in frames}
        self._evictions.evict([self._row(name) for name in frames])
        self._gone |= sizes

    def close(self) -> None:
        """Remove what is under way, and have the note of what is gone made exact."""
        self._closing.set()
        self._threads.shutdown(cancel_futures=True)
        self._refill.close()
        self._evictions.settle()

    def _bring(self, frame: str) -> int:
        row = self._row(frame)
        until, tries = time.monotonic() + self._patience, 0
        while True:
            try:
                self._refill.bring(row, self._turn)
            except RawkitError as error:
                if not passes(error) or time.monotonic() > until or self._closing.is_set():
                    raise
                self._away(reason_of(error))
                self._closing.wait(pause_before(tries))
                tries += 1
            else:
                if tries:
                    self._away("")
                self._gone.pop(frame, None)
                return self.cost(frame)

    def _row(self, frame: str) -> FrameRow:
        self.knows(frame)
        return self._rows[frame]

    def _learn(self) -> None:
        for row in self._store.rows:
            if row.duplicate_of is None:
                self._rows[row.name] = row


@contextmanager
def hold_shelf(store: Path) -> Iterator[None]:
    """Be the only one that has frames of a store come and go.

    Raises
    ------
    StoreLockedError
        If another process is.
    """
    with lock(store.with_name(store.name + ".shelf.lock")):
        yield


def shelf_staging(store: Path) -> Path:
    """Return the folder for shards that come back: beside the store, and not that of an ingest."""
    return store.with_name(store.name + ".shelf.part")


@contextmanager
def open_shelf(
    store: Store, catalog: Catalog, *, away: Callable[[str], None] = lambda _: None
) -> Iterator[StoreShelf]:
    """Open a store whose frames come and go, and hold its lock.

    Raises
    ------
    StoreLockedError
        If another process is writing to it.
    UsageError
        If it is not on this machine.
    """
    if not isinstance(store.path, Path):
        raise UsageError("a store elsewhere with --disk", expected="one on this machine")
    with hold_shelf(store.path):
        shelf = StoreShelf(store, catalog, shelf_staging(store.path), away=away)
        try:
            yield shelf
        finally:
            shelf.close()
