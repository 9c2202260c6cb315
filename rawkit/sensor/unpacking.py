"""Opening a file by LibRaw until its pixels are there, by whichever decoder."""

from __future__ import annotations

import errno
import io
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import rawpy

from rawkit.errors import (
    CorruptError,
    HeaderlessError,
    NotRawError,
    RawFileError,
    TooLargeError,
    UnreadableError,
)
from rawkit.sensor.beside import (
    LIBRAW,
    Decoded,
    Parts,
    Trust,
    decode_parts,
    find_parts,
    open_without_pixels,
    same,
)
from rawkit.sensor.description import Description, describe_raw
from rawkit.sensor.headerless import EXAMPLE, FORM, guessed_from_size
from rawkit.sensor.whole import COLOUR_MATRIX, DNG_VERSION, check_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rawkit.sensor.headerless import Headerless

MAX_BYTES_AT_ONCE = 64 << 20
"""Files up to this size are read whole: LibRaw asks for byte after byte, and from memory a lossless
JPEG of 12 MP takes it 12 ms less than from a file."""
_OUT_OF_MEMORY = (
    MemoryError,
    rawpy.LibRawUnsufficientMemoryError,
    rawpy.LibRawMemPoolOverflowError,  # what it says when no memory is left for its own lists
)


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A file whose pixels are in LibRaw's memory."""

    raw: Any
    """LibRaw's, to be closed."""
    described: Headerless | None
    """What it holds, where that had to be said."""
    decoded: Decoded
    """Which decoder they are from."""


def unpack_raw(
    opened: str | BinaryIO,
    where: Path | str,
    size: int,
    tags: frozenset[int],
    *,
    headerless: Headerless | None = None,
    trust: Trust | None = None,
) -> Unpacked:
    """Open a file by LibRaw and fill its memory, by LibRaw or beside it as `trust` allows.

    Raises what `rawkit.sensor.open_raw` raises once a file is known to be whole.
    """
    found = _found_beside(opened, trust)
    if found is not None and found.trusted:
        beside = _beside(found, where, size)
        if beside is not None:
            return Unpacked(beside, None, Decoded(found.parts.compression, found.kind))
    if not isinstance(opened, str):
        opened.seek(0)
    raw, described = _identified(opened, where, size, headerless)
    try:
        with libraw_errors(where):
            check_size(raw, size, where)
            raw.unpack()
        if found is None or described is not None:
            return Unpacked(raw, described, Decoded())
        agreed = _agree(raw, found, where, size, tags) if found.doubted else None
    except BaseException:
        raw.close()
        raise
    return Unpacked(raw, None, Decoded(LIBRAW, found.kind, agreed))


@dataclass(frozen=True, slots=True)
class _Found:
    """A file in memory that our decoder may be able to decode."""

    file: io.BytesIO
    parts: Parts
    kind: str
    trusted: bool
    doubted: bool


def _found_beside(opened: str | BinaryIO, trust: Trust | None) -> _Found | None:
    """Look whether a file can be decoded beside LibRaw, and whether that is trusted."""
    if trust is None or not isinstance(opened, io.BytesIO):
        return None
    parts = find_parts(opened)
    if parts is None:
        return None
    kind = f"{trust.camera}, {parts.compression}"
    trusted = trust.holds(kind)
    return _Found(opened, parts, kind, trusted, doubted=kind not in trust.refuted)


def _beside(found: _Found, where: Path | str, size: int) -> Any | None:
    """Decode the pixels beside LibRaw; None where that fails, and LibRaw shall tell why."""
    try:
        raw = open_without_pixels(found.file, found.parts)
    except (rawpy.LibRawError, OSError, ValueError):
        return None
    try:
        check_size(raw, size, where)
        raw.unpack()
        if decode_parts(found.file, found.parts, raw.raw_image):
            return raw
    except (RawFileError, rawpy.LibRawError, OSError, ValueError, TypeError, AttributeError):
        pass
    except BaseException:
        raw.close()
        raise
    raw.close()
    return None


def _agree(
    raw: Any, found: _Found, where: Path | str, size: int, tags: frozenset[int]
) -> bool | None:
    """Tell whether our decoder gives the same as LibRaw; None where it does not take the file."""
    beside = _beside(found, where, size)
    if beside is None:
        return None
    with beside, libraw_errors(where):
        try:
            return same(
                raw, describe_file(raw, where, tags), beside, describe_file(beside, where, tags)
            )
        except RawFileError:
            return None  # which LibRaw's own meets, too


def describe_file(raw: Any, path: Path | str, tags: frozenset[int]) -> Description:
    """Read what LibRaw says of an unpacked file of which these tags are known.

    Raises what `describe_raw` raises.
    """
    return describe_raw(raw, path, has_matrix=COLOUR_MATRIX in tags, is_dng=DNG_VERSION in tags)


def _identified(
    opened: str | BinaryIO, where: Path | str, size: int, headerless: Headerless | None
) -> tuple[Any, Headerless | None]:
    """Let LibRaw open a file; one without a header only as it is described.

    Returns the description where it was needed.
    """
    try:
        with libraw_errors(where):
            raw = rawpy.imread(opened)
            guessed = size <= MAX_BYTES_AT_ONCE and guessed_from_size(raw, size)
    except NotRawError:
        if headerless is None:
            raise
    else:
        if not guessed:
            return raw, None
        width, height = raw.sizes.raw_width, raw.sizes.raw_height
        raw.close()
        if headerless is None:
            raise HeaderlessError(
                f"no header; LibRaw takes it for {width}x{height} pixels from its size alone",
                expected="a raw file that says what it holds",
                where=where,
                fix=f"Say it with --headerless {FORM}, such as {EXAMPLE}.",
            )
    with libraw_errors(where):
        if isinstance(opened, str):
            contents = Path(opened).read_bytes()
        else:
            opened.seek(0)
            contents = opened.read()
        return rawpy.imread(io.BytesIO(headerless.as_dng(contents, where))), headerless


def read_whole(path: Path) -> BinaryIO:
    """Read a file into memory.

    Raises
    ------
    UnreadableError
        If that fails.
    """
    try:
        with libraw_errors(path):
            return io.BytesIO(path.read_bytes())
    except OSError as error:
        raise UnreadableError(f"cannot be read ({error.strerror or error})", where=path) from error


@contextmanager
def libraw_errors(path: Path | str) -> Iterator[None]:
    """Turn LibRaw's errors into ours."""
    try:
        yield
    except RawFileError:
        raise
    except rawpy.LibRawFileUnsupportedError as error:
        raise NotRawError("not a raw file that LibRaw knows", where=path) from error
    except _OUT_OF_MEMORY as error:
        raise TooLargeError("not enough memory to decode it", where=path) from error
    except OSError as error:
        if not (error.args and isinstance(error.args[0], tuple)):
            raise
        code, said = error.args[0]  # what rawpy makes of an error of the system
        if code == errno.ENOMEM:
            raise TooLargeError("not enough memory to decode it", where=path) from error
        raise CorruptError(f"LibRaw cannot decode it ({said})", where=path) from error
    except rawpy.LibRawError as error:
        text = error.args[0] if error.args else error
        said = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
        raise CorruptError(f"LibRaw cannot decode it ({said})", where=path) from error
    except (ValueError, NotImplementedError) as error:
        raise CorruptError(f"it cannot be decoded ({error})", where=path) from error
