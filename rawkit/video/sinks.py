"""Where frames go: compressed video, an array, or a folder of pictures; segment by segment.

A segment is written whole or not at all: into a file of its own, which gets its name when it is
complete. At the end the segments are joined, without encoding anything again, into a file that
takes its place whole. So what is there after a crash can be gone on with, and the result is the
same, byte for byte.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from rawkit.errors import OutputError
from rawkit.files import output_errors, replacing
from rawkit.pictures import PictureFormat, write_picture
from rawkit.video.codecs import Codec, Encoder, join, stored_size

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

_PART = ".part"
_KINDS: Mapping[int, np.dtype[Any]] = {8: np.dtype("u1"), 16: np.dtype("<u2"), 32: np.dtype("<f4")}
"""Types of arrays by their bits."""


class Segment(Protocol):
    """A run of frames that is being written."""

    def write(self, frame: NDArray[np.unsignedinteger]) -> None:
        """Add a frame, (rows, columns, 3)."""

    def close(self) -> None:
        """Complete it: from now on it is there."""

    def abort(self) -> None:
        """Drop it."""


class Sink(Protocol):
    """Takes segments, in any order, and makes one video of them."""

    @property
    def bits(self) -> int:
        """Bits per channel of the frames that it takes."""

    @property
    def target(self) -> Path:
        """The file or folder in the end."""

    @property
    def parts(self) -> Path:
        """The folder of its segments."""

    def identity(self) -> str:
        """Return what changes if segments come out otherwise."""

    def has(self, number: int) -> bool:
        """Whether a segment, from 0, is complete."""

    def segment(self, number: int, first: int) -> Segment:
        """Begin a segment, whose first frame is `first`."""

    def finish(self, segments: int) -> None:
        """Join so many segments."""


@dataclass(frozen=True)
class Mp4Sink:
    """One mp4."""

    target: Path
    """The file."""
    parts: Path
    """Folder of segments."""
    size: tuple[int, int]
    """Rows and columns of a frame."""
    fps: float
    """Frames a second."""
    codec: Codec
    """How it is compressed."""
    quality: int | None = None
    """Constant rate factor; None: the codec's own."""

    @property
    def bits(self) -> int:
        """What the codec is given."""
        return self.codec.given_bits

    def identity(self) -> str:
        """Return the codec with its options, size and rate."""
        return f"{self.codec} {self.quality} {self.size} {self.fps!r}"

    def has(self, number: int) -> bool:
        """Whether the file of a segment is there."""
        return self._path(number).is_file()

    def segment(self, number: int, first: int) -> Segment:  # noqa: ARG002 - the protocol's
        """Begin a file."""
        return _Mp4Segment(self, self._path(number))

    def finish(self, segments: int) -> None:
        """Join the files; raises as `join`."""
        height, width = self.size
        comment = f"{width}x{height} pixels by rawkit"
        if stored_size(height, width) != self.size:
            comment += "; what lies right of and below them repeats the last"
        with replacing(self.target) as file:
            join([self._path(number) for number in range(segments)], file, comment)

    def _path(self, number: int) -> Path:
        return self.parts / f"{number:06d}.mp4"


class _Mp4Segment:
    def __init__(self, sink: Mp4Sink, path: Path) -> None:
        self._path, self._part = path, path.with_suffix(_PART)
        self._encoder = Encoder(self._part, sink.size, sink.fps, sink.codec, sink.quality)

    def write(self, frame: NDArray[np.unsignedinteger]) -> None:
        self._encoder.write(frame)

    def close(self) -> None:
        self._encoder.close()
        _settle(self._part, self._path)

    def abort(self) -> None:
        self._encoder.abort()
        with suppress(OSError):
            self._part.unlink()


