"""What a DNG says before it is decoded: size and frame rate, from its directories alone."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from pathlib import Path

_WIDTH, _HEIGHT, _SUBFILE, _DIRECTORIES, _FRAME_RATE = 256, 257, 254, 330, 51044
_SIZES = {1: 1, 3: 2, 4: 4, 5: 8, 10: 8}
_WHOLE = {1: "B", 3: "H", 4: "I"}
_MOST_ENTRIES, _MOST_DIRECTORIES = 4096, 16
_FULL_SIZE = 0


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """What is known of a frame before it is decoded; None where it does not say."""

    size: tuple[int, int] | None = None
    """Rows and columns of the whole mosaic, margins included."""
    fps: float | None = None
    """Frames a second."""


def read_header(path: Path) -> FrameHeader:
    """Read the directories of a DNG; a file that is none, or damaged, gives an empty header."""
    try:
        with path.open("rb") as file:
            return _read(file)
    except (OSError, ValueError, struct.error, ZeroDivisionError):
        return FrameHeader()


def _read(file: BinaryIO) -> FrameHeader:
    order = {b"II*\0": "<", b"MM\0*": ">"}[file.read(4)] if _is_tiff(file) else ""
    if not order:
        return FrameHeader()
    (start,) = struct.unpack(f"{order}I", file.read(4))
    waiting, size, fps = [start], None, None
    for _ in range(_MOST_DIRECTORIES):
        if not waiting:
            break
        tags = _directory(file, order, waiting.pop(0))
        waiting += [int(one) for one in tags.get(_DIRECTORIES, [])]
        fps = fps or next(iter(tags.get(_FRAME_RATE, [])), None)
        full = tags.get(_SUBFILE, [_FULL_SIZE])[0] == _FULL_SIZE
        if full and _HEIGHT in tags and _WIDTH in tags:
            size = int(tags[_HEIGHT][0]), int(tags[_WIDTH][0])
    return FrameHeader(size, fps if fps and fps > 0 else None)


def _is_tiff(file: BinaryIO) -> bool:
    head = file.read(4)
    file.seek(0)
    return head in (b"II*\0", b"MM\0*")


def _directory(file: BinaryIO, order: str, start: int) -> dict[int, list[float]]:
    """Return the tags of interest of a directory."""
    file.seek(start)
    (count,) = struct.unpack(f"{order}H", file.read(2))
    entries = file.read(12 * min(count, _MOST_ENTRIES))
    found: dict[int, list[float]] = {}
    for offset in range(0, len(entries) - 11, 12):
        tag, kind, number = struct.unpack_from(f"{order}HHI", entries, offset)
        wanted = tag in (_WIDTH, _HEIGHT, _SUBFILE, _DIRECTORIES, _FRAME_RATE)
        if not wanted or kind not in _SIZES or not 0 < number <= _MOST_DIRECTORIES:
            continue
        data = entries[offset + 8 : offset + 12]
        length = _SIZES[kind] * number
        if length > len(data):
            file.seek(struct.unpack(f"{order}I", data)[0])
            data = file.read(length)
        found[tag] = _values(order, kind, number, data)
    return found


def _values(order: str, kind: int, number: int, data: bytes) -> list[float]:
    if kind in _WHOLE:
        return list(struct.unpack_from(f"{order}{number}{_WHOLE[kind]}", data))
    parts = struct.unpack_from(f"{order}{2 * number}{'I' if kind == 5 else 'i'}", data)  # noqa: PLR2004 - RATIONAL, SRATIONAL
    return [top / bottom for top, bottom in zip(parts[::2], parts[1::2], strict=True)]
