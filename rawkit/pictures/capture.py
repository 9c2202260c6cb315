"""What a picture says of its capture: EXIF, written anew.

Maker notes, thumbnails and positions are not carried over: they describe the raw file. The
orientation is, as 1, because pictures are turned upright.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from rawkit.sensor import Carried, Exif, Exposure, read_carried, read_exif
from rawkit.tiff import HEADER_BYTES, Tag, directory_bytes, encode_directory, encode_header

if TYPE_CHECKING:
    from rawkit.store import FrameRow

SOFTWARE = "rawkit"
_ORIENTATION, _SOFTWARE, _EXIF_DIRECTORY = 274, 305, 34665
_UNCALIBRATED = 0xFFFF
"""Colour space of EXIF: neither sRGB nor Adobe RGB, but what the colour profile says."""
_MOST_SHORT = 0xFFFF
_MOST = (1 << 31) - 1
_LEAST = 1e-6
"""What fractions of 32 bits can hold."""


@dataclass(frozen=True, slots=True)
class Capture:
    """Camera, exposure and time of a picture; None where unknown."""

    make: str | None = None
    """Camera maker."""
    model: str | None = None
    """Camera model."""
    exposure: Exposure = Exposure(None, None, None)  # noqa: RUF009 - frozen
    """Exposure time, ISO and f-number."""
    taken: str | None = None
    """Date and time, `YYYY:MM:DD HH:MM:SS`, camera's local time."""
    lens: str | None = None
    """Lens model."""
    orientation: int = 1
    """EXIF orientation of the mosaic, 1 to 8; 1 is upright."""
    carried: Carried = Carried()  # noqa: RUF009 - frozen
    """All that the raw file says of its capture, which a mosaic written as a DNG goes on saying;
    pictures do not."""


def capture_of_file(file: BinaryIO, decoded: Exposure) -> Capture:
    """Read the EXIF of a raw file; what it lacks of the exposure LibRaw has `decoded`."""
    exif: Exif = read_exif(file)
    return Capture(
        exif.make, exif.model, exif.exposure.or_else(decoded), exif.taken, exif.lens,
        exif.orientation, read_carried(file),
    )  # fmt: skip


def capture_of_row(row: FrameRow) -> Capture:
    """Return what a store says of a frame's capture."""
    exposure = Exposure(row.exposure_time, row.iso, row.f_number)
    return Capture(row.make, row.model, exposure, row.taken, None, row.orientation)


def image_tags(capture: Capture) -> list[Tag]:
    """Tags of the main directory: camera, software, upright."""
    texts = {271: capture.make, 272: capture.model, _SOFTWARE: SOFTWARE, 306: capture.taken}
    tags = [Tag.ascii(number, text) for number, text in texts.items() if text]
    return [*tags, Tag.short(_ORIENTATION, 1)]


def exif_tags(capture: Capture) -> list[Tag]:
    """Tags of the EXIF directory of a picture: exposure, time, lens, colour space."""
    return [Tag.short(40961, _UNCALIBRATED), *exposure_tags(capture)]


def exposure_tags(capture: Capture) -> list[Tag]:
    """Tags of an EXIF directory: its version, exposure, time, lens."""
    exposure = capture.exposure
    tags = [Tag.undefined(36864, b"0231")]
    for number, value in ((33434, exposure.seconds), (33437, exposure.f_number)):
        if value is not None and _LEAST <= value <= _MOST:
            tags.append(Tag.rational(number, value))
    if exposure.iso is not None and exposure.iso <= _MOST:
        iso = max(1, round(exposure.iso))
        tags.append(Tag.short(34855, min(iso, _MOST_SHORT)))
        if iso >= _MOST_SHORT:  # EXIF 2.3: the speed itself is in a field of 32 bits
            tags += [Tag.short(34864, 3), Tag.long(34867, iso)]
    for number, text in ((36867, capture.taken), (42036, capture.lens)):
        if text:
            tags.append(Tag.ascii(number, text))
    return tags


def directories(tags: list[Tag], capture: Capture, offset: int) -> bytes:
    """Encode `tags` and those of the capture as a directory at byte `offset`, EXIF after it."""
    tags = [*tags, *image_tags(capture)]
    position = offset + directory_bytes([*tags, Tag.long(_EXIF_DIRECTORY, 0)])
    main = encode_directory([*tags, Tag.long(_EXIF_DIRECTORY, position)], offset)
    return main + encode_directory(exif_tags(capture), position)


def exif_block(capture: Capture) -> bytes:
    """Encode the capture as PNG and JPEG hold it: a small TIFF without a picture."""
    return encode_header(HEADER_BYTES) + directories([], capture, HEADER_BYTES)
