"""A shard: one frame in one object, its chunks compressed one by one, and an index at its end.

The bytes are those of zarr's ``sharding_indexed`` codec: every chunk is ``bytes``, then ``blosc``
if the array is compressed, then ``crc32c``; after the chunks, offset and length of each as little
endian uint64, and the crc32c of that index. Chunks lie row by row, so the same input gives the
same bytes and a band of chunks is one sequential read.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

import google_crc32c
import numpy as np
from numcodecs.blosc import Blosc
from numpy.typing import NDArray

from rawkit import native
from rawkit.errors import StoreDamagedError
from rawkit.store.direct import create_direct

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.store.layout import ArrayLayout

Room = Callable[[int], NDArray[np.uint8]]
"""Gives the place of the next so many bytes, to be filled before it is asked again."""
CRC_BYTES = 4
_BLOSC_BYTES = 16
"""What blosc adds at most."""
_BLOSC_LENGTHS = struct.Struct("<4xI4xI")
"""Of a chunk's header: its bytes once they are decoded, and as they are."""
_ENTRY_BYTES = 16
_CHANNELS = 3
_COMPRESSOR = Blosc(cname="lz4", clevel=5, shuffle=Blosc.BITSHUFFLE)
REPAIR = "`rawkit verify --repair` makes it anew from the raw file."
"""What to do about a damaged shard."""
_SAMPLE = 5
"""Chunks that stand for a frame when a codec is chosen."""
MIN_SAVING = {1: 0.5, 2: 0.2}
"""A codec that saves less than this share of the bytes costs more than it gives, by bytes of a
value. Pictures of 8 bits decode at half the rate of dark mosaics, and again in every epoch."""


def index_bytes(layout: ArrayLayout) -> int:
    """Bytes of a shard's index with its checksum."""
    return math.prod(layout.grid) * _ENTRY_BYTES + CRC_BYTES


def encode_shard(frame: NDArray[np.generic], layout: ArrayLayout) -> bytes:
    """Encode one frame, shape (planes, height, width) as in `layout`, into the bytes of a shard."""
    parts: list[NDArray[np.uint8]] = []

    def room(size: int) -> NDArray[np.uint8]:
        parts.append(np.empty(size, np.uint8))
        return parts[-1]

    _encode(frame, layout, room)
    return b"".join(part.data for part in parts)


def write_shard(frame: NDArray[np.generic], layout: ArrayLayout, path: Path) -> int:
    """Encode like `encode_shard` into a file; returns its bytes. Takes 8 MB of memory, no more.

    Raises
    ------
    OSError
        If it cannot be written; it is then no shard.
    """
    largest = max(layout.chunk_bytes + _BLOSC_BYTES + CRC_BYTES, index_bytes(layout))
    with create_direct(path, largest) as file:
        _encode(frame, layout, file.room)
    return file.size


def _encode(frame: NDArray[np.generic], layout: ArrayLayout, room: Room) -> None:
    """Encode a frame into the memory that `room` gives for so many bytes at a time."""
    expected = (layout.planes, layout.height, layout.width)
    if frame.shape != expected or frame.dtype != layout.dtype:
        raise AssertionError(f"{frame.dtype} {frame.shape}, not {layout.dtype} {expected}")
    count, shape = math.prod(layout.grid), (layout.planes, *layout.chunk)
    chunk = np.empty(shape, layout.dtype)
    index = np.empty((count, 2), "<u8")
    offset = 0
    for number in range(count):
        if layout.codec == "lz4":
            _take_chunk(frame, layout, number, chunk)
            encoded = np.frombuffer(_COMPRESSOR.encode(chunk), np.uint8)
            place = room(encoded.size + CRC_BYTES)
            place[:-CRC_BYTES] = encoded
        else:
            place = room(layout.chunk_bytes + CRC_BYTES)
            plain = place[:-CRC_BYTES].view(layout.dtype).reshape(shape)
            _take_chunk(frame, layout, number, plain)
        _put_crc(place)
        index[number] = offset, place.size
        offset += place.size
    place = room(index_bytes(layout))
    place[:-CRC_BYTES] = index.view(np.uint8).ravel()
    _put_crc(place)


def _take_chunk(
    frame: NDArray[np.generic], layout: ArrayLayout, number: int, out: NDArray[np.generic]
) -> None:
    """Copy chunk `number` of a frame, filled up with zeros where it reaches beyond."""
    (_, columns), (height, width) = layout.grid, layout.chunk
    top, left = number // columns * height, number % columns * width
    piece = frame[:, top : top + height, left : left + width]
    if piece.shape != out.shape:
        out[...] = 0
    if native.BUILT and _is_picture(piece):
        native.functions.split_channels(piece.transpose(1, 2, 0), out)
    else:
        out[:, : piece.shape[1], : piece.shape[2]] = piece


def _is_picture(piece: NDArray[np.generic]) -> bool:
    """Tell whether planes are the channels of a picture that lie side by side."""
    size, channels = piece.itemsize, piece.shape[0]
    return channels == _CHANNELS and (piece.strides[0], piece.strides[2]) == (size, channels * size)


