"""Pixels decoded beside LibRaw, several times as fast, where that has been proven to be the same.

LibRaw stays the one that opens the file: levels, geometry, balances and rendering are its own. It
is shown the file with the first two bytes of each compressed strip or tile taken away, finds no
JPEG there, and so unpacks nothing into the memory that it has taken for the mosaic; our decoder
then writes the mosaic into that memory. All that follows goes on as if LibRaw had. Of a file whose
pixels are not compressed it is told that they are, which has the same effect.

Only what can be told from the file's directory to be decoded alike is tried at all: the tiles, or
the one strip, of a DNG's one mosaic, lossless JPEG or 16-bit values, without masked areas, whose
mean LibRaw takes for the black level. Everything else, and every file that our decoder refuses, is
LibRaw's.

Source of the tags: Adobe, Digital Negative (DNG) Specification, version 1.4.0.0.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import rawpy

from rawkit import native
from rawkit.sensor.extents import placed_directories, short_place

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from rawkit.sensor.description import Description

LIBRAW: Final = "libraw"
LOSSLESS_JPEG: Final = "lossless-jpeg"
UNCOMPRESSED: Final = "uncompressed"
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _KIND, _SAMPLES = 256, 257, 258, 259, 262, 277
_STRIP_OFFSETS, _STRIP_BYTES = 273, 279
_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_BYTES = 322, 323, 324, 325
_DNG_VERSION, _TABLE, _MASKED_AREAS = 50706, 50712, 50830
_TRANSFER_TABLE, _SONY_CURVE = 291, 28688
_OTHER_MEANING = frozenset((_MASKED_AREAS, _TRANSFER_TABLE, _SONY_CURVE))
"""Tags that make LibRaw take another black level, or other values, from what is stored."""
_OUR_TAGS = _OTHER_MEANING | frozenset(
    (_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _KIND, _SAMPLES, _TILE_WIDTH,
     _TILE_HEIGHT, _DNG_VERSION, _TABLE)
)  # fmt: skip
_OF_STRIPS = frozenset((_STRIP_OFFSETS, _STRIP_BYTES))
_OF_TILES = frozenset((_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_BYTES))
_MOSAIC, _NONE, _JPEG = 32803, 1, 7
_COMPRESSIONS = {_JPEG: LOSSLESS_JPEG, _NONE: UNCOMPRESSED}
_START, _NOTHING = b"\xff\xd8", b"\0\0"
_VALUE_BYTES = 2
_VALUES = 1 << 16
_LEAST_TOP = 255
"""Where a table ends, at least; one of bytes is none."""
_AT_ONCE = 1 << 20
"""Pixels that are looked up at a time, so that little memory is taken beside the mosaic."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What may be decoded beside LibRaw."""

    camera: str
    """What the file's camera is called; a proof holds for one camera and compression."""
    proven: frozenset[str] = frozenset()
    """Kinds of which both decoders have given the same."""
    refuted: frozenset[str] = frozenset()
    """Kinds of which they have not: LibRaw decodes these."""
    check: bool = False
    """Whether a proven kind is decoded by both all the same."""
    presumed: bool = False
    """Whether a kind that is neither counts as proven: what comes of it is looked at only once that
    has been settled."""

    def holds(self, kind: str) -> bool:
        """Tell whether a kind is decoded by ours alone."""
        known = kind in self.proven or (self.presumed and kind not in self.refuted)
        return known and not self.check


@dataclass(frozen=True, slots=True)
class Decoded:
    """How the mosaic of a file was decoded."""

    by: str = LIBRAW
    """``libraw``, or the compression that ours decoded: ``lossless-jpeg``, ``uncompressed``."""
    kind: str | None = None
    """Camera and compression; None where only LibRaw could decode it."""
    agreed: bool | None = None
    """Whether both gave the same; None where not both were asked."""

    @property
    def decoder(self) -> str:
        """``libraw``, or the compression where ours gave, or gave as well, these pixels.

        Which frames both decode depends on when the first one of a camera was; this does not.
        """
        if self.agreed and self.kind is not None:
            return self.kind.rpartition(", ")[2]
        return self.by


