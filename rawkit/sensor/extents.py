"""Tell whether a TIFF-based raw file holds all the bytes it declares.

LibRaw opens some truncated files without an error and hands out zeros, or memory that differs from
run to run. The strips and tiles that the file itself declares are the proof that it is whole.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_INTEGER_CODES = {1: "B", 3: "H", 4: "I", 7: "B", 13: "I"}
_STRIP_OFFSETS, _STRIP_BYTES = 273, 279
_TILE_OFFSETS, _TILE_BYTES = 324, 325
_SUB_IFDS = 330
_PLACES = (_STRIP_OFFSETS, _STRIP_BYTES, _TILE_OFFSETS, _TILE_BYTES, _SUB_IFDS)
_BIG_TIFF, _SHORT = 43, 3
_MAX_IFDS = 64
_MAX_VALUES = 1 << 20
_MAX_ENTRIES = 4096


def declared_end(read: Iterable[dict[int, tuple[int, ...]]]) -> int:
    """Byte position at which the last strip or tile that the `directories` of a TIFF declare ends.

    0 for a file that is no TIFF, is a BigTIFF, or declares none. IFDs that lie beyond the end of
    the file or make no sense are passed over: what they would have declared cannot be known.
    """
    ends = [0]
    for tags in read:
        for offsets, counts in ((_STRIP_OFFSETS, _STRIP_BYTES), (_TILE_OFFSETS, _TILE_BYTES)):
            pairs = zip(tags.get(offsets, ()), tags.get(counts, ()), strict=False)
            ends += [offset + count for offset, count in pairs if count]
    return max(ends)


def directories(
    file: BinaryIO, also: frozenset[int] = frozenset()
) -> Iterator[dict[int, tuple[int, ...]]]:
    """Yield tags of every IFD: the chain and all its sub-IFDs, each once.

    Beside the tags that say where pixels lie, those of `also`; values that are no integers, or that
    cannot be read, are empty. Nothing for a file that is no TIFF, or a BigTIFF.
    """
    for _, tags in placed_directories(file, also):
        yield tags


def placed_directories(
    file: BinaryIO, also: frozenset[int] = frozenset()
) -> Iterator[tuple[int, dict[int, tuple[int, ...]]]]:
    """Yield the byte at which each IFD begins, and its tags, as `directories` does."""
    file.seek(0)
    order = {b"II": "<", b"MM": ">"}.get(file.read(2))
    head = file.read(6)
    if order is None or len(head) < 6:  # noqa: PLR2004 - a 16-bit and a 32-bit number
        return
    magic, first = struct.unpack(order + "HI", head)
    if magic == _BIG_TIFF:
        return
    waiting, seen = [first], set[int]()
    while waiting and len(seen) < _MAX_IFDS:
        offset = waiting.pop()
        if offset in seen or offset == 0:
            continue
        seen.add(offset)
        tags, following = _read_ifd(file, order, offset, also)
        waiting += [following, *tags.get(_SUB_IFDS, ())]
        yield offset, tags


def short_place(data: memoryview, directory: int, tag: int) -> int | None:
    """Find the byte at which the one 16-bit value of a tag lies; None where it has another kind.

    `data` is a TIFF, `directory` the byte at which an IFD of it begins.
    """
    order = "<" if bytes(data[:2]) == b"II" else ">"
    (count,) = struct.unpack_from(order + "H", data, directory)
    for at in range(directory + 2, min(directory + 2 + 12 * count, len(data) - 11), 12):
        if struct.unpack_from(order + "HHI", data, at) == (tag, _SHORT, 1):
            return at + 8
    return None


def _read_ifd(
    file: BinaryIO, order: str, offset: int, also: frozenset[int]
) -> tuple[dict[int, tuple[int, ...]], int]:
    """Read one IFD: its wanted integer tags and the offset of the next IFD (0 is none)."""
    file.seek(offset)
    raw = file.read(2)
    count = struct.unpack(order + "H", raw)[0] if len(raw) == 2 else 0  # noqa: PLR2004 - uint16
    body = file.read(12 * count + 4)
    if count > _MAX_ENTRIES or len(body) < 12 * count:
        return {}, 0
    tags: dict[int, tuple[int, ...]] = {}
    for at in range(0, 12 * count, 12):
        tag, kind, number = struct.unpack_from(order + "HHI", body, at)
        if tag not in _PLACES and tag not in also:
            continue
        readable = kind in _INTEGER_CODES and number <= _MAX_VALUES
        tags[tag] = _values(file, order, kind, number, body[at + 8 : at + 12]) if readable else ()
    rest = body[12 * count :]
    return tags, struct.unpack(order + "I", rest)[0] if len(rest) == 4 else 0  # noqa: PLR2004


def _values(file: BinaryIO, order: str, kind: int, number: int, inline: bytes) -> tuple[int, ...]:
    size = _TYPE_SIZES[kind] * number
    data = inline[:size]
    if size > len(inline):
        file.seek(struct.unpack(order + "I", inline)[0])
        data = file.read(size)
    if len(data) < size:
        return ()
    return struct.unpack(f"{order}{number}{_INTEGER_CODES[kind]}", data)