def compresses(frame: NDArray[np.generic], layout: ArrayLayout) -> bool:
    """Tell from a sample of its chunks, spread evenly, whether lz4 shrinks a frame enough."""
    count = math.prod(layout.grid)
    sample = sorted({number * (count - 1) // (_SAMPLE - 1) for number in range(_SAMPLE)})
    chunk = np.zeros((layout.planes, *layout.chunk), layout.dtype)
    encoded = 0
    for number in sample:
        _take_chunk(frame, layout, number, chunk)
        encoded += len(_COMPRESSOR.encode(chunk))
    return saves_enough(encoded, len(sample) * layout.chunk_bytes, layout.itemsize)


def saves_enough(encoded: int, decoded: int, itemsize: int) -> bool:
    """Tell whether so many encoded bytes are worth decoding, of values of `itemsize` bytes each."""
    return encoded <= (1 - MIN_SAVING[itemsize]) * decoded


def parse_index(tail: bytes, layout: ArrayLayout, where: object) -> NDArray[np.uint64]:
    """Read an index, shape (chunks, 2), offset and length in bytes, from the end of a shard.

    Raises
    ------
    StoreDamagedError
        If it is cut off or fails its checksum.
    """
    body, crc = tail[:-CRC_BYTES], tail[-CRC_BYTES:]
    if len(tail) != index_bytes(layout) or _crc(body) != crc:
        raise StoreDamagedError(
            "the index of a shard fails its checksum",
            expected="the bytes that were written",
            where=where,
            fix=REPAIR,
        )
    return np.frombuffer(body, "<u8").reshape(-1, 2)


def decode_chunk(
    data: memoryview, layout: ArrayLayout, out: NDArray[np.generic], where: object
) -> None:
    """Check and decode one chunk into `out`, contiguous, shape (planes, chunk height, width).

    Raises
    ------
    StoreDamagedError
        If the chunk fails its checksum or does not decode.
    """
    body = verify_chunk(data, where)
    if layout.codec == "none" and len(body) != layout.chunk_bytes:
        raise StoreDamagedError(
            f"a chunk of {len(body)} bytes",
            expected=f"{layout.chunk_bytes}",
            where=where,
            fix=REPAIR,
        )
    if layout.codec == "lz4":
        decompress(body, out, where)
    else:
        out.reshape(-1).view(np.uint8)[:] = np.frombuffer(body, np.uint8)


def decompress(
    body: memoryview | NDArray[np.uint8], out: NDArray[np.generic], where: object
) -> None:
    """Decode the checked bytes of a compressed chunk into `out`, contiguous.

    Raises
    ------
    StoreDamagedError
        If they hold something else.
    """
    # The library believes what the header says of both lengths: it would read beyond the bytes, or
    # leave what memory held before in the pixels.
    header = bytes(body[: _BLOSC_LENGTHS.size])
    told = _BLOSC_LENGTHS.unpack(header) if len(header) == _BLOSC_LENGTHS.size else (0, 0)
    if told != (out.nbytes, len(body)):
        raise StoreDamagedError(
            f"a chunk that tells of {told[0]} bytes in {told[1]}",
            expected=f"{out.nbytes} in {len(body)}",
            where=where,
            fix=REPAIR,
        )
    try:
        _COMPRESSOR.decode(body, out=out)
    except (RuntimeError, ValueError) as error:
        raise StoreDamagedError(
            f"a chunk that does not decode ({error})",
            expected="the bytes that were written",
            where=where,
            fix=REPAIR,
        ) from error


def verify_chunk(data: memoryview, where: object) -> memoryview:
    """Check one chunk's checksum; returns its encoded bytes without it.

    Raises
    ------
    StoreDamagedError
        If it fails.
    """
    body = data[:-CRC_BYTES]
    check_sum(body, data[-CRC_BYTES:], where)
    return body


def check_sum(
    body: memoryview | NDArray[np.uint8], crc: bytes | bytearray | memoryview, where: object
) -> None:
    """Compare the encoded bytes of a chunk with their checksum.

    Raises
    ------
    StoreDamagedError
        If they differ.
    """
    if _crc(body) != bytes(crc):
        raise StoreDamagedError(
            "a chunk fails its checksum",
            expected="the bytes that were written",
            where=where,
            fix=REPAIR,
        )


def decode_shard(shard: bytes, layout: ArrayLayout, where: object) -> NDArray[np.generic]:
    """Decode a whole shard, shape (planes, height, width): the inverse of `encode_shard`."""
    index = parse_index(shard[-index_bytes(layout) :], layout, where)
    (_, columns), (height, width) = layout.grid, layout.chunk
    frame = np.empty((layout.planes, layout.height, layout.width), layout.dtype)
    chunk = np.empty((layout.planes, height, width), layout.dtype)
    view = memoryview(shard)
    for number, (offset, length) in enumerate(index.tolist()):
        decode_chunk(view[offset : offset + length], layout, chunk, where)
        top, left = number // columns * height, number % columns * width
        piece = frame[:, top : top + height, left : left + width]
        piece[...] = chunk[:, : piece.shape[1], : piece.shape[2]]
    return frame


def with_crc(data: bytes) -> bytes:
    """Append the checksum, as zarr's ``crc32c`` codec does."""
    return data + _crc(data)


def _put_crc(place: NDArray[np.uint8]) -> None:
    """Fill the last four bytes with the checksum of those before."""
    place[-CRC_BYTES:] = np.frombuffer(_crc(place[:-CRC_BYTES]), np.uint8)


def _crc(data: bytes | memoryview | NDArray[np.uint8]) -> bytes:
    """crc32c as four little endian bytes, as zarr's codec appends it."""
    # The package takes arrays as they are, but no memory views: an array around one is no copy.
    plain = data if isinstance(data, bytes) or not len(data) else np.frombuffer(data, np.uint8)
    value = google_crc32c.value(plain if len(plain) else b"")
    return int(value).to_bytes(CRC_BYTES, "little")
