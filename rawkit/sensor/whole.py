"""Tell whether a raw file holds all that it declares, before LibRaw unpacks it."""

from __future__ import annotations

import io
import stat
from typing import TYPE_CHECKING, Any, BinaryIO

from rawkit.errors import CorruptError, NotRawError, TruncatedError, UnreadableError
from rawkit.sensor.extents import declared_end, directories
from rawkit.sensor.lossless import missing_pixels

if TYPE_CHECKING:
    from pathlib import Path

MAX_PIXELS = 400_000_000
"""No camera has more; a damaged header may claim anything."""
MAX_PIXELS_PER_BYTE = 32
"""A compressed mosaic with noise in it takes about one byte a pixel. A file that claims more pixels
than this for each of its bytes is cut off or lies, and would cost gigabytes to find out."""
DNG_VERSION, COLOUR_MATRIX = 50706, 50721
"""DNG's tags DNGVersion and ColorMatrix1."""
_TOLD = frozenset({DNG_VERSION, COLOUR_MATRIX})


def check_whole_path(path: Path) -> tuple[int, frozenset[int]]:
    """Check a file on this machine as `check_whole` does.

    Raises
    ------
    UnreadableError
        If it cannot be read, or is no file.
    """
    with open_file(path, path) as file:
        try:
            return check_whole(file, path)
        except OSError as error:
            raise _unreadable(error, path) from error


def open_file(path: Path, where: Path | str) -> BinaryIO:
    """Open a file to read it; `where` is what messages call it.

    Raises
    ------
    UnreadableError
        If it cannot be opened, or is no file: a pipe would be waited for.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise UnreadableError("a pipe, socket or device", expected="a file", where=where)
        return path.open("rb")
    except OSError as error:
        raise _unreadable(error, where) from error


def _unreadable(error: OSError, where: Path | str) -> UnreadableError:
    return UnreadableError(f"cannot be read ({error.strerror or error})", where=where)


def check_whole(file: BinaryIO, path: Path | str) -> tuple[int, frozenset[int]]:
    """Check that a file holds all that it declares.

    Returns its size in bytes, and which of the tags `DNG_VERSION` and `COLOUR_MATRIX` it has.

    Raises
    ------
    NotRawError
        If it is empty.
    TruncatedError
        If it declares pixel data beyond its end.
    CorruptError
        If its compressed data holds fewer pixels than it declares.
    """
    size = file.seek(0, io.SEEK_END)
    tags = list(directories(file, _TOLD))
    end = declared_end(tags)
    if size == 0:
        raise NotRawError("an empty file", expected="a raw file", where=path)
    if end > size:
        raise TruncatedError(
            f"{size} bytes, but pixel data up to byte {end}",
            expected="a whole file",
            where=path,
            fix="Fetch it again.",
        )
    missing = missing_pixels(file)
    if missing is not None:
        raise CorruptError(
            missing,
            expected="all the pixels that the file declares",
            where=path,
            fix="Fetch it again.",
        )
    return size, _TOLD.intersection(set().union(*tags))


def check_size(raw: Any, size: int, path: Path | str) -> None:
    """Check that a file that LibRaw has opened does not declare more pixels than it can hold.

    Raises
    ------
    TruncatedError
        If it does.
    """
    sizes = raw.sizes
    pixels = sizes.raw_height * sizes.raw_width
    if pixels > MAX_PIXELS or pixels > MAX_PIXELS_PER_BYTE * size:
        raise TruncatedError(
            f"{sizes.raw_width}x{sizes.raw_height} pixels declared in {size} bytes",
            expected=f"at most {min(MAX_PIXELS, MAX_PIXELS_PER_BYTE * size)} pixels",
            where=path,
            fix="The file is cut off or damaged; fetch it again.",
        )
