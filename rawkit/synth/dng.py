"""A writer of DNG files that LibRaw decodes bit for bit.

The file is a TIFF: a header, one directory that says everything, an EXIF directory, and at the
end a single strip of pixels, so that a reader of metadata needs the first kilobytes alone.
LibRaw and exifread go by the content: the file may be named ``.ARW`` or ``.cr2``.

Source of the tags: Adobe, Digital Negative (DNG) Specification, version 1.4.0.0; that of the frame
rate: Adobe, CinemaDNG Image Data Format Specification, version 1.1.0.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from rawkit.errors import UsageError
from rawkit.synth._files import write_atomically
from rawkit.tiff import HEADER_BYTES, Tag, directory_bytes, encode_directory, encode_header

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

Pattern: TypeAlias = tuple[tuple[int, ...], ...]
"""Colours of a filter array's cell, row by row: 0 red, 1 green, 2 blue."""

BAYER_PATTERNS: Final[dict[str, Pattern]] = {
    "RGGB": ((0, 1), (1, 2)),
    "BGGR": ((2, 1), (1, 0)),
    "GRBG": ((1, 0), (2, 1)),
    "GBRG": ((1, 2), (0, 1)),
}
"""The four phases of a Bayer mosaic, by the letters of their first cell."""

SRGB_FROM_XYZ: Final = (3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.204, 1.057)
"""XYZ to linear sRGB, shape (9,), row by row (IEC 61966-2-1): the matrix of an ideal camera."""

_UNCOMPRESSED, _LOSSLESS_JPEG = 1, 7
_COLOUR_FILTER_ARRAY, _LINEAR_RAW = 32803, 34892
_D65 = 21
_STRIP_ALIGNMENT = 16
_MAX_SHORT = 65535
_CELLS = ((2, 2), (6, 6))


@dataclass(frozen=True, slots=True)
class DngMeta:
    """What a DNG says of its pixels. None leaves a tag out."""

    make: str
    """Camera maker, as EXIF spells it."""
    model: str
    """Camera model, as EXIF spells it."""
    iso: int | None = None
    """ISO speed."""
    seconds: float | None = None
    """Exposure time in seconds; written as the nearest fraction."""
    f_number: float | None = None
    """Aperture as the f-number N."""
    taken: str | None = None
    """Date and time of capture, `YYYY:MM:DD HH:MM:SS`, camera's local time."""
    orientation: int = 1
    """EXIF orientation, 1 to 8; 1 is upright."""
    pattern: Pattern = BAYER_PATTERNS["RGGB"]
    """Filter array at the active area's origin, 2x2 (Bayer) or 6x6 (X-Trans): 0 R, 1 G, 2 B."""
    black_level: float | tuple[float, float, float, float] = 0.0
    """Black level in sensor units: one, or one for each place of the active area's 2x2 cell in
    reading order."""
    white_level: int = 16383
    """Sensor value at which a pixel is saturated."""
    color_matrix: tuple[float, ...] = SRGB_FROM_XYZ
    """XYZ to camera RGB under D65, shape (9,), row by row."""
    as_shot_neutral: tuple[float, float, float] | None = (1.0, 1.0, 1.0)
    """Camera RGB of a neutral surface under the light of the picture, largest 1."""
    active_area: tuple[int, int, int, int] | None = None
    """Top, left, bottom, right of the visible pixels, from 0, ends excluded; None: all of them."""
    masked_areas: tuple[tuple[int, int, int, int], ...] = ()
    """Rectangles of masked pixels, as `active_area`. LibRaw replaces the black level by their
    mean, so leave them out unless that is what you test."""
    description: str | None = None
    """Free text for the ImageDescription tag."""
    frames_a_second: float | None = None
    """Frame rate of the video that the file is a frame of, in frames per second."""


