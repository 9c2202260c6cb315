"""DNG: a mosaic that any raw developer opens, with all that its source says of it.

After Adobe, Digital Negative (DNG) Specification, version 1.4.0.0. The file is a TIFF: a header, a
directory that says everything, EXIF and GPS directories, and one strip of 16-bit values. It holds
the visible area alone, so there are no margins to be cut off.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from rawkit.errors import OutputError, UsageError
from rawkit.pictures.capture import SOFTWARE, exposure_tags
from rawkit.tiff import HEADER_BYTES, Tag, directory_bytes, encode_directory, encode_header

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.pictures.capture import Capture
    from rawkit.sensor import ColourMatrix, Mosaic, RawImage, WhiteBalance

_UNCOMPRESSED, _COLOUR_FILTER_ARRAY, _D65 = 1, 32803, 21
_EXIF_DIRECTORY, _GPS_DIRECTORY = 34665, 34853
_FULL = 65535
_MOST_BYTES = (1 << 32) - (1 << 20)
"""Offsets have 32 bits."""
_ALIGNMENT = 16
_ROWS = 256
_SRGB_FROM_XYZ = (3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.204, 1.057)
"""The matrix of a camera of which nothing is known (IEC 61966-2-1), row by row: what LibRaw
develops such a camera with."""
_OWN_EXIF = frozenset({40961, 40962, 40963})
"""Colour space and size of the picture that the source may hold beside its mosaic."""


@dataclass(frozen=True, slots=True)
class MosaicFile:
    """A mosaic that is written as a DNG."""

    image: RawImage
    """What its source says of it: pattern, levels, balance and colour matrix; its pixels do not
    count."""
    capture: Capture
    """What is known of the capture, and which way is up."""
    scale: int = 1
    """What the source's values and levels are multiplied by: 1, or more to keep fractions."""
    name: str | None = None
    """Name of the raw file that it was made of."""

    def __post_init__(self) -> None:
        """Check that the levels are 16-bit numbers.

        Raises
        ------
        UsageError
            If they are not.
        """
        white = self.image.mosaic.white_level * self.scale
        if self.scale < 1 or not 0 < white <= _FULL:
            raise UsageError(f"a white level of {white:g} in a DNG", expected=f"1 to {_FULL}")


def greatest_scale(mosaic: Mosaic) -> int:
    """Return the power of two by which levels can be multiplied in 16 bits, 1 or more."""
    return 1 << max(0, math.floor(math.log2(_FULL / mosaic.white_level)))


def encode_dng(file: BinaryIO, pixels: NDArray[np.uint16], about: MosaicFile) -> None:
    """Write a mosaic as a DNG.

    Parameters
    ----------
    file
        Where it goes, open for writing.
    pixels
        The visible mosaic, shape (height, width), sensor units times the scale, not rotated.
    about
        What is said of it.

    Raises
    ------
    OutputError
        If it would be larger than 4 GB.
    UsageError
        If the pixels are not those of the mosaic.
    """
    mosaic = about.image.mosaic
    if pixels.shape != (mosaic.height, mosaic.width) or pixels.dtype != np.uint16:
        raise UsageError(
            f"pixels of shape {pixels.shape} and type {pixels.dtype}",
            expected=f"{mosaic.height}x{mosaic.width} of uint16",
        )
    if pixels.nbytes > _MOST_BYTES:
        raise OutputError("a DNG of over 4 GB", fix="Write a picture instead, with --format png.")
    file.write(_head(about, pixels.nbytes))
    for top in range(0, len(pixels), _ROWS):
        rows = np.ascontiguousarray(pixels[top : top + _ROWS], "<u2")
        file.write(rows.data)


def _head(about: MosaicFile, strip_bytes: int) -> bytes:
    """Encode all that comes before the pixels."""
    exif, gps = _exif_tags(about.capture), list(about.capture.carried.gps)

    def first(exif_at: int, gps_at: int, strip_at: int) -> list[Tag]:
        return [
            *_picture_tags(about),
            *_mosaic_tags(about.image.mosaic, about.scale),
            *_colour_tags(about.image.colour_matrix, about.image.white_balance, about),
            Tag.long(273, strip_at),  # StripOffsets
            Tag.long(279, strip_bytes),  # StripByteCounts
            Tag.long(_EXIF_DIRECTORY, exif_at),
            *([Tag.long(_GPS_DIRECTORY, gps_at)] if gps else []),
        ]

    exif_at = HEADER_BYTES + directory_bytes(first(0, 0, 0))
    gps_at = exif_at + directory_bytes(exif)
    end = gps_at + (directory_bytes(gps) if gps else 0)
    strip_at = end + -end % _ALIGNMENT
    head = (
        encode_header(HEADER_BYTES)
        + encode_directory(first(exif_at, gps_at, strip_at), HEADER_BYTES)
        + encode_directory(exif, exif_at)
        + (encode_directory(gps, gps_at) if gps else b"")
    )
    return head.ljust(strip_at, b"\0")


