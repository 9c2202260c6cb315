"""TIFF from bands of rows, in bounded memory and on all cores.

After TIFF revision 6.0 with Adobe's deflate compression and horizontal differencing, in strips.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from rawkit.errors import OutputError
from rawkit.pictures.capture import directories
from rawkit.pictures.formats.shape import PictureShape, ahead, compressor
from rawkit.tiff import HEADER_BYTES, Tag, encode_header

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

_STRIP_BYTES = 1 << 18
_MOST_BYTES = (1 << 32) - (1 << 20)
"""Offsets have 32 bits."""
_DEFLATE, _RGB, _DIFFERENCES = 8, 2, 2


def encode_tiff(
    file: BinaryIO, bands: Iterable[NDArray[np.unsignedinteger]], shape: PictureShape
) -> None:
    """Write a TIFF of RGB rows (rows, width, 3), uint8 or uint16, top to bottom.

    Raises
    ------
    OutputError
        If it would be larger than 4 GB.
    """
    rows = max(1, _STRIP_BYTES // shape.row_bytes)
    offsets: list[int] = []
    counts: list[int] = []
    position = HEADER_BYTES
    file.write(encode_header(0))
    for strip in ahead(_deflate, _strips(shape.checked(bands), rows)):
        if position + len(strip) > _MOST_BYTES:
            raise OutputError("a TIFF of over 4 GB", fix="Use --format png.")
        offsets.append(position)
        counts.append(len(strip))
        file.write(strip)
        position += len(strip)
    position += file.write(b"\0" * (position % 2))  # directories begin at even bytes
    file.write(directories(_tags(shape, rows, offsets, counts), shape.capture, position))
    file.seek(0)
    file.write(encode_header(position))


def _tags(shape: PictureShape, rows: int, offsets: list[int], counts: list[int]) -> list[Tag]:
    return [
        Tag.long(256, shape.width),
        Tag.long(257, shape.height),
        Tag.short(258, shape.bits, shape.bits, shape.bits),
        Tag.short(259, _DEFLATE),
        Tag.short(262, _RGB),
        Tag.long(273, *offsets),
        Tag.short(277, 3),
        Tag.long(278, rows),
        Tag.long(279, *counts),
        Tag.short(284, 1),
        Tag.short(317, _DIFFERENCES),
        Tag.undefined(34675, shape.profile),
    ]


def _strips(
    bands: Iterable[NDArray[np.unsignedinteger]], rows: int
) -> Iterator[NDArray[np.unsignedinteger]]:
    """Cut bands of any height into strips of so many rows, the last one shorter."""
    rest: NDArray[np.unsignedinteger] | None = None
    for band in bands:
        joined = band if rest is None else np.concatenate([rest, band])
        whole = len(joined) // rows * rows
        for top in range(0, whole, rows):
            yield joined[top : top + rows]
        rest = joined[whole:] if whole < len(joined) else None
    if rest is not None:
        yield rest


def _deflate(strip: NDArray[np.unsignedinteger]) -> bytes:
    differences = strip.copy()
    np.subtract(strip[:, 1:], strip[:, :-1], out=differences[:, 1:])
    little = differences.astype(strip.dtype.newbyteorder("<"), copy=False)
    packer = compressor(raw=False)
    return packer.compress(little.tobytes()) + packer.flush()