def encode_dng(mosaic: NDArray[np.uint16], meta: DngMeta, *, lossless_jpeg: bool = False) -> bytes:
    """Encode a mosaic as a DNG file.

    Parameters
    ----------
    mosaic
        The whole sensor, masked borders included, shape (height, width), uint16, sensor units.
    meta
        What the file says of it.
    lossless_jpeg
        Compress the strip (needs imagecodecs, a development dependency); 16-bit values otherwise.

    Raises
    ------
    UsageError
        If `mosaic` or `meta` cannot be a DNG.
    """
    if mosaic.ndim != 2 or mosaic.dtype != np.uint16:  # noqa: PLR2004 - rows and columns
        raise UsageError(
            f"a mosaic of shape {mosaic.shape} and type {mosaic.dtype}",
            expected="two dimensions of uint16",
        )
    shape = (mosaic.shape[0], mosaic.shape[1])
    if lossless_jpeg:
        strip = _lossless_jpeg(mosaic)
        return _encode_head(shape, meta, _LOSSLESS_JPEG, len(strip)) + strip
    return encode_dng_head(shape, meta) + mosaic.astype("<u2", copy=False).tobytes()


def encode_dng_head(shape: tuple[int, int], meta: DngMeta) -> bytes:
    """Encode all of an uncompressed DNG that comes before its pixels.

    Two files agree in everything but their pixels exactly if their heads are equal.

    Parameters
    ----------
    shape
        Height and width of the whole sensor, masked borders included, in pixels.
    meta
        What the file says of its pixels.

    Raises
    ------
    UsageError
        If `shape` or `meta` cannot be a DNG.
    """
    height, width = shape
    return _encode_head(shape, meta, _UNCOMPRESSED, 2 * height * width)


def _encode_head(
    shape: tuple[int, int], meta: DngMeta, compression: int, strip_bytes: int
) -> bytes:
    def tags(strip_offset: int) -> list[Tag]:
        return [
            *_picture_tags(shape, meta),
            *_mosaic_tags(meta),
            *_dng_tags(shape, meta),
            Tag.short(259, compression),  # Compression
            Tag.long(278, shape[0]),  # RowsPerStrip
            Tag.long(273, strip_offset),  # StripOffsets
            Tag.long(279, strip_bytes),  # StripByteCounts
        ]

    return _laid_out(shape, meta, tags)


def _laid_out(shape: tuple[int, int], meta: DngMeta, tags: Callable[[int], list[Tag]]) -> bytes:
    """Encode all that comes before the pixels; `tags` are made from the place where they begin."""
    _check(shape, meta)
    exif = _exif_tags(meta)

    def first(exif_offset: int, strip_offset: int) -> list[Tag]:
        return [*tags(strip_offset), Tag.long(34665, exif_offset)]  # ExifIFD

    exif_offset = HEADER_BYTES + directory_bytes(first(0, 0))
    end = exif_offset + directory_bytes(exif)
    strip_offset = end + -end % _STRIP_ALIGNMENT
    head = (
        encode_header(HEADER_BYTES)
        + encode_directory(first(exif_offset, strip_offset), HEADER_BYTES)
        + encode_directory(exif, exif_offset)
    )
    return head.ljust(strip_offset, b"\0")


def _check(shape: tuple[int, int], meta: DngMeta) -> None:
    height, width = shape
    cell = (len(meta.pattern), len(meta.pattern[0]))
    if cell not in _CELLS or any(len(row) != cell[1] for row in meta.pattern):
        raise UsageError(f"a filter array of {cell[0]}x{cell[1]}", expected="2x2 or 6x6")
    if any(colour not in {0, 1, 2} for row in meta.pattern for colour in row):
        raise UsageError(f"the filter array {meta.pattern}", expected="0 red, 1 green, 2 blue")
    top, left, bottom, right = meta.active_area or (0, 0, height, width)
    if not (0 <= top < bottom <= height and 0 <= left < right <= width):
        raise UsageError(
            f"the active area {meta.active_area}",
            expected=f"top, left, bottom, right within {height}x{width} pixels",
        )
    if meta.orientation not in range(1, 9):
        raise UsageError(f"orientation {meta.orientation}", expected="1 to 8, as EXIF counts")
    if not 0 < meta.white_level <= _MAX_SHORT:
        raise UsageError(f"white level {meta.white_level}", expected=f"1 to {_MAX_SHORT}")


