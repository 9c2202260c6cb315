"""TIFF directories in memory: just enough to write a DNG, EXIF, and a picture."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Sequence

_BYTE, _ASCII, _SHORT, _LONG, _RATIONAL, _UNDEFINED, _SRATIONAL = 1, 2, 3, 4, 5, 7, 10
_HEADER = struct.Struct("<2sHI")
_ENTRY = struct.Struct("<HHI4s")
_INLINE_BYTES = 4
"""A value of at most this many bytes lies in the entry itself."""
_MAX_DENOMINATOR = 1_000_000
_MAX_NUMERATOR = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class Tag:
    """One entry of a TIFF directory."""

    number: int
    """Tag number."""
    kind: int
    """TIFF field type, 1 to 12."""
    count: int
    """Number of values of that type."""
    data: bytes
    """The values, little-endian."""

    @classmethod
    def byte(cls, number: int, *values: int) -> Self:
        """Unsigned 8-bit values."""
        return cls(number, _BYTE, len(values), bytes(values))

    @classmethod
    def undefined(cls, number: int, data: bytes) -> Self:
        """Bytes without a type, such as EXIF's version."""
        return cls(number, _UNDEFINED, len(data), data)

    @classmethod
    def ascii(cls, number: int, text: str) -> Self:
        """Text, closed by a zero byte."""
        data = text.encode("ascii", "replace") + b"\0"
        return cls(number, _ASCII, len(data), data)

    @classmethod
    def short(cls, number: int, *values: int) -> Self:
        """Unsigned 16-bit values."""
        return cls(number, _SHORT, len(values), struct.pack(f"<{len(values)}H", *values))

    @classmethod
    def long(cls, number: int, *values: int) -> Self:
        """Unsigned 32-bit values."""
        return cls(number, _LONG, len(values), struct.pack(f"<{len(values)}I", *values))

    @classmethod
    def rational(cls, number: int, *values: float) -> Self:
        """Unsigned fractions."""
        return cls(number, _RATIONAL, len(values), _fractions("I", values))

    @classmethod
    def srational(cls, number: int, *values: float) -> Self:
        """Signed fractions."""
        return cls(number, _SRATIONAL, len(values), _fractions("i", values))


def _fractions(code: str, values: Sequence[float]) -> bytes:
    parts: list[int] = []
    for value in values:
        largest = max(1, min(_MAX_DENOMINATOR, int(_MAX_NUMERATOR / max(abs(value), 1))))
        fraction = Fraction(value).limit_denominator(largest)
        parts += [fraction.numerator, fraction.denominator]
    return struct.pack(f"<{len(parts)}{code}", *parts)


def directory_bytes(tags: Sequence[Tag]) -> int:
    """Bytes that a directory of these tags takes, the values outside its entries included."""
    return 2 + _ENTRY.size * len(tags) + 4 + sum(_padded(tag) for tag in tags)


def _padded(tag: Tag) -> int:
    return 0 if len(tag.data) <= _INLINE_BYTES else len(tag.data) + len(tag.data) % 2


def encode_directory(tags: Sequence[Tag], offset: int) -> bytes:
    """Encode a directory that starts at byte `offset` of the file; its values follow it."""
    entries: list[bytes] = []
    values: list[bytes] = []
    position = offset + 2 + _ENTRY.size * len(tags) + 4
    for tag in sorted(tags, key=lambda tag: tag.number):
        if len(tag.data) <= _INLINE_BYTES:
            field = tag.data.ljust(_INLINE_BYTES, b"\0")
        else:
            field = struct.pack("<I", position)
            values.append(tag.data.ljust(_padded(tag), b"\0"))
            position += _padded(tag)
        entries.append(_ENTRY.pack(tag.number, tag.kind, tag.count, field))
    no_next_directory = struct.pack("<I", 0)
    return b"".join([struct.pack("<H", len(tags)), *entries, no_next_directory, *values])


def encode_header(first_directory: int) -> bytes:
    """Encode the first eight bytes of a little-endian TIFF file."""
    return _HEADER.pack(b"II", 42, first_directory)


HEADER_BYTES = _HEADER.size
"""Length of the TIFF header in bytes."""
