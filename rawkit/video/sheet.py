"""What shows a finished video where it cannot be played, or not in its full size."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from rawkit.errors import MissingError, OutputError, UnreadableError
from rawkit.pictures import PictureFormat, write_picture
from rawkit.video.codecs import CODECS, Encoder, decoded, rate_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_CELLS, _COLUMNS, _CELL_WIDTH = 12, 4, 480
_GAP, _LINE = 8, 24
_BACKGROUND, _INK = (250, 250, 248), (28, 28, 30)
_LONGEST = 960
_QUALITIES = (24, 28, 32, 36)
_SHRINK, _LEAST_SIDE = 0.7, 96
_EIGHT_BITS = 8


def pictures_of(path: Path) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames of a finished video, (rows, columns, 3) of 8 bits, in the curve of sRGB.

    Parameters
    ----------
    path
        An mp4, an ``.npy`` (frames, rows, columns, 3), or a folder of pictures.

    Raises
    ------
    MissingError
        If there is none.
    UnreadableError
        If it cannot be read.
    """
    if path.is_dir():
        files = sorted(one for one in path.iterdir() if one.suffix in (".png", ".tif"))
        for one in files:
            picture = cv2.imread(str(one), cv2.IMREAD_COLOR_RGB)
            if picture is None:
                raise UnreadableError("no picture", where=one)
            yield picture.astype(np.uint8, copy=False)
    elif not path.is_file():
        raise MissingError("no such video", where=path)
    elif path.suffix.lower() == ".npy":
        for frame in np.load(path, mmap_mode="r", allow_pickle=False):
            yield _eight_bits(frame)
    else:
        for frame in decoded(path):
            yield frame.astype(np.uint8, copy=False)


def poster(path: Path, *, at: float = 0.5, longest: int = _LONGEST) -> NDArray[np.uint8]:
    """Return one frame of a finished video, to stand for it: (rows, columns, 3).

    Parameters
    ----------
    path
        As for `contact_sheet`.
    at
        Where in the video: 0 is its first frame, 1 its last.
    longest
        Its longer side in pixels, at most.

    Raises
    ------
    MissingError, UnreadableError
        If there is none, or it cannot be read.
    """
    total = count_of(path)
    wanted = round(at * (total - 1))
    return _shrunk(_chosen(path, [wanted])[0], longest)


def count_of(path: Path) -> int:
    """Count the frames of a finished video.

    Raises
    ------
    MissingError, UnreadableError
        If there is none, or it cannot be read.
    """
    total = sum(1 for _ in pictures_of(path))
    if not total:
        raise MissingError("a video without frames", where=path)
    return total