@dataclass(frozen=True)
class NpySink:
    """One ``.npy``: (frames, rows, columns, 3) of uint8, uint16 or float32."""

    target: Path
    """The file."""
    parts: Path
    """Folder of segments."""
    size: tuple[int, int]
    """Rows and columns of a frame."""
    count: int
    """Frames."""
    bits: int = 8
    """Bits per channel."""

    def identity(self) -> str:
        """Return shape and type."""
        return f"npy {self.count} {self.size} {self.bits}"

    def has(self, number: int) -> bool:
        """Whether the file of a segment is there."""
        return self._path(number).is_file()

    def segment(self, number: int, first: int) -> Segment:  # noqa: ARG002 - the protocol's
        """Begin a file."""
        return _RawSegment(self._path(number))

    def finish(self, segments: int) -> None:
        """Write the header, and the segments behind it.

        Raises
        ------
        OutputError
            If it cannot be written, or a segment is not whole.
        """
        kind = _KINDS[self.bits]
        shape = (self.count, *self.size, 3)
        about = {"descr": kind.str, "fortran_order": False, "shape": shape}
        with replacing(self.target) as file:
            np.lib.format.write_array_header_1_0(file, about)
            begin = file.tell()
            for number in range(segments):
                with self._path(number).open("rb") as part:
                    shutil.copyfileobj(part, file, 1 << 20)
            if file.tell() - begin != np.prod(shape) * kind.itemsize:
                raise OutputError(
                    "segments that do not make the video", where=self.parts,
                    fix="Delete the folder and start the command again.",
                )  # fmt: skip

    def _path(self, number: int) -> Path:
        return self.parts / f"{number:06d}.raw"


class _RawSegment:
    def __init__(self, path: Path) -> None:
        self._path, self._part = path, path.with_suffix(_PART)
        with output_errors(self._part):
            self._file = self._part.open("wb")

    def write(self, frame: NDArray[np.unsignedinteger]) -> None:
        with output_errors(self._part):
            self._file.write(np.ascontiguousarray(frame).data)

    def close(self) -> None:
        with output_errors(self._part):
            self._file.close()
        _settle(self._part, self._path)

    def abort(self) -> None:
        with suppress(OSError):
            self._file.close()
            self._part.unlink()


@dataclass(frozen=True)
class PictureSink:
    """A folder of pictures, ``000000.png`` and on."""

    target: Path
    """The folder."""
    parts: Path
    """Folder in which complete segments are noted."""
    format: PictureFormat
    """File format and bits."""
    count: int
    """Frames."""

    @property
    def bits(self) -> int:
        """Bits per channel of the format."""
        return self.format.bits

    def identity(self) -> str:
        """Return format and bits."""
        return f"{self.format}"

    def has(self, number: int) -> bool:
        """Whether a segment is noted."""
        return self._note(number).is_file()

    def segment(self, number: int, first: int) -> Segment:
        """Begin to write pictures."""
        with output_errors(self.target):
            self.target.mkdir(parents=True, exist_ok=True)
        return _PictureSegment(self, first, self._note(number))

    def finish(self, segments: int) -> None:  # noqa: ARG002 - the protocol's
        """Drop pictures of a longer video that was there before; the others have their names."""
        number = self.count
        with output_errors(self.target):
            while self.picture(number).is_file():
                self.picture(number).unlink()
                number += 1

    def picture(self, number: int) -> Path:
        """Path of the picture of a frame, from 0."""
        return self.target / f"{number:06d}{self.format.suffix}"

    def _note(self, number: int) -> Path:
        return self.parts / f"{number:06d}.done"


class _PictureSegment:
    def __init__(self, sink: PictureSink, first: int, note: Path) -> None:
        self._sink, self._next, self._note = sink, first, note

    def write(self, frame: NDArray[np.unsignedinteger]) -> None:
        write_picture(self._sink.picture(self._next), frame, self._sink.format, srgb=True)
        self._next += 1

    def close(self) -> None:
        with output_errors(self._note):
            self._note.touch()

    def abort(self) -> None:
        """Leave the pictures: each is whole, and will come out the same."""


def _settle(part: Path, path: Path) -> None:
    """Give a complete file its name, once its bytes are on the disk."""
    with output_errors(path):
        with part.open("r+b") as file:
            os.fsync(file.fileno())
        part.replace(path)
