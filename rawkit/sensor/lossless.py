"""Tell whether lossless-JPEG strips and tiles hold all the pixels that their TIFF declares.

LibRaw takes memory for the whole mosaic, lets each strip or tile fill its part, and leaves the rest
as it was: where one holds fewer pixels than declared, or is no JPEG at all, what an earlier file
left there comes out as a picture, without an error.

Source of the tags: Adobe, Digital Negative (DNG) Specification, version 1.4.0.0. Source of the
markers: ITU-T T.81, annex B.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO

from rawkit.sensor.extents import directories

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_WIDTH, _HEIGHT, _COMPRESSION, _SAMPLES = 256, 257, 259, 277
_ROWS_PER_STRIP, _TILE_WIDTH, _TILE_HEIGHT = 278, 322, 323
_STRIP_OFFSETS, _TILE_OFFSETS = 273, 324
_DNG_VERSION, _CAMERA_MODEL, _COLOR_MATRIX = 50706, 50708, 50721
_DNG_TAGS = frozenset((_DNG_VERSION, _CAMERA_MODEL, _COLOR_MATRIX))
_FILTER_PATTERN, _ACTIVE_AREA = 33422, 50829
_VERSION_BYTES = 4
_LOSSLESS_JPEG = 7
_WANTED = frozenset(
    (_WIDTH, _HEIGHT, _COMPRESSION, _SAMPLES, _ROWS_PER_STRIP, _TILE_WIDTH, _TILE_HEIGHT,
     _DNG_VERSION, _CAMERA_MODEL, _COLOR_MATRIX, _FILTER_PATTERN,
     _ACTIVE_AREA)
)  # fmt: skip
_START, _LOSSLESS_FRAME = b"\xff\xd8", 0xC3
_OTHER_FRAMES = (0xC0, 0xC1, 0xC2)
_MAX_SEGMENTS = 64
_SEGMENT_HEAD = 4
_FRAME_HEAD = 10


def missing_pixels(file: BinaryIO) -> str | None:
    """Say which declared pixels a file does not hold; None where nothing is known to be missing.

    Only lossless-JPEG data is looked into, by the heads of its strips and tiles. A filter pattern
    that is no bytes counts as missing too: LibRaw reads past it.
    """
    is_dng = False
    for number, tags in enumerate(directories(file, _WANTED)):
        is_dng |= number == 0 and bool(tags.keys() & _DNG_TAGS)
        if tags.get(_FILTER_PATTERN) == ():
            return "a filter pattern that cannot be read"
        if _LOSSLESS_JPEG not in tags.get(_COMPRESSION, ()):
            continue
        if number == 0 and _version_is_lost(tags):
            return "DNG tags but no DNG version"
        if _area_outside(tags):
            return f"an active area {tags[_ACTIVE_AREA]} that ends beyond the pixels"
        for offset, area in _parts(tags):
            found = _pixels_of(file, offset)
            if found == 0 and not is_dng:
                continue  # some makers give the number to a compression of their own
            if found is not None and found // max(1, _one(tags, _SAMPLES, 1)) < area:
                return f"{found} compressed values at byte {offset} where {area} pixels belong"
    return None


def _version_is_lost(tags: Mapping[int, tuple[int, ...]]) -> bool:
    """Tell whether a DNG does not say that it is one: LibRaw then decodes it as something else."""
    version = tags.get(_DNG_VERSION, ())
    said = len(version) == _VERSION_BYTES and any(version)
    return bool(tags.keys() & _DNG_TAGS) and not said


def _area_outside(tags: Mapping[int, tuple[int, ...]]) -> bool:
    """Tell whether the visible area ends beyond the pixels, which LibRaw then makes room for."""
    area, size = tags.get(_ACTIVE_AREA, ()), (_one(tags, _HEIGHT, 0), _one(tags, _WIDTH, 0))
    return len(area) == 4 and 0 not in size and (area[2] > size[0] or area[3] > size[1])  # noqa: PLR2004


def _parts(tags: Mapping[int, tuple[int, ...]]) -> Iterator[tuple[int, int]]:
    """Yield offset (0: none is declared) and pixels of each strip or tile, in reading order."""
    width, height = _one(tags, _WIDTH, 0), _one(tags, _HEIGHT, 0)
    if width == 0 or height == 0:
        return
    tiled = bool(tags.get(_TILE_OFFSETS))
    wide = _one(tags, _TILE_WIDTH, width) if tiled else width
    high = _one(tags, _TILE_HEIGHT if tiled else _ROWS_PER_STRIP, height)
    high = min(high, height) or height
    wide = wide or width
    offsets = iter(tags.get(_TILE_OFFSETS if tiled else _STRIP_OFFSETS, ()))
    for top in range(0, height, high):
        for left in range(0, width, wide):
            yield next(offsets, 0), min(high, height - top) * min(wide, width - left)


def _one(tags: Mapping[int, tuple[int, ...]], tag: int, default: int) -> int:
    values = tags.get(tag) or (default,)
    return values[0]


def _pixels_of(file: BinaryIO, offset: int) -> int | None:
    """Values that the JPEG at an offset holds; 0 if there is none, None for other kinds of JPEG."""
    file.seek(offset)
    if file.read(2) != _START:
        return 0
    for _ in range(_MAX_SEGMENTS):
        head = file.read(_SEGMENT_HEAD)
        if len(head) < _SEGMENT_HEAD or head[0] != _START[0]:
            return 0
        marker, length = head[1], struct.unpack_from(">H", head, 2)[0]
        if marker in _OTHER_FRAMES:
            return None
        if marker == _LOSSLESS_FRAME:
            body = file.read(_FRAME_HEAD - _SEGMENT_HEAD)
            if len(body) < _FRAME_HEAD - _SEGMENT_HEAD:
                return 0
            _, high, wide, components = struct.unpack(">BHHB", body)
            return int(high * wide * components)
        file.seek(length - 2, 1)
    return 0