def _picture_tags(about: MosaicFile) -> list[Tag]:
    mosaic, capture = about.image.mosaic, about.capture
    known = {271: capture.make, 272: capture.model, 306: capture.taken}
    tags = {number: Tag.ascii(number, text) for number, text in known.items() if text}
    tags |= {tag.number: tag for tag in capture.carried.image}
    model = " ".join(part for part in (capture.make, capture.model) if part)
    return [
        *tags.values(),
        Tag.long(254, 0),  # NewSubfileType: the picture itself
        Tag.long(256, mosaic.width),
        Tag.long(257, mosaic.height),
        Tag.short(258, 16),  # BitsPerSample
        Tag.short(259, _UNCOMPRESSED),
        Tag.short(262, _COLOUR_FILTER_ARRAY),
        Tag.short(274, capture.orientation),
        Tag.short(277, 1),  # SamplesPerPixel
        Tag.long(278, mosaic.height),  # RowsPerStrip
        Tag.short(284, 1),  # PlanarConfiguration
        Tag.ascii(305, SOFTWARE),
        Tag.byte(50706, 1, 4, 0, 0),  # DNGVersion
        Tag.byte(50707, 1, 1, 0, 0),  # DNGBackwardVersion
        Tag.ascii(50708, model or "unknown camera"),  # UniqueCameraModel
        *([Tag.ascii(50827, about.name)] if about.name else []),  # OriginalRawFileName
    ]


def _mosaic_tags(mosaic: Mosaic, scale: int) -> list[Tag]:
    side = mosaic.cell.side
    colours = [1 if colour == 3 else colour for row in mosaic.pattern for colour in row]  # noqa: PLR2004 - LibRaw's second green
    levels = np.zeros((side, side))
    for y, x, plane in mosaic.positions():
        levels[y, x] = mosaic.black_level[plane] * scale
    one = len(set(levels.ravel().tolist())) == 1
    blacks = levels[:1, :1] if one else levels
    return [
        Tag.short(33421, side, side),  # CFARepeatPatternDim
        Tag.byte(33422, *colours),  # CFAPattern
        Tag.byte(50710, 0, 1, 2),  # CFAPlaneColor
        Tag.short(50711, 1),  # CFALayout: rectangular
        Tag.short(50713, *blacks.shape),  # BlackLevelRepeatDim
        Tag.rational(50714, *blacks.ravel().tolist()),  # BlackLevel
        Tag.long(50717, round(mosaic.white_level * scale)),  # WhiteLevel
        Tag.rational(50718, mosaic.pixel_aspect, 1.0),  # DefaultScale
        Tag.long(50829, 0, 0, mosaic.height, mosaic.width),  # ActiveArea
    ]


def _colour_tags(
    matrix: ColourMatrix | None, balance: WhiteBalance, about: MosaicFile
) -> list[Tag]:
    values = _SRGB_FROM_XYZ if matrix is None else matrix.values
    tags = [Tag.srational(50721, *values), Tag.short(50778, _D65)]  # ColorMatrix1, its illuminant
    gains = np.array(balance.multipliers, np.float64)
    if balance.kind == "unknown" or not (np.isfinite(gains).all() and (gains > 0).all()):
        return tags
    colours = np.array(about.image.mosaic.cell.colours)
    neutral = np.array([1 / gains[colours == colour].mean() for colour in range(3)])
    return [*tags, _fine_rational(50728, neutral / neutral.max())]  # AsShotNeutral


def _fine_rational(number: int, values: NDArray[np.float64]) -> Tag:
    """Fractions of 0 to 1 to the ninth digit, so that what is read back is what was written."""
    whole = 1_000_000_000
    parts = [part for value in values for part in (round(float(value) * whole), whole)]
    return Tag(number, 5, len(values), struct.pack(f"<{len(parts)}I", *parts))


def _exif_tags(capture: Capture) -> list[Tag]:
    """Carry on what the source says; add what it does not say in this way."""
    own = {tag.number: tag for tag in exposure_tags(capture)}
    theirs = {tag.number: tag for tag in capture.carried.exif if tag.number not in _OWN_EXIF}
    return list((own | theirs).values())