@dataclass(frozen=True, slots=True)
class Part:
    """A strip or tile of a mosaic."""

    offset: int
    """First byte in the file."""
    count: int
    """Bytes."""
    top: int
    """First row in the mosaic, from 0."""
    left: int
    """First column in the mosaic, from 0."""
    height: int
    """Rows, in pixels; those of a tile may lie beyond the mosaic."""
    width: int
    """Columns, in pixels; likewise."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The mosaic of a file, as its directory describes it."""

    height: int
    """Rows, margins included."""
    width: int
    """Columns, margins included."""
    parts: tuple[Part, ...]
    """Strips or tiles, which cover it."""
    table: tuple[int, ...] = ()
    """Sensor units of each value that is stored, the last one standing for all above; empty where
    values are stored as they are."""
    compression: str = LOSSLESS_JPEG
    """How they are compressed; 16-bit values if they are not."""
    order: str = "<"
    """Byte order of these."""
    told: int = 0
    """Byte at which the directory says how they are compressed."""


def find_parts(file: io.BytesIO) -> Parts | None:
    """Find the mosaic that our decoder may be able to decode; None where there is none."""
    if not native.BUILT:
        return None
    found = list(placed_directories(file, _OUR_TAGS))
    mosaics = [(at, tags) for at, tags in found if _MOSAIC in tags.get(_KIND, ())]
    if len(mosaics) != 1 or not found[0][1].get(_DNG_VERSION):
        return None
    directory, tags = mosaics[0]
    compression = _COMPRESSIONS.get(_one(tags, _COMPRESSION, 0))
    if compression is None or _one(tags, _SAMPLES, 1) != 1:
        return None
    if any(_OTHER_MEANING & one.keys() for _, one in found):
        return None
    table = tags.get(_TABLE, ())
    if _TABLE in tags and not (table and _LEAST_TOP < table[-1] <= max(table) < _VALUES):
        return None
    height, width = _one(tags, _HEIGHT, 0), _one(tags, _WIDTH, 0)
    with file.getbuffer() as data:
        parts = tuple(_cut(tags, height, width, len(data)))
        begins = {bytes(data[part.offset : part.offset + len(_START)]) for part in parts}
        told = short_place(data, directory, _COMPRESSION)
        order = "<" if bytes(data[:2]) == b"II" else ">"
    if told is None or sum(_inside(part, height, width) for part in parts) != height * width:
        return None
    if compression == UNCOMPRESSED and (_START in begins or not _are_values(tags, parts)):
        return None
    return Parts(height, width, parts, table, compression, order, told)


def _are_values(tags: Mapping[int, tuple[int, ...]], parts: Sequence[Part]) -> bool:
    """Tell whether uncompressed parts hold a 16-bit value for each pixel, and nothing else."""
    return _one(tags, _BITS, 0) == 8 * _VALUE_BYTES and all(
        part.count == _VALUE_BYTES * part.height * part.width for part in parts
    )


def _one(tags: Mapping[int, tuple[int, ...]], tag: int, default: int) -> int:
    values = tags.get(tag, (default,))
    return values[0] if len(values) == 1 else 0