def contact_sheet(
    path: Path, *, fps: float | None = None, cells: int = _CELLS, count: int | None = None
) -> NDArray[np.uint8]:
    """Lay out frames of a finished video, evenly apart, with their numbers and times.

    Parameters
    ----------
    path
        An mp4, an ``.npy`` (frames, rows, columns, 3), or a folder of pictures.
    fps
        Frames a second; of an mp4 its own if None, else there are no times.
    cells
        Frames, at most.
    count
        How many frames it has, where that is known.

    Returns
    -------
    ndarray
        uint8 (rows, columns, 3).

    Raises
    ------
    MissingError, UnreadableError
        If there is none, or it cannot be read.
    """
    total = count_of(path) if count is None else count
    rate = rate_in(path) if fps is None and path.suffix.lower() == ".mp4" else fps
    numbers = sorted({round(one) for one in np.linspace(0, total - 1, min(cells, total))})
    frames = _chosen(path, numbers)
    small = [_shrunk(frame, None, width=_CELL_WIDTH) for frame in frames]
    height, width, _ = small[0].shape
    columns = min(_COLUMNS, len(small))
    rows = -(-len(small) // columns)
    size = columns * (width + _GAP) + _GAP, rows * (height + _LINE + _GAP) + _GAP
    sheet = Image.new("RGB", size, _BACKGROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for index, (number, frame) in enumerate(zip(numbers, small, strict=True)):
        down, right = divmod(index, columns)
        left, top = _GAP + right * (width + _GAP), _GAP + down * (height + _LINE + _GAP)
        sheet.paste(Image.fromarray(frame), (left, top))
        text = f"frame {number}" + ("" if rate is None else f", {number / rate:.2f} s")
        draw.text((left, top + height + 3), text, _INK, font)
    return np.asarray(sheet)


def write_sheet(path: Path, video: Path, count: int, fps: float) -> None:
    """Write the contact sheet of a finished video as JPEG; raises as `contact_sheet`."""
    sheet = contact_sheet(video, fps=fps, count=count)
    write_picture(path, sheet, PictureFormat("jpeg"), srgb=True)


def small_mp4(path: Path, limit: int, *, fps: float | None = None) -> bytes:
    """Compress a finished video once more, H.264, so that it takes at most so many bytes.

    First at lower quality, then smaller in size, then without its end.

    Parameters
    ----------
    path
        As for `contact_sheet`.
    limit
        Bytes.
    fps
        Frames a second; of an mp4 its own if None, else 25.

    Raises
    ------
    OutputError
        If not even its first frames fit.
    MissingError, UnreadableError
        If there is none, or it cannot be read.
    UsageError
        If the extra `video` is missing.
    """
    rate = fps or (rate_in(path) if path.suffix.lower() == ".mp4" else 25.0)
    count, side = count_of(path), float(_LONGEST)
    with tempfile.TemporaryDirectory(prefix="rawkit-video-") as folder:
        target = Path(folder) / "small.mp4"
        while count:
            for quality in _QUALITIES:
                _compressed(path, target, count, round(side), rate, quality)
                if target.stat().st_size <= limit:
                    return target.read_bytes()
            if side * _SHRINK >= _LEAST_SIDE:
                side *= _SHRINK
            else:
                count //= 2
    raise OutputError(f"no mp4 of {limit} bytes", expected="a larger limit", where=path)


def _compressed(
    path: Path, target: Path, count: int, longest: int, fps: float, quality: int
) -> None:
    encoder: Encoder | None = None
    try:
        for number, frame in enumerate(pictures_of(path)):
            if number == count:
                break
            small = _shrunk(frame, longest)
            if encoder is None:
                size = small.shape[0], small.shape[1]
                encoder = Encoder(target, size, fps, CODECS["h264"], quality)
            encoder.write(small)
    except BaseException:
        if encoder is not None:
            encoder.abort()
        raise
    if encoder is not None:
        encoder.close()


def _chosen(path: Path, numbers: Sequence[int]) -> list[NDArray[np.uint8]]:
    """Return some frames, in ascending order."""
    wanted = list(numbers)
    found: list[NDArray[np.uint8]] = []
    for number, frame in enumerate(pictures_of(path)):
        if number == wanted[len(found)]:
            found.append(np.array(frame))
            if len(found) == len(wanted):
                return found
    raise UnreadableError(f"{number + 1} frames", expected=f"{wanted[-1] + 1}", where=path)


def _shrunk(
    frame: NDArray[np.uint8], longest: int | None, *, width: int | None = None
) -> NDArray[np.uint8]:
    """Make a frame smaller; one that is small enough stays as it is."""
    rows, columns, _ = frame.shape
    scale = (width or columns) / columns if longest is None else longest / max(rows, columns)
    if scale >= 1:
        return np.ascontiguousarray(frame)
    size = max(2, round(columns * scale)), max(2, round(rows * scale))
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _eight_bits(frame: NDArray[Any]) -> NDArray[np.uint8]:
    """Round a frame of 8 or 16 bits, or of floats of 0 to 1."""
    if frame.dtype == np.uint8:
        return frame
    most = 1 if frame.dtype.kind == "f" else np.iinfo(frame.dtype).max
    return np.round(frame.astype(np.float32) * np.float32(255 / most)).astype(np.uint8)
