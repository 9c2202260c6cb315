"""Bands of a picture on their way from the network to a writer."""

from __future__ import annotations

from queue import Empty, Full, Queue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

_WAITING = 2
_POLL_SECONDS = 0.2


class Bands:
    """A short queue of bands from the network to a writer, which either end can break off."""

    def __init__(self) -> None:
        self._queue: Queue[NDArray[np.unsignedinteger] | None] = Queue(_WAITING)
        self.left = False
        """Whether the writer has gone."""
        self._aborted = False

    def put(self, band: NDArray[np.unsignedinteger] | None) -> bool:
        """Hand a band over, None after the last; False if nobody takes it any more."""
        while not self.left:
            try:
                self._queue.put(band, timeout=_POLL_SECONDS)
            except Full:
                continue
            return True
        return False

    def abort(self) -> None:
        """Let the writer drop what it has."""
        self._aborted = True

    def __iter__(self) -> Iterator[NDArray[np.unsignedinteger]]:
        while True:
            try:
                band = self._queue.get(timeout=_POLL_SECONDS)
            except Empty:
                if self._aborted:
                    raise AbortedError from None
                continue
            if self._aborted:
                raise AbortedError
            if band is None:
                return
            yield band


class AbortedError(Exception):
    """The network will not finish this picture."""