def _picture_tags(shape: tuple[int, int], meta: DngMeta) -> list[Tag]:
    height, width = shape
    tags = [
        Tag.long(254, 0),  # NewSubfileType: the picture itself
        Tag.long(256, width),  # ImageWidth
        Tag.long(257, height),  # ImageLength
        Tag.ascii(271, meta.make),
        Tag.ascii(272, meta.model),
        Tag.short(274, meta.orientation),
        Tag.short(284, 1),  # PlanarConfiguration
        Tag.ascii(305, "rawkit synth"),  # Software
    ]
    if meta.description is not None:
        tags.append(Tag.ascii(270, meta.description))
    if meta.taken is not None:
        tags.append(Tag.ascii(306, meta.taken))  # DateTime
    return tags


def _mosaic_tags(meta: DngMeta) -> list[Tag]:
    return [
        Tag.short(258, 16),  # BitsPerSample
        Tag.short(262, _COLOUR_FILTER_ARRAY),  # PhotometricInterpretation
        Tag.short(277, 1),  # SamplesPerPixel
        Tag.short(33421, len(meta.pattern), len(meta.pattern[0])),  # CFARepeatPatternDim
        Tag.byte(33422, *(colour for row in meta.pattern for colour in row)),  # CFAPattern
        Tag.byte(50710, 0, 1, 2),  # CFAPlaneColor
        Tag.short(50711, 1),  # CFALayout: rectangular
    ]


def _dng_tags(shape: tuple[int, int], meta: DngMeta) -> list[Tag]:
    tags = [
        Tag.byte(50706, 1, 4, 0, 0),  # DNGVersion
        Tag.byte(50707, 1, 1, 0, 0),  # DNGBackwardVersion
        Tag.ascii(50708, f"{meta.make} {meta.model}"),  # UniqueCameraModel
        Tag.long(50717, meta.white_level),
        Tag.srational(50721, *meta.color_matrix),  # ColorMatrix1
        Tag.short(50778, _D65),  # CalibrationIlluminant1
        Tag.long(50829, *(meta.active_area or (0, 0, *shape))),  # ActiveArea
    ]
    if isinstance(meta.black_level, tuple):
        tags += [Tag.short(50713, 2, 2), Tag.rational(50714, *meta.black_level)]
    else:
        tags += [Tag.short(50713, 1, 1), Tag.rational(50714, meta.black_level)]
    if meta.as_shot_neutral is not None:
        tags.append(Tag.rational(50728, *meta.as_shot_neutral))
    if meta.frames_a_second is not None:
        tags.append(Tag.srational(51044, meta.frames_a_second))  # FrameRate
    if meta.masked_areas:
        tags.append(Tag.long(50830, *(edge for area in meta.masked_areas for edge in area)))
    return tags


def _exif_tags(meta: DngMeta) -> list[Tag]:
    tags = [Tag.undefined(36864, b"0230")]  # ExifVersion
    if meta.seconds is not None:
        tags.append(Tag.rational(33434, meta.seconds))  # ExposureTime
    if meta.f_number is not None:
        tags.append(Tag.rational(33437, meta.f_number))
    if meta.iso is not None:
        fits = meta.iso <= _MAX_SHORT
        tags.append(Tag.short(34855, meta.iso) if fits else Tag.long(34855, meta.iso))
    if meta.taken is not None:
        tags += [Tag.ascii(36867, meta.taken), Tag.ascii(36868, meta.taken)]
    return tags


def _lossless_jpeg(mosaic: NDArray[np.uint16]) -> bytes:
    import imagecodecs  # noqa: PLC0415 - a development dependency, for this variant alone

    bits = max(8, int(mosaic.max()).bit_length())
    return bytes(imagecodecs.ljpeg_encode(mosaic, bitspersample=bits))


