"""PNG from bands of rows, in bounded memory and on all cores.

After the PNG specification (W3C, third edition). Every band is compressed on its own and ended by
an empty block, as the deflate format allows; so bands are compressed side by side, and their bytes
joined are one stream. Each row is stored as the difference to the one above.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from rawkit.pictures.capture import exif_block
from rawkit.pictures.formats.shape import PictureShape, ahead, compressor

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RGB = 2
_UP = 2
_ZLIB_HEADER = b"\x78\x01"
_LAST_BLOCK = b"\x03\x00"
_PIECE_BYTES = 1 << 20
"""Bytes compressed at a time: small enough for all cores to have one, large enough to cost little
in block headers."""


def encode_png(
    file: BinaryIO, bands: Iterable[NDArray[np.unsignedinteger]], shape: PictureShape
) -> None:
    """Write a PNG of RGB rows (rows, width, 3), uint8 or uint16, top to bottom."""
    header = struct.pack(">IIBBBBB", shape.width, shape.height, shape.bits, _RGB, 0, 0, 0)
    name = shape.profile_name.encode("latin-1")
    file.write(SIGNATURE)
    _chunk(file, b"IHDR", header)
    _chunk(file, b"iCCP", name + b"\0\0" + zlib.compress(shape.profile, 9))
    _chunk(file, b"eXIf", exif_block(shape.capture))
    checksum = zlib.adler32(b"")

    def pieces() -> Iterator[bytes]:
        nonlocal checksum
        for piece in _filtered(shape.checked(bands), shape):
            checksum = zlib.adler32(piece, checksum)
            yield piece

    start = _ZLIB_HEADER
    for compressed in ahead(_deflate, pieces()):
        _chunk(file, b"IDAT", start + compressed)
        start = b""
    _chunk(file, b"IDAT", start + _LAST_BLOCK + struct.pack(">I", checksum))
    _chunk(file, b"IEND", b"")


def _filtered(bands: Iterable[NDArray[np.unsignedinteger]], shape: PictureShape) -> Iterator[bytes]:
    """Yield rows as the specification wants them: a filter's number, then big-endian bytes."""
    above = np.zeros((1, shape.row_bytes), np.uint8)
    rows = max(1, _PIECE_BYTES // shape.row_bytes)
    for band in bands:
        values = band if shape.bits == 8 else band.astype(">u2")  # noqa: PLR2004
        plain = np.ascontiguousarray(values).view(np.uint8).reshape(band.shape[0], -1)
        for top in range(0, len(plain), rows):
            part = plain[top : top + rows]
            out = np.empty((len(part), 1 + shape.row_bytes), np.uint8)
            out[:, 0] = _UP
            np.subtract(part[:1], above, out=out[:1, 1:])
            np.subtract(part[1:], part[:-1], out=out[1:, 1:])
            above = part[-1:].copy()
            yield out.tobytes()


def _deflate(piece: bytes) -> bytes:
    packer = compressor(raw=True)
    return packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)


def _chunk(file: BinaryIO, name: bytes, content: bytes) -> None:
    file.write(struct.pack(">I", len(content)) + name)
    file.write(content)
    file.write(struct.pack(">I", zlib.crc32(content, zlib.crc32(name))))
