"""Files of a store that does not lie on this machine, read by requests for pieces of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rawkit.locations import TIMEOUT
from rawkit.source import Transfer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawkit.locations import Url

PATIENCE = Transfer(tries=4, timeout=TIMEOUT, pause=0.5)
"""How patient a place is with its server, unless told otherwise."""
TRANSFERS = 4
"""Transfers under way at once."""


class RemotePlace(Protocol):
    """A folder on a server; errors are those of `RemoteFile`."""

    @property
    def location(self) -> Url:
        """Its URL."""

    def size(self, key: str) -> int:
        """Bytes of a file."""

    def read(self, key: str) -> bytes:
        """Read a file."""

    def read_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """Read pieces (offset, count) of a file at once; shorter only where it ends."""

    def read_tail(self, key: str, count: int) -> bytes:
        """Read the last bytes of a file, all where it has fewer, in one request."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One object of a place; picklable, safe in threads.

    Reading raises `FileNotFoundError` where it is missing, and `StoreUnreachableError` where its
    server does not answer after several tries, or refuses.
    """

    place: RemotePlace
    """Where it lies."""
    key: str
    """Its path there."""

    @property
    def where(self) -> str:
        """Its URL."""
        return str(self)

    def size(self) -> int:
        """Bytes of the object, in one request."""
        return self.place.size(self.key)

    def exists(self) -> bool:
        """Tell whether it is there, in one request."""
        try:
            self.size()
        except FileNotFoundError:
            return False
        return True

    def read_bytes(self) -> bytes:
        """Read the whole object."""
        return self.place.read(self.key)

    def read(self, offset: int, count: int) -> bytes:
        """Read bytes [offset, offset + count), fewer only at its end, in one request."""
        return self.read_ranges([(offset, count)])[0]

    def read_ranges(self, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """Read pieces (offset, count), each in a request of its own, all of them at once."""
        return self.place.read_ranges(self.key, ranges)

    def read_tail(self, count: int) -> bytes:
        """Read its last bytes, all where it has fewer, in one request."""
        return self.place.read_tail(self.key, count)

    def __str__(self) -> str:
        return str(self.place.location / self.key)
