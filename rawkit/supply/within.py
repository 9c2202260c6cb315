"""The ingest's end of a store that holds only so much: frames wait for room, go, and come again.

What is to go and to come is said by the training, which knows the order; see `rawkit.stream`.
"""

from __future__ import annotations

import os
import threading
import traceback
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from rawkit.errors import CrashedError, OutputError, RawkitError, UsageError
from rawkit.ingest import (
    StoreShelf,
    hold_shelf,
    pause_before,
    reason_of,
    shelf_staging,
)
from rawkit.store import Store, is_store
from rawkit.supply.messages import Asks, Away, Bring, Brought, Evict, Grant, Held, Lost

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from contextlib import AbstractContextManager

    from rawkit.catalog import Catalog, Entry
    from rawkit.ingest import Prepared
    from rawkit.supply.messages import Message, Order, Told

_RAW_SHARE = {"short": 3, "long": 6}
"""Bytes of shards for each byte of a raw file, at most, while nothing is known of its camera."""
_OVERHEAD = 1.02
_LOOK_SECONDS = 0.1
_HEAD_BYTES = 4096
"""What the index and the checksums of a shard take beside its pixels."""


class Stopped(Exception):  # noqa: N818 - no error: nobody waits for the frame any more
    """Frames do not land for now."""


