"""Work beside the network: what is read ahead of it, and what is written behind it."""

from __future__ import annotations

import threading
from queue import Full, Queue
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Self

Value = TypeVar("Value")
_POLL_SECONDS = 0.2


class Ahead(Generic[Value]):
    """A thread that runs an iterable so many values ahead of whoever takes them.

    What it raises is raised where the value would have come. When the block ends, the thread does.

    Parameters
    ----------
    source
        The iterable.
    waiting
        Values that wait at most.
    """

    def __init__(self, source: Iterable[Value], waiting: int = 2) -> None:
        self._source = source
        self._queue: Queue[tuple[Value | None, BaseException | None]] = Queue(waiting)
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rawkit-read", daemon=True)

    def __iter__(self) -> Iterator[Value]:
        while True:
            value, error = self._queue.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield value  # type: ignore[misc]  # no error: a value
            del value

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the thread after the value that it is at."""
        self._left.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            for value in self._source:
                if not self._put((value, None)):
                    return
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that takes
            self._put((None, error))
        else:
            self._put((None, StopIteration()))

    def _put(self, what: tuple[Value | None, BaseException | None]) -> bool:
        """Hand a value over; False if nobody takes it any more."""
        while not self._left.is_set():
            try:
                self._queue.put(what, timeout=_POLL_SECONDS)
            except Full:
                continue
            return True
        return False


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

    def __enter__(self) -> Self:
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
