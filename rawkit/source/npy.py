"""Videos in NumPy files, read frame by frame: the header, then only the bytes of one frame.

The format is NumPy's own (numpy.lib.format, versions 1 to 3). Nothing is ever unpickled: an array
of objects is refused by its header.
"""

from __future__ import annotations

import io
import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from rawkit.errors import CorruptError, MosaicError, NotRawError, TruncatedError
from rawkit.source.inflate import Inflated

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.source.ranges import Ranges

_MAGIC = b"\x93NUMPY"
_HEAD_BYTES = 1 << 14
"""Bytes in which a header lies: NumPy writes 128 for a plain array and reads at most 10 kB."""
_DIMENSIONS = 4


class Frames(Protocol):
    """Frames of one size, somewhere: an array, or a movie."""

    @property
    def ranges(self) -> Ranges:
        """The bytes of the file."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Frames, height, width, channels."""

    @property
    def dtype(self) -> str:
        """Data type as NumPy spells it, with its byte order."""

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame."""

    @property
    def sequential(self) -> bool:
        """Whether a frame is cheap only after the one before it."""

    def frame(self, number: int) -> NDArray[Any]:
        """Read one frame, from 0: (height, width, channels), native byte order."""

    def data(self, number: int) -> bytes:
        """Return the bytes of one frame as an array of that data type has them."""

    def approach(self, number: int) -> None:
        """Go up to a frame, so that it is cheap."""

    def rest(self) -> None:
        """Give back what makes the next frame cheap."""


@dataclass(frozen=True, slots=True)
class NpyVideo:
    """An array of frames, somewhere."""

    ranges: Ranges
    """The bytes of the file."""
    offset: int
    """Byte at which the first frame begins."""
    shape: tuple[int, int, int, int]
    """Frames, height, width, channels."""
    dtype: str
    """Data type as NumPy spells it, with its byte order."""

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame."""
        return math.prod(self.shape[1:]) * np.dtype(self.dtype).itemsize

    @property
    def sequential(self) -> bool:
        """Whether it lies in an archive that compresses it: cheap only from frame to frame."""
        return isinstance(self.ranges, Inflated)

    def data(self, number: int) -> bytes:
        """Read the bytes of one frame, from 0; fewer where the file ends before."""
        return self.ranges.read(self.begin_of(number), self.frame_bytes)

    def approach(self, number: int) -> None:
        """Inflate what comes before a frame."""
        if self.sequential:
            self.ranges.read(self.begin_of(number) - 1, 1)

    def rest(self) -> None:
        """Give back what inflating holds."""
        if isinstance(self.ranges, Inflated):
            self.ranges.rest()

    def begin_of(self, number: int) -> int:
        """Byte at which a frame begins, from 0."""
        return self.offset + number * self.frame_bytes

    def frame(self, number: int) -> NDArray[Any]:
        """Read one frame, from 0: (height, width, channels), native byte order.

        Raises
        ------
        TruncatedError
            If the file ends before it.
        UnreadableError, MissingError
            If the file cannot be read, or its server does not answer.
        """
        data = self.data(number)
        if len(data) != self.frame_bytes:
            raise TruncatedError(
                f"frame {number} has {len(data)} of {self.frame_bytes} bytes",
                expected="a whole file",
                where=self.ranges.where,
                fix="Fetch it again.",
            )
        frame = np.frombuffer(data, self.dtype).reshape(self.shape[1:])
        return frame.astype(frame.dtype.newbyteorder("="), copy=False)


def open_npy_video(ranges: Ranges, *, channels: int, dtype: str) -> NpyVideo:
    """Read the header of a video and check it; costs at most the first 16 kB.

    `channels` and `dtype` (without byte order, such as ``uint16``) are what it must have.

    Raises
    ------
    NotRawError
        If it is no NumPy file.
    MosaicError
        If it holds anything but frames of that kind: objects, other types, another shape or order.
    CorruptError
        If its header is damaged.
    TruncatedError
        If it is shorter than its header says.
    """
    size = ranges.size()
    shape, fortran, found, offset = _header(ranges.read(0, min(size, _HEAD_BYTES)), ranges.where)
    expected = f"(frames, height, width, {channels}) of {dtype}"
    where = ranges.where
    if found.hasobject:
        raise MosaicError("an array of Python objects", expected=expected, where=where)
    if found.newbyteorder("=") != np.dtype(dtype) or found.shape:
        raise MosaicError(f"an array of {found}", expected=expected, where=where)
    if len(shape) != _DIMENSIONS or shape[3] != channels or min(shape) < 1:
        raise MosaicError(f"an array of shape {shape}", expected=expected, where=where)
    if fortran:
        raise MosaicError(
            "an array in Fortran order, whose frames do not lie in one piece",
            expected="C order",
            where=where,
            fix="Save numpy.ascontiguousarray of it.",
        )
    end = offset + math.prod(shape) * found.itemsize
    if end > size:
        raise TruncatedError(
            f"{size} bytes, but {shape[0]} frames up to byte {end}",
            expected="a whole file",
            where=where,
            fix="Fetch it again.",
        )
    frames, height, width, _ = shape
    return NpyVideo(ranges, offset, (frames, height, width, channels), found.str)


def _header(head: bytes, where: str) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Shape, whether in Fortran order, data type, and where the array begins."""
    if not head.startswith(_MAGIC):
        raise NotRawError("not a NumPy file", expected="an .npy of frames", where=where)
    file = io.BytesIO(head)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # headers that Python 2 wrote are read all the same
            # Versions 2 and 3 differ in the names of fields alone; of others this raises, too.
            if np.lib.format.read_magic(file) == (1, 0):
                shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
            else:
                shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
    except Exception as error:  # it evaluates a literal that may be anything
        said = (str(error) or type(error).__name__).splitlines()[0][:120]
        raise CorruptError(
            f"a header that cannot be read ({said})", expected="NumPy's own", where=where
        ) from error
    return shape, fortran, dtype, file.tell()