class Within:
    """Frames that land, go and come again within a budget of bytes.

    Parameters
    ----------
    order
        What is fetched.
    say
        Tells the training.
    turn
        What a thread holds while it decodes.
    """

    def __init__(
        self,
        order: Order,
        say: Callable[[Message], None],
        turn: AbstractContextManager[object],
    ) -> None:
        if not isinstance(order.store, Path):
            raise UsageError("a store elsewhere with --disk", expected="one on this machine")
        self._order, self._say, self._turn = order, say, turn
        self._path = order.store
        self._held = ExitStack()
        self._catalog: Catalog | None = None
        self._shelf: StoreShelf | None = None
        self._granted: dict[str, threading.Event] = {}
        self._bringing: set[str] = set()
        """Frames that are on their way again."""
        self._released = threading.Event()
        self.wants_commit = threading.Event()
        """Set while a frame is to go that has landed, and is in no table yet."""
        self._pixels: dict[tuple[str, str, str], int] = {}
        self._lock = threading.Lock()
        self._told: SimpleQueue[Told | None] = SimpleQueue()
        self._worker = threading.Thread(target=self._work, name="rawkit-within", daemon=True)

    def begin(self, catalog: Catalog) -> None:
        """Say what is there; frames may land after it.

        Raises
        ------
        StoreLockedError
            If frames of the store come and go for another process.
        """
        if self._catalog is None:
            self._held.enter_context(hold_shelf(self._path))
            self._worker.start()
        self._catalog = catalog
        self._released.clear()
        with self._lock:
            self._granted.clear()
        here, gone = {}, {}
        if is_store(self._path):
            shelf = self._opened()
            here, gone = shelf.held(), shelf.gone()
        self._say(Held(here, gone))

    def ask(self, entry: Entry) -> None:
        """Ask for room for a frame; one that is tried once more has it, or will have."""
        name = entry.frame.name
        with self._lock:
            if name in self._granted:
                return
            self._granted[name] = threading.Event()
            size = self._size(entry)
        self._say(Asks(name, size))

    def wait_for_room(self, name: str) -> None:
        """Wait until a frame may land that has asked.

        Raises
        ------
        Stopped
            If none does for now.
        """
        with self._lock:
            may = self._granted[name]
        while not may.wait(0.2):
            if self._released.is_set():
                raise Stopped

    def release(self) -> None:
        """Have nobody wait for room any more."""
        self._released.set()

    def learn(self, entry: Entry, prepared: Prepared) -> None:
        """Remember how large frames of a camera are."""
        row = prepared.frame.row
        targets = prepared.frame.target
        pixels = 2 * row.visible_height * row.visible_width
        if targets is not None:
            layout = targets.layout
            pixels += 3 * layout.height * layout.width * layout.itemsize
        with self._lock:
            key = _camera(entry)
            self._pixels[key] = max(pixels, self._pixels.get(key, 0))

    def hear(self, told: Told) -> None:
        """Do what the training says, in the order in which it does."""
        self._told.put(told)

    def close(self) -> None:
        """End; the note of what is gone is made exact."""
        self.release()
        if self._catalog is not None:
            self._told.put(None)
            self._worker.join()
        if self._shelf is not None:
            self._shelf.close()
        self._held.close()

    def _size(self, entry: Entry) -> int:
        known = self._pixels.get(_camera(entry))
        if known is not None:
            return round(known * _OVERHEAD) + 2 * _HEAD_BYTES
        return entry.frame.size_bytes * _RAW_SHARE[entry.role]

    def _opened(self) -> StoreShelf:
        if self._shelf is None:
            if self._catalog is None:
                raise AssertionError("not begun")
            self._shelf = StoreShelf(
                Store(self._path), self._catalog, shelf_staging(self._path), turn=self._turn,
                away=lambda reason: self._say(Away(reason, "frames that come again")),
            )  # fmt: skip
        return self._shelf

    def _work(self) -> None:
        """Do what is said; this process ends with it, for whoever asked would wait for ever."""
        try:
            self._obey()
        except BaseException:  # noqa: BLE001 - whatever it is, nobody else would hear of it
            traceback.print_exc()
            os._exit(1)

    def _obey(self) -> None:
        """Evict, let land and bring in the order in which it was said."""
        while (told := self._told.get()) is not None:
            match told:
                case Evict():
                    self._evict(told.names)
                case Grant():
                    with self._lock:
                        may = self._granted.get(told.name)
                    if may is not None:
                        may.set()
                case Bring():
                    self._bring(told.name)

    def _evict(self, names: tuple[str, ...]) -> None:
        tries = 0
        while not self._released.is_set() or not tries:
            try:
                if not self._are_committed(names):
                    return  # landing begins anew, and says what is there
                self._opened().evict(names)
            except OutputError as error:
                self._say(Away(reason_of(error), "eviction"))
                self._released.wait(pause_before(tries))
                tries += 1
            else:
                if tries:
                    self._say(Away("", "eviction"))
                return

    def _are_committed(self, names: tuple[str, ...]) -> bool:
        """Wait until frames are in the table; False if no more frames land before."""
        shelf = self._opened()
        try:
            while not all(map(shelf.knows, names)):
                self.wants_commit.set()
                if self._released.wait(_LOOK_SECONDS):
                    return False
        finally:
            self.wants_commit.clear()
        return True

    def _bring(self, name: str) -> None:
        with self._lock:
            if name in self._bringing:
                return  # told once more, as whatever is waited for when landing begins anew
        killed = self._order.killers.get(name)
        if killed is not None:
            self._say(Lost(name, CrashedError(f"{name} cannot be made anew: {killed}")))
            return

        def tell(future: Future[int]) -> None:
            with self._lock:
                self._bringing.discard(name)
            error = None if future.cancelled() else future.exception()
            if future.cancelled():
                return
            if error is None:
                self._say(Brought(name, future.result()))
            elif isinstance(error, RawkitError):
                self._say(Lost(name, error))
            else:
                self._say(Lost(name, CrashedError(f"{name} cannot be made anew ({error!r})")))

        try:
            future = self._opened().bring(name)
            with self._lock:
                self._bringing.add(name)
            future.add_done_callback(tell)
        except (RawkitError, KeyError) as error:
            found = error if isinstance(error, RawkitError) else CrashedError(f"no frame {error}")
            self._say(Lost(name, found))


def _camera(entry: Entry) -> tuple[str, str, str]:
    return entry.frame.make or "", entry.frame.model or "", entry.role
