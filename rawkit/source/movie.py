"""Movies as pictures, decoded one after the other: what a ground truth may be, beside arrays.

Needs PyAV, the extra `video`. A movie is decoded from its beginning, for only there it is certain
which picture has which number; so it is cheap in the order of its frames alone.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rawkit.errors import CorruptError, TooLargeError, TruncatedError, UnreadableError
from rawkit.source.ranges import RangeFile

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from rawkit.source.ranges import Ranges

MOVIES = (".mp4", ".mov", ".mkv", ".avi")
"""Endings of movies."""
_RGB = 3
_UNSAID, _BT709 = 2, 1
"""Numbers of H.273 of the matrix of a movie that does not say which, and of BT.709's."""
_MOST_PIXELS = 1 << 27
"""Pixels of a picture that are decoded: more than any camera has, less than memory."""
_HD = 720
"""Rows from which on a movie that does not say has the matrix of BT.709, not that of BT.601."""


class Movie:
    """A movie, somewhere; read as an array of pictures is, see `NpyVideo`.

    Parameters
    ----------
    ranges
        The bytes of the file.
    shape
        Frames, height, width, channels.
    """

    dtype = "|u1"
    sequential = True
    """Cheap only from frame to frame."""

    def __init__(self, ranges: Ranges, shape: tuple[int, int, int, int]) -> None:
        self.ranges, self.shape = ranges, shape
        self._decoding: Generator[NDArray[np.uint8], None, None] | None = None
        self._next = 0

    def __getstate__(self) -> dict[str, Any]:
        """Leave what is under way behind: another process begins anew."""
        return {**self.__dict__, "_decoding": None, "_next": 0}

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame."""
        return math.prod(self.shape[1:])

    def frame(self, number: int) -> NDArray[np.uint8]:
        """Decode one frame, from 0: (height, width, 3), uint8, sRGB.

        Raises
        ------
        TruncatedError
            If the file ends before it.
        CorruptError
            If it cannot be decoded.
        """
        if self._decoding is None or number < self._next:
            self.rest()
            self._decoding = _pictures(self.ranges)
        picture = None
        while self._next <= number:
            picture = next(self._decoding, None)
            if picture is None:
                raise TruncatedError(
                    f"{self._next} frames, but frame {number} is asked for",
                    expected=f"a whole movie of {self.shape[0]} frames", where=self.ranges.where,
                )  # fmt: skip
            self._next += 1
        if picture is None or picture.shape != self.shape[1:]:
            raise CorruptError(
                f"frame {number} has another size", expected=f"{self.shape[1:]}",
                where=self.ranges.where,
            )  # fmt: skip
        return picture

    def data(self, number: int) -> bytes:
        """Return the bytes of one frame, as an array would have them."""
        return self.frame(number).tobytes()

    def approach(self, number: int) -> None:
        """Do nothing: where a frame is decoded, those before it are."""

    def rest(self) -> None:
        """Give back what decoding holds."""
        if self._decoding is not None:
            self._decoding.close()
        self._decoding, self._next = None, 0


def open_movie(ranges: Ranges) -> Movie:
    """Count the frames of a movie and look at the first one.

    Raises
    ------
    CorruptError
        If it cannot be read as a movie, or has no picture.
    TooLargeError
        If its pictures are larger than any camera's.
    UnreadableError
        If PyAV is not installed.
    """
    with _opened(ranges) as container:
        (stream, *_) = container.streams.video or (None,)
        count = 0
        if stream is not None:
            _check_size(stream, ranges.where)
            count = sum(packet.size > 0 for packet in container.demux(stream))
    if not count:
        raise CorruptError("a movie without pictures", expected="one for each frame",
                           where=ranges.where)  # fmt: skip
    first = next(_pictures(ranges), None)
    if first is None:
        raise CorruptError("a movie whose first picture cannot be decoded", where=ranges.where)
    height, width, _ = first.shape
    return Movie(ranges, (count, height, width, _RGB))


def _check_size(stream: Any, where: str) -> None:
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > _MOST_PIXELS:
        raise TooLargeError(
            f"a movie of {width}x{height} pixels", expected=f"at most {_MOST_PIXELS}", where=where
        )


def _pictures(ranges: Ranges) -> Generator[NDArray[np.uint8], None, None]:
    """Decode the pictures of a movie, in the order in which they are shown."""
    with _opened(ranges) as container:
        for frame in container.decode(video=0):
            yield _rgb(frame)


def _rgb(frame: Any) -> NDArray[np.uint8]:
    """Convert a decoded frame: (height, width, 3), with the matrix that it says it has.

    One that does not say has, as everybody assumes, that of its size.
    """
    hd = frame.height >= _HD and int(frame.colorspace) == _UNSAID
    plain = frame.reformat(format="rgb24", src_colorspace=_BT709 if hd else None)
    picture: NDArray[np.uint8] = plain.to_ndarray()
    return picture


@contextmanager
def _opened(ranges: Ranges) -> Iterator[Any]:
    """Open a movie; what FFmpeg says of a bad one becomes an error of ours."""
    try:
        import av  # noqa: PLC0415 - an extra, and 60 MB
    except ImportError as error:
        raise UnreadableError(
            "a movie, and PyAV is not installed", expected="the extra `video`",
            where=ranges.where, fix="Install it: pip install 'rawkit-lowlight[video]'.",
        ) from error  # fmt: skip
    try:
        with av.open(RangeFile(ranges), mode="r") as container:
            yield container
    except av.FFmpegError as error:
        said = str(error.strerror or error).lower()
        raise CorruptError(
            f"a movie that cannot be decoded ({said})", expected="a whole file",
            where=ranges.where, fix="Fetch it again.",
        ) from error  # fmt: skip