def _cut(tags: Mapping[int, tuple[int, ...]], height: int, width: int, size: int) -> Iterator[Part]:
    """Yield strips or tiles in reading order; none where they make no sense."""
    tiled = _TILE_OFFSETS in tags
    if (tags.keys() & _OF_STRIPS) if tiled else (tags.keys() & _OF_TILES):
        return
    offsets = tags.get(_TILE_OFFSETS if tiled else _STRIP_OFFSETS, ())
    counts = tags.get(_TILE_BYTES if tiled else _STRIP_BYTES, ())
    wide = _one(tags, _TILE_WIDTH, 0) if tiled else width
    high = _one(tags, _TILE_HEIGHT, 0) if tiled else height  # of strips LibRaw reads the first
    if min(height, width, wide, high) < 1 or len(offsets) != len(counts):
        return
    if len(offsets) != -(-height // high) * -(-width // wide):
        return
    places = [(top, left) for top in range(0, height, high) for left in range(0, width, wide)]
    for (top, left), offset, count in zip(places, offsets, counts, strict=True):
        if offset + count > size:
            return
        yield Part(offset, count, top, left, high, wide)


def _inside(part: Part, height: int, width: int) -> int:
    """Count the pixels of a part that lie in the mosaic."""
    return min(part.height, height - part.top) * min(part.width, width - part.left)


def open_without_pixels(file: io.BytesIO, parts: Parts) -> Any:
    """Let LibRaw open a file as if nothing were in its strips and tiles; the file stays as it is.

    Raises
    ------
    rawpy.LibRawError
        If LibRaw cannot open it.
    """
    taken = [(part.offset, _NOTHING) for part in parts.parts if parts.compression == LOSSLESS_JPEG]
    taken.append((parts.told, struct.pack(parts.order + "H", _JPEG)))
    with file.getbuffer() as data:
        kept = [(at, bytes(data[at : at + len(new)])) for at, new in taken]
        for at, new in taken:
            data[at : at + len(new)] = new
        try:
            file.seek(0)
            return rawpy.imread(file)  # which takes a copy
        finally:
            for at, old in kept:
                data[at : at + len(old)] = old


def decode_parts(file: io.BytesIO, parts: Parts, mosaic: NDArray[np.uint16]) -> bool:
    """Decode all strips or tiles into a mosaic, (height, width), whose rows are contiguous.

    False where one cannot be decoded, or does not hold what belongs there; the mosaic may then have
    been written to.
    """
    if mosaic.shape != (parts.height, parts.width) or mosaic.dtype != np.uint16:
        return False
    with file.getbuffer() as data:
        decode = (
            _decode_part
            if parts.compression == LOSSLESS_JPEG
            else partial(_copy_part, order=parts.order)
        )
        if not all(decode(data, part, mosaic) for part in parts.parts):
            return False
    if parts.table:
        table = np.full(_VALUES, parts.table[-1], np.uint16)
        table[: len(parts.table)] = parts.table[:_VALUES]
        for rows in np.array_split(mosaic, -(-mosaic.size // _AT_ONCE)):
            rows[:] = table[rows]
    return True


def _decode_part(data: memoryview, part: Part, mosaic: NDArray[np.uint16]) -> bool:
    size = native.functions.ljpeg_size(data, part.offset, part.count)
    if size is None:
        return False
    rows, columns, _, _ = size
    place = mosaic[part.top : part.top + part.height, part.left : part.left + part.width]
    if place.shape == (rows, columns):
        return native.functions.decode_ljpeg(data, part.offset, part.count, place)
    # A JPEG may be of another shape than its tile: its values follow each other all the same.
    if rows * columns != part.height * part.width:
        return False
    whole = np.empty((rows, columns), np.uint16)
    if not native.functions.decode_ljpeg(data, part.offset, part.count, whole):
        return False
    place[:] = whole.reshape(part.height, part.width)[: place.shape[0], : place.shape[1]]
    return True


def _copy_part(data: memoryview, part: Part, mosaic: NDArray[np.uint16], *, order: str) -> bool:
    """Copy uncompressed values of a byte order."""
    values = np.frombuffer(data, f"{order}u2", part.height * part.width, part.offset)
    place = mosaic[part.top : part.top + part.height, part.left : part.left + part.width]
    whole = values.reshape(part.height, part.width)
    place[:] = whole[: place.shape[0], : place.shape[1]]
    return True


def same(one: Any, about_one: Description, other: Any, about_other: Description) -> bool:
    """Tell whether two opened files hold the same, by LibRaw's memory and what is said of it."""
    alike = all(
        getattr(about_one, name) == getattr(about_other, name)
        for name in ("mosaic", "candidates", "exposure", "colour_matrix", "linear")
    )
    return alike and np.array_equal(one.raw_image, other.raw_image)
