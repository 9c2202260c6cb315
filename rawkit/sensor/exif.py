"""What a raw file says of itself before anything is unpacked.

Opening a file in LibRaw is cheap, but ISO, levels and white balance each force a full unpack
(170 ms for 12 MP). EXIF alone costs well under a millisecond and a few kilobytes, which is what
makes scanning a collection of 20,000 files a matter of seconds.
"""

from __future__ import annotations

import contextlib
import io
import logging
import struct
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from rawkit.sensor.types import Exposure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_RAF_JPEG_POINTER = 84
"""A Fuji RAF stores the offset and length of a JPEG, big-endian, at this byte; it has the
EXIF."""

_CIFF_MAKE_AND_MODEL = 0x080A
_CIFF_CAPTURED_TIME = 0x180E
"""Seconds since 1970 of the camera's local time, 32 bits; then its time zone."""
_CIFF_DIRECTORY_KINDS = (0x2800, 0x3000)
_CIFF_MAX_TEXT = 64
_MOST_FRAMES = 1e6
"""Frames a second that no camera exceeds."""
_ISO_OVERFLOW = 65535
"""ISO fields of 16 bits hold this where the true value does not fit."""


_NO_TAGS = b"II*\0\x08" + bytes(9)
"""A TIFF file with a directory and nothing in it."""
_UNKNOWN = Exposure(None, None, None)


@dataclass(frozen=True, slots=True)
class Exif:
    """The few facts rawkit needs before it decodes; None where the file does not say."""

    make: str | None = None
    """Camera maker."""
    model: str | None = None
    """Camera model."""
    exposure: Exposure = _UNKNOWN
    """Exposure time, ISO and f-number."""
    taken: str | None = None
    """Date and time of capture, `YYYY:MM:DD HH:MM:SS`."""
    orientation: int = 1
    """EXIF orientation, 1 to 8; 1 is upright."""
    lens: str | None = None
    """Lens model."""
    frame_rate: float | None = None
    """Frames a second, of a frame of a video."""


def read_exif(file: BinaryIO) -> Exif:
    """Read the EXIF of a raw file from a seekable binary file positioned anywhere.

    TIFF-based raw files (DNG, ARW, CR2, NEF, KDC ...), RAF and CRW are understood. A file whose
    EXIF is missing or damaged gives an empty `Exif`: whether it is a raw file at all is for the
    decoder to say.
    """
    file.seek(0)
    head = file.read(16)
    if head.startswith(b"FUJIFILM"):
        return _exif_of_tiff(raf_jpeg(file))
    if head[6:14] == b"HEAPCCDR":
        return _exif_of_ciff(file, head)
    file.seek(0)
    return _exif_of_tiff(file)


def raf_jpeg(file: BinaryIO) -> BinaryIO:
    """Return the beginning of the JPEG of a Fuji RAF, which has its EXIF; empty without one."""
    file.seek(_RAF_JPEG_POINTER)
    pointer = file.read(8)
    if len(pointer) < 8:  # noqa: PLR2004 - two 32-bit numbers
        return io.BytesIO()
    offset, length = struct.unpack(">II", pointer)
    file.seek(offset)
    return io.BytesIO(file.read(min(length, 1 << 16)))


def load_readers() -> None:
    """Import now what reading a file imports on first use.

    For processes that are forked for each file: every fork would import it anew.
    """
    _exif_of_tiff(io.BytesIO(_NO_TAGS))
    np.unique(np.zeros(1))  # quantiles sort by it, and it needs masked arrays


def _exif_of_tiff(file: BinaryIO) -> Exif:
    import exifread  # noqa: PLC0415 - half of what a bare `import rawkit.sensor` would cost

    logging.getLogger("exifread").setLevel(logging.CRITICAL)
    try:
        tags = exifread.process_file(file, details=False, extract_thumbnail=False)
    except Exception:  # noqa: BLE001 - exifread raises anything on damaged files; no EXIF then
        return Exif()
    return Exif(
        make=_text(tags, "Image Make"),
        model=_text(tags, "Image Model", "Image UniqueCameraModel", "Image Tag 0xC614"),
        exposure=Exposure(
            seconds=_number(tags, "EXIF ExposureTime", "Image ExposureTime"),
            iso=_iso(tags),
            f_number=_number(tags, "EXIF FNumber", "Image FNumber"),
        ),
        taken=_text(tags, "EXIF DateTimeOriginal", "Image DateTimeOriginal", "Image DateTime"),
        orientation=_orientation(tags),
        lens=_text(tags, "EXIF LensModel"),
        frame_rate=_frame_rate(tags),
    )