def encode_linear_dng(
    channels: NDArray[np.uint16],
    meta: DngMeta,
    *,
    tile: int | None = None,
    table: Sequence[int] | None = None,
) -> bytes:
    """Encode a picture that was demosaiced already as a linear DNG, as phones write them.

    Parameters
    ----------
    channels
        Red, green and blue of each pixel, shape (height, width, 3), uint16, sensor units.
    meta
        What the file says of it; its pattern means nothing, and its black level is one number.
    tile
        Side of the tiles, compressed as lossless JPEG (needs imagecodecs, a development
        dependency); None: 16-bit values in one strip.
    table
        The file's LinearizationTable: sensor units of each value of `channels`.

    Raises
    ------
    UsageError
        If `channels` or `meta` cannot be such a file.
    """
    if channels.ndim != 3 or channels.shape[2] != 3 or channels.dtype != np.uint16:  # noqa: PLR2004 - rows, columns, colours
        raise UsageError(
            f"channels of shape {channels.shape} and type {channels.dtype}",
            expected="(height, width, 3) of uint16",
        )
    if isinstance(meta.black_level, tuple):
        raise UsageError("a black level for each place of a cell", expected="one number")
    height, width = channels.shape[:2]
    bits = 16 if tile is None else max(8, int(channels.max()).bit_length())
    parts = (
        [channels.astype("<u2", copy=False).tobytes()]
        if tile is None
        else list(_jpeg_tiles(channels, tile, bits))
    )

    def tags(offset: int) -> list[Tag]:
        sizes = [len(part) for part in parts]
        places = [offset + sum(sizes[:number]) for number in range(len(sizes))]
        if tile is None:
            pixels = [Tag.long(278, height), Tag.long(273, *places), Tag.long(279, *sizes)]
        else:
            pixels = [
                Tag.long(322, tile), Tag.long(323, tile),  # TileWidth, TileLength
                Tag.long(324, *places), Tag.long(325, *sizes),
            ]  # fmt: skip
        return [
            *_picture_tags((height, width), meta),
            *_dng_tags((height, width), meta),
            *pixels,
            Tag.short(258, bits, bits, bits),  # BitsPerSample
            Tag.short(259, _UNCOMPRESSED if tile is None else _LOSSLESS_JPEG),
            Tag.short(262, _LINEAR_RAW),  # PhotometricInterpretation
            Tag.short(277, 3),  # SamplesPerPixel
            *([] if table is None else [Tag.short(50712, *table)]),  # LinearizationTable
        ]

    return _laid_out((height, width), meta, tags) + b"".join(parts)


def _jpeg_tiles(channels: NDArray[np.uint16], side: int, bits: int) -> Iterator[bytes]:
    """Compress tiles in reading order; those at the edges are filled up."""
    import imagecodecs  # noqa: PLC0415 - a development dependency, for this variant alone

    for top in range(0, channels.shape[0], side):
        for left in range(0, channels.shape[1], side):
            part = channels[top : top + side, left : left + side]
            missing = [(0, side - size) for size in part.shape[:2]]
            whole = np.ascontiguousarray(np.pad(part, [*missing, (0, 0)], mode="edge"))
            yield bytes(imagecodecs.jpeg_encode(whole, lossless=True, bitspersample=bits))


def write_dng(
    path: Path | str, mosaic: NDArray[np.uint16], meta: DngMeta, *, lossless_jpeg: bool = False
) -> int:
    """Write a mosaic as a DNG file, all or nothing, and return its size in bytes.

    The parameters are those of `encode_dng`.

    Raises
    ------
    UsageError
        If `mosaic` or `meta` cannot be a DNG.
    OutputError
        If the file cannot be written.
    """
    data = encode_dng(mosaic, meta, lossless_jpeg=lossless_jpeg)
    write_atomically(Path(path), data)
    return len(data)
