"""JPEG: the one format that needs the whole picture at once, at 8 bits."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO

import cv2
import numpy as np

from rawkit.errors import OutputError
from rawkit.pictures.capture import exif_block

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from rawkit.pictures.formats.shape import PictureShape

QUALITY = 95
MOST_PIXELS = 65500
"""The longest side the encoder takes."""
_START, _APP0, _APP1, _APP2 = b"\xff\xd8", b"\xff\xe0", b"\xff\xe1", b"\xff\xe2"
_ICC = b"ICC_PROFILE\0\x01\x01"
_EXIF = b"Exif\0\0"


def encode_jpeg(
    file: BinaryIO, bands: Iterable[NDArray[np.unsignedinteger]], shape: PictureShape
) -> None:
    """Write a JPEG of RGB rows (rows, width, 3), uint8, top to bottom.

    Raises
    ------
    OutputError
        If the picture is larger than a JPEG can be.
    """
    if max(shape.height, shape.width) > MOST_PIXELS:
        raise OutputError(
            f"a picture of {shape.width}x{shape.height} as JPEG",
            expected=f"at most {MOST_PIXELS} pixels each way",
            fix="Use another --format.",
        )
    whole = np.empty((shape.height, shape.width, 3), np.uint8)  # BGR, as OpenCV takes it
    top = 0
    for band in shape.checked(bands):
        whole[top : top + len(band)] = band[..., ::-1]
        top += len(band)
    done, data = cv2.imencode(".jpg", whole, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    del whole
    if not done:
        raise OutputError(f"a picture of {shape.width}x{shape.height} that cannot be encoded")
    encoded = memoryview(data.data)
    # The JFIF segment must come first, then EXIF (its specification, 4.7.2) and the profile.
    after = 2
    if bytes(encoded[2:4]) == _APP0:
        after = 4 + int(struct.unpack(">H", encoded[4:6])[0])
    file.write(encoded[:after])
    file.write(_segment(_APP1, _EXIF + exif_block(shape.capture)))
    file.write(_segment(_APP2, _ICC + shape.profile))
    file.write(encoded[after:])


def _segment(marker: bytes, content: bytes) -> bytes:
    return marker + struct.pack(">H", len(content) + 2) + content