def _text(tags: Mapping[str, Any], *names: str) -> str | None:
    for name in names:
        if name in tags:
            text = str(tags[name]).strip(" \t\r\n\0")
            if text:
                return text
    return None


def _number(tags: Mapping[str, Any], *names: str) -> float | None:
    for name in names:
        values = getattr(tags.get(name), "values", None)
        if values:
            with contextlib.suppress(TypeError, ValueError, ZeroDivisionError, OverflowError):
                return float(values[0])
    return None


def _iso(tags: Mapping[str, Any]) -> float | None:
    for name in (
        "EXIF ISOSpeedRatings",
        "EXIF PhotographicSensitivity",
        "Image ISOSpeedRatings",
        "EXIF RecommendedExposureIndex",
        "EXIF StandardOutputSensitivity",
        "EXIF ISOSpeed",
    ):
        value = _number(tags, name)
        if value and value != _ISO_OVERFLOW:
            return value
    return None


def _orientation(tags: Mapping[str, Any]) -> int:
    value = _number(tags, "Image Orientation")
    return int(value) if value is not None and value in range(1, 9) else 1


def _frame_rate(tags: Mapping[str, Any]) -> float | None:
    """Read FrameRate of CinemaDNG, a fraction; None where it cannot be one."""
    value = _number(tags, "Image Tag 0xC764")
    return value if value is not None and 0 < value <= _MOST_FRAMES else None


def _exif_of_ciff(file: BinaryIO, head: bytes) -> Exif:
    """Read make, model and time from Canon's CIFF heap (CRW), which exifread does not know.

    Specification: Canon, "CIFF Specification on Image Data File", version 1.0 revision 4 (1997).
    Exposure is left to LibRaw.
    """
    order = "<" if head.startswith(b"II") else ">"
    exif = Exif()
    # A damaged heap says no more than what came before; the decoder will say why.
    with contextlib.suppress(struct.error, ValueError, OverflowError):
        (start,) = struct.unpack(order + "I", head[2:6])
        end = file.seek(0, io.SEEK_END)
        for kind, data in _ciff_records(file, order, start, end, set()):
            if kind == _CIFF_CAPTURED_TIME and exif.taken is None:
                (seconds,) = struct.unpack_from(order + "I", data)
                exif = replace(exif, taken=_written(seconds))
            elif kind == _CIFF_MAKE_AND_MODEL and exif.make is None:
                make, model = (part.decode("ascii", "replace") for part in data.split(b"\0")[:2])
                exif = replace(exif, make=make or None, model=model or None)
    return exif


def _written(seconds: int) -> str | None:
    """Write a time as EXIF does; None for 0, of a camera whose clock was never set."""
    if not seconds:
        return None
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y:%m:%d %H:%M:%S")


def _ciff_records(
    file: BinaryIO, order: str, start: int, end: int, seen: set[int]
) -> Iterator[tuple[int, bytes]]:
    """Yield (type, data) of the heap in bytes [start, end), whose directory offset is its last.

    `seen` are the ends of heaps already read: a damaged file may point back at itself.
    """
    if end < start + 4 or end in seen:
        return
    seen.add(end)
    file.seek(end - 4)
    (directory,) = struct.unpack(order + "I", file.read(4))
    file.seek(start + directory)
    (count,) = struct.unpack(order + "H", file.read(2))
    entries = file.read(10 * count)
    for kind, size, offset in struct.iter_unpack(order + "HII", entries):
        if kind & 0xC000:
            continue  # the value sits in the entry itself: never a string this long
        if kind & 0x3800 in _CIFF_DIRECTORY_KINDS:
            at = start + offset
            yield from _ciff_records(file, order, at, at + size, seen)
        elif kind in (_CIFF_MAKE_AND_MODEL, _CIFF_CAPTURED_TIME):
            file.seek(start + offset)
            yield kind, file.read(min(size, _CIFF_MAX_TEXT))
