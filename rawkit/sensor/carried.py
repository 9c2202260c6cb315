"""What a raw file says beside its pixels, as it says it: tags that another file can carry on.

Values are taken as bytes, so that nothing is lost on the way: fractions stay the fractions they
were. What points into the file (maker notes, thumbnails, other directories) is left behind.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from rawkit.sensor.exif import raf_jpeg
from rawkit.tiff import Tag

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 1, 7: 1, 8: 2, 9: 4, 10: 4, 11: 4, 12: 8}
"""Bytes of the numbers that each TIFF field type is made of."""
_FRACTIONS = (5, 10)
_EXIF_DIRECTORY, _GPS_DIRECTORY = 34665, 34853
_POINTERS = frozenset({_EXIF_DIRECTORY, _GPS_DIRECTORY, 40965, 37500, 50740, 330})
"""EXIF, GPS, interoperability, maker note, DNG's private data, further pictures."""
_OF_THE_PICTURE = frozenset({270, 271, 272, 306, 315, 33432})
"""Description, maker, model, time, artist, copyright: what the first directory says of all."""
_MOST_BYTES = 1 << 16
_MOST_TAGS = 1000
_EXIF_IN_JPEG = b"Exif\0\0"
_HEADS = {b"II": "<", b"MM": ">"}


@dataclass(frozen=True, slots=True)
class Carried:
    """Tags of a raw file that describe the capture, little-endian."""

    image: tuple[Tag, ...] = ()
    """Of the first directory: maker, model, time, description, artist, copyright."""
    exif: tuple[Tag, ...] = ()
    """Of the EXIF directory."""
    gps: tuple[Tag, ...] = ()
    """Of the GPS directory."""


def read_carried(file: BinaryIO) -> Carried:
    """Read the tags of a raw file that is TIFF (DNG, ARW, CR2, NEF ...) or RAF.

    A file of another kind, or one that is damaged, gives what there is of it, down to nothing.
    """
    file.seek(0)
    if file.read(8) == b"FUJIFILM":
        jpeg = raf_jpeg(file).read()
        start = jpeg.find(_EXIF_IN_JPEG)
        base = start + len(_EXIF_IN_JPEG)
        return _of_tiff(_Bytes(jpeg[base:])) if start >= 0 else Carried()
    return _of_tiff(_File(file))


class _Bytes:
    """Bytes that are there."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, offset: int, count: int) -> bytes:
        """Read so many bytes, fewer at the end."""
        return self._data[offset : offset + count]


class _File:
    """Bytes of an open file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, offset: int, count: int) -> bytes:
        """Read so many bytes, fewer at the end."""
        self._file.seek(offset)
        return self._file.read(count)


def _of_tiff(file: _Bytes | _File) -> Carried:
    head = file.read(0, 8)
    order = _HEADS.get(head[:2])
    if order is None or len(head) < 8:  # noqa: PLR2004 - the header of a TIFF
        return Carried()
    (first,) = struct.unpack(order + "I", head[4:])
    main = {tag.number: tag for tag in _directory(file, order, first)}

    def below(pointer: int) -> tuple[Tag, ...]:
        found = main.get(pointer)
        if found is None or len(found.data) != 4:  # noqa: PLR2004 - one number of 32 bits
            return ()
        (offset,) = struct.unpack("<I", found.data)
        there = _directory(file, order, offset)
        return tuple({one.number: one for one in there if one.number not in _POINTERS}.values())

    image = tuple(tag for number, tag in main.items() if number in _OF_THE_PICTURE)
    return Carried(image, below(_EXIF_DIRECTORY), below(_GPS_DIRECTORY))


def _directory(file: _Bytes | _File, order: str, offset: int) -> Iterator[Tag]:
    """Yield the tags of a directory whose values are whole and not long."""
    start = file.read(offset, 2)
    if len(start) < 2:  # noqa: PLR2004 - a number of 16 bits
        return
    (count,) = struct.unpack(order + "H", start)
    entries = file.read(offset + 2, 12 * min(count, _MOST_TAGS))
    entries = entries[: len(entries) // 12 * 12]
    for number, kind, values, field in struct.iter_unpack(order + "HHI4s", entries):
        size = _SIZES.get(kind, 0)
        length = values * size * (2 if kind in _FRACTIONS else 1)
        if not 0 < length <= _MOST_BYTES:
            continue
        data = field[:length]
        if length > len(field):
            data = file.read(struct.unpack(order + "I", field)[0], length)
        if len(data) == length:
            yield Tag(number, kind, values, _little(data, size, order))


def _little(data: bytes, size: int, order: str) -> bytes:
    """Turn numbers of so many bytes into little-endian ones."""
    if order == "<" or size == 1:
        return data
    return b"".join(data[at : at + size][::-1] for at in range(0, len(data), size))
