"""A store on a web server, read by range requests.

The server must know those, as nginx, Apache and Caddy do and Python's own does not. It neither
lists nor takes anything; what a store has, its table says.
"""

from __future__ import annotations

import errno
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from rawkit.errors import MissingError, StoreUnreachableError
from rawkit.source import (
    HTTP_MISSING,
    HTTP_NOT_SATISFIABLE,
    HTTP_PARTIAL,
    HTTP_WHOLE,
    TransferError,
    answered,
    range_of,
    short_of,
    status_of,
)
from rawkit.store.places.remote import PATIENCE, TRANSFERS, RemoteFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rawkit.locations import Url
    from rawkit.source import Answer, Transfer

_ANY = 1 << 62
"""More bytes than a file has."""
_SIZES_AT_ONCE = 16
"""Files asked for their size at once."""


class _Piece(NamedTuple):
    """Bytes of a file that are wanted."""

    offset: int | None
    """Where they begin; None: they are the last ones."""
    length: int
    """How many, at least 1."""

    @property
    def header(self) -> str:
        """What asks for them."""
        if self.offset is None:
            return f"bytes=-{self.length}"
        return f"bytes={self.offset}-{self.offset + self.length - 1}"

    def of(self, size: int) -> tuple[int, int]:
        """Where it begins and ends in a file of so many bytes."""
        begin = max(0, size - self.length) if self.offset is None else self.offset
        return begin, min(size, begin + self.length)


class _Found(NamedTuple):
    data: bytes
    size: int
    """Bytes of the whole file."""


@dataclass(frozen=True, slots=True)
class WebPlace:
    """All below an address of a web server. Safe in threads; pickles."""

    location: Url
    """The address."""
    transfer: Transfer = PATIENCE
    """Time-out and tries."""

    @property
    def transfers(self) -> int:
        """Several: each waits for the server most of the time."""
        return TRANSFERS

    def file(self, key: str) -> RemoteFile:
        """Return the file of a key, whether it is there or not."""
        return RemoteFile(self, key)

    def read(self, key: str) -> bytes:
        """Read a file."""
        return self._get(key, None).data

    def read_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """Read pieces (offset, count) of a file at once; shorter only where it ends."""

        def read(piece: tuple[int, int]) -> bytes:
            return self._get(key, _Piece(*piece)).data if piece[1] else b""

        if len(ranges) < 2:  # noqa: PLR2004 - a thread costs more than it saves
            return [read(piece) for piece in ranges]
        with ThreadPoolExecutor(min(TRANSFERS, len(ranges)), "rawkit-get") as pool:
            return list(pool.map(read, ranges))

    def read_tail(self, key: str, count: int) -> bytes:
        """Read the last bytes of a file, all where it has fewer, in one request."""
        return self._get(key, _Piece(None, count)).data

    def exists(self, key: str) -> bool:
        """Tell whether a file is there."""
        return self.file(key).exists()

    def size(self, key: str) -> int:
        """Bytes of a file."""
        return self._get(key, _Piece(0, 1)).size

    def sizes_of(self, keys: Iterable[str]) -> dict[str, int]:
        """Bytes of files by key, several asked for at once; those that are missing are left out."""

        def size(key: str) -> tuple[str, int | None]:
            try:
                return key, self.size(key)
            except FileNotFoundError:
                return key, None

        with ThreadPoolExecutor(_SIZES_AT_ONCE, "rawkit-size") as pool:
            return {key: found for key, found in pool.map(size, keys) if found is not None}

    def _get(self, key: str, piece: _Piece | None) -> _Found:
        """Read a piece of a file, or all of it; try again what may pass."""
        url = str(self.location / key)
        once = partial(_read, url, piece, self.transfer.timeout)
        try:
            found = self.transfer.retried(once, url)
        except MissingError as error:
            raise StoreUnreachableError(
                error.found, where=url, fix="Check the connection and the address."
            ) from error
        if found is None:
            raise FileNotFoundError(errno.ENOENT, "the web server has no such file", url)
        return found


def _read(url: str, piece: _Piece | None, timeout: float) -> _Found | None:
    """Make one request; None where there is no such file."""
    headers = {} if piece is None else {"Range": piece.header}
    with answered(url, headers, timeout) as answer:
        if answer.status in HTTP_MISSING:
            return None
        if answer.status == HTTP_NOT_SATISFIABLE and piece is not None:
            found = range_of(answer)
            return _Found(b"", 0 if found is None else found[2])
        if answer.status not in (HTTP_WHOLE, HTTP_PARTIAL):
            raise StoreUnreachableError(
                f"the web server answers {status_of(answer)}", where=url,
                fix="Check the address. A store behind a login cannot be read: copy it here.",
            )  # fmt: skip
        if piece is None:
            return _whole(answer)
        return _part(answer, piece, url)


def _whole(answer: Answer) -> _Found:
    length = answer.headers.get("Content-Length", "")
    data = answer.read(_ANY)
    if length.isdigit() and len(data) != int(length):
        raise short_of(len(data), int(length))
    return _Found(data, len(data))


def _part(answer: Answer, piece: _Piece, url: str) -> _Found:
    """Read what a server sends that was asked for a piece."""
    if answer.status == HTTP_WHOLE:
        # Of a piece that is all of the file a server may make a whole answer.
        data = answer.read(piece.length + 1)
        if not piece.offset and len(data) <= piece.length:
            return _Found(data, len(data))
        raise StoreUnreachableError(
            "the web server does not support range requests",
            expected="one that does, as nginx, Apache and Caddy", where=url,
            fix="Copy the store here, or have another server send it.",
        )  # fmt: skip
    found = range_of(answer)
    if found is None:
        raise TransferError("does not say which bytes it sends")
    first, last, size = found
    begin, end = piece.of(size)
    if (first, last + 1) != (begin, end):
        raise TransferError(f"sends bytes {first} to {last} instead of {begin} to {end - 1}")
    data = answer.read(end - begin)
    if len(data) != end - begin:
        raise short_of(len(data), end - begin)
    return _Found(data, size)
