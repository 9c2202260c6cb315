"""An iterator whose next items are made by a thread."""

from __future__ import annotations

import atexit
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Generic, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Generator

_T = TypeVar("_T")


class Ahead(Generic[_T]):
    """Items of a generator, made by a thread while the ones before are used.

    The generator is run and closed by that thread alone. What it raises is raised in the place of
    the item that it should have been. Whoever is done calls `close`.

    Parameters
    ----------
    items
        The generator; not started yet.
    depth
        Items that wait at most, at least 1; one more is being made.
    """

    def __init__(self, items: Generator[_T, None, None], depth: int) -> None:
        self._items, self._depth = items, depth
        self._ready: deque[_T] = deque()
        self._changed = threading.Condition()
        self._stopped = self._ended = False
        self._error: BaseException | None = None
        self.waited = 0.0
        """Seconds spent waiting for an item that was not there in time."""
        self._thread = threading.Thread(target=self._work, name="rawkit-ahead", daemon=True)
        # As with the threads that read: one that is never closed must not be caught in the middle.
        atexit.register(self.close)
        self._thread.start()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> _T:
        with self._changed:
            if not self._ready and not self._ended:
                started = time.perf_counter()
                self._changed.wait_for(lambda: self._ready or self._ended)
                self.waited += time.perf_counter() - started
            if self._ready:
                self._changed.notify_all()
                return self._ready.popleft()
            if self._error is not None:
                raise self._error
            raise StopIteration

    def close(self) -> None:
        """End the thread after the item that it is making, and wait for it."""
        with self._changed:
            self._stopped = True
            self._ready.clear()
            self._changed.notify_all()
        self._thread.join()
        atexit.unregister(self.close)

    def _work(self) -> None:
        try:
            try:
                while self._made_another():
                    pass
            finally:
                self._items.close()
        except BaseException as error:  # noqa: BLE001 - raised again where the item is awaited
            self._error = error
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _made_another(self) -> bool:
        """Make an item, once there is room for it; tells whether that is to go on."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or len(self._ready) < self._depth)
            if self._stopped:
                return False
        try:
            item = next(self._items)
        except StopIteration:
            return False
        with self._changed:
            if not self._stopped:
                self._ready.append(item)
            self._changed.notify_all()
        return True
