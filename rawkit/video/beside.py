"""Work beside the network: what is read ahead of it, and what is written behind it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from queue import Full, Queue
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Value = TypeVar("Value")
_POLL_SECONDS = 0.2


@contextmanager
def ahead(source: Iterable[Value], waiting: int = 2) -> Iterator[Iterator[Value]]:
    """Run an iterable in a thread, so many values ahead of whoever takes them.

    What it raises is raised where the value would have come. When the block ends the thread does.
    """
    queue: Queue[tuple[Value | None, BaseException | None]] = Queue(waiting)
    left = threading.Event()

    def put(what: tuple[Value | None, BaseException | None]) -> bool:
        while not left.is_set():
            try:
                queue.put(what, timeout=_POLL_SECONDS)
            except Full:
                continue
            return True
        return False

    def run() -> None:
        try:
            for value in source:
                if not put((value, None)):
                    return
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that takes
            put((None, error))
        else:
            put((None, StopIteration()))

    def take() -> Iterator[Value]:
        while True:
            value, error = queue.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield value  # type: ignore[misc]  # no error: a value
            del value

    thread = threading.Thread(target=run, name="rawkit-read", daemon=True)
    thread.start()
    try:
        yield take()
    finally:
        left.set()
        thread.join()


class Behind(Generic[Value]):
    """A thread that takes one value after the other; what it raises is raised by `put` or the end.

    Parameters
    ----------
    take
        Called with each value, in their order, in the thread.
    waiting
        Values that wait at most; whoever has more to hand over waits as well.
    """

    def __init__(self, take: Callable[[Value], None], waiting: int = 2) -> None:
        self._take = take
        self._queue: Queue[tuple[Value | None, bool]] = Queue(waiting)
        self._error: BaseException | None = None
        self._aborted = False
        self._thread = threading.Thread(target=self._run, name="rawkit-write", daemon=True)

    def put(self, value: Value) -> None:
        """Hand a value over."""
        while True:
            self._check()
            try:
                self._queue.put((value, False), timeout=_POLL_SECONDS)
            except Full:
                continue
            return

    def __enter__(self) -> Behind[Value]:
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Wait until all is taken; after an error drop what waits."""
        self._aborted = kind is not None
        while self._thread.is_alive():
            try:
                self._queue.put((None, True), timeout=_POLL_SECONDS)
            except Full:
                continue
            break
        self._thread.join()
        if kind is None:
            self._check()

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while True:
            value, last = self._queue.get()
            if last or self._aborted:
                return
            try:
                self._take(value)  # type: ignore[arg-type]  # not the last: a value
            except BaseException as error:  # noqa: BLE001 - raised again by whoever hands over
                self._error = error
                return
            del value


