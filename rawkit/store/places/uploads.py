"""Staged shards on their way into a store: a few at a time where each waits for a server."""

from __future__ import annotations

from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

from rawkit.files import output_errors
from rawkit.store.places.objects import ObjectPlace
from rawkit.store.places.remote import RemoteFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rawkit.store.places.place import Place, StoreFile

_T = TypeVar("_T")
_R = TypeVar("_R")


class Uploads:
    """Moves staged files into a place; objects of its server are moved by the server itself.

    Where moving is only a rename it is done at once. Elsewhere a few transfers go on while the
    next frames are decoded; twice as many files wait at most, so that the staging folder stays
    small. After a failed transfer every further call raises its error.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._most = 2 * place.transfers
        self._pool = ThreadPoolExecutor(place.transfers, "rawkit-upload")
        self._under_way: deque[Future[None]] = deque()
        self._count = 0
        self.failed: BaseException | None = None
        """What the first transfer that failed has raised."""

    def add(self, staged: StoreFile, key: str) -> None:
        """Move a file, or see to it that it will be; raises as `Place.take`."""
        place = self._place
        if isinstance(staged, RemoteFile):
            if not isinstance(place, ObjectPlace):
                raise TypeError(f"{staged} for {place.location}")
            self._make_room()
            self._under_way.append(self._pool.submit(place.adopt, staged, key))
            return
        if place.transfers == 1:
            place.take(staged, key)
            return
        self._make_room()
        with output_errors(staged):  # under a name of its own: the next frame may have the same
            waiting = staged.rename(staged.with_name(f"{self._count:08d}.upload"))
        self._count += 1
        self._under_way.append(self._pool.submit(place.take, waiting, key))

    def _make_room(self) -> None:
        """Wait while as many files wait as may."""
        while len(self._under_way) >= self._most:
            wait(self._under_way, return_when=FIRST_COMPLETED)
            self._collect()
        self._collect()

    def settle(self) -> None:
        """Wait until all files are in place; raises as `Place.take`."""
        wait(self._under_way)
        self._collect()

    def close(self) -> None:
        """Give up what has not begun, and wait for what has."""
        self._pool.shutdown(cancel_futures=True)

    def _collect(self) -> None:
        """Forget transfers that are done; raise the error of the first one that failed."""
        for one in [one for one in self._under_way if one.done()]:
            self._under_way.remove(one)
            self.failed = self.failed or one.exception()
        if self.failed is not None:
            raise self.failed


def in_parallel(action: Callable[[_T], _R], items: Iterable[_T], threads: int) -> Iterator[_R]:
    """Yield what `action` returns for each item, in order; an error leaves out what waits."""
    if threads == 1:
        yield from map(action, items)
        return
    pool = ThreadPoolExecutor(threads, "rawkit-transfer")
    try:
        yield from pool.map(action, items)
    finally:
        pool.shutdown(cancel_futures=True)
