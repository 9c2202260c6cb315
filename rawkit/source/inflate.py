"""A member that an archive compresses, read from its beginning to its end in pieces."""

from __future__ import annotations

import threading
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rawkit.errors import UnreadableError

if TYPE_CHECKING:
    from rawkit.source.ranges import Ranges

_CHUNK = 1 << 20
"""Compressed bytes that are read at once."""
_SKIP = 1 << 22
"""Bytes that are inflated at once where they are passed over."""


class _State:
    """How far a member has been read."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.rewind()

    def rewind(self) -> None:
        """Go back to the beginning."""
        self.inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self.taken = self.at = self.crc = 0

    def __reduce__(self) -> tuple[Any, ...]:
        return (_State, ())


@dataclass(frozen=True)
class Inflated:
    """A deflated member of a zip: any piece of it, cheap only in the order in which it lies there.

    Deflate cannot be entered in the middle. Whoever reads forwards goes on where the last read
    ended; whoever goes back begins anew. The CRC is checked when the end is reached. Safe in
    threads; a copy in another process begins anew, so read ahead for others, see
    `rawkit.ingest.staged`.
    """

    ranges: Ranges
    """The archive."""
    start: int
    """Byte at which the compressed data begins."""
    compressed: int
    """Bytes of it."""
    length: int
    """Bytes of the contents."""
    crc: int
    """CRC-32 of the contents."""
    name: str
    """What messages call it."""
    _state: _State = field(default_factory=_State, compare=False, repr=False)

    @property
    def where(self) -> str:
        """Its name."""
        return self.name

    def size(self) -> int:
        """Bytes of the contents."""
        return self.length

    def read(self, offset: int, count: int) -> bytes:
        """Inflate up to a piece and return it.

        Raises
        ------
        UnreadableError
            If the member is damaged.
        """
        count = min(count, self.length - offset)
        if count <= 0:
            return b""
        with self._state.lock:
            if offset < self._state.at:
                self._state.rewind()
            while self._state.at < offset:
                self._next(min(_SKIP, offset - self._state.at))
            pieces: list[bytes] = []
            while count:
                pieces.append(self._next(count))
                count -= len(pieces[-1])
            return b"".join(pieces)

    def rest(self) -> None:
        """Give back what is held to go on; a later read begins anew."""
        with self._state.lock:
            self._state.rewind()

    def _next(self, count: int) -> bytes:
        """Inflate at least one and at most `count` bytes more."""
        state = self._state
        while not state.inflater.eof:
            data = state.inflater.unconsumed_tail
            if not data and state.taken < self.compressed:
                want = min(_CHUNK, self.compressed - state.taken)
                data = self.ranges.read(self.start + state.taken, want)
                state.taken += len(data)
            try:
                piece = state.inflater.decompress(data, count)
            except zlib.error as error:
                raise self._damaged(f"cannot be inflated ({error})") from error
            if piece:
                state.at += len(piece)
                state.crc = zlib.crc32(piece, state.crc)
                if state.at == self.length and state.crc != self.crc:
                    raise self._damaged(f"has the CRC {state.crc:08x} instead of {self.crc:08x}")
                return piece
            if not data:
                break
        raise self._damaged(f"ends after {state.at} of {self.length} bytes")

    def _damaged(self, what: str) -> UnreadableError:
        self._state.rewind()
        return UnreadableError(
            f"the member {what}",
            where=self.name,
            fix="The archive is damaged; fetch it again.",
        )
