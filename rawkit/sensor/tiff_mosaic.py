"""Mosaics in TIFF files: pixels with a size, and not a word of colours or levels.

Collections hand out the mosaics of their sensors so. LibRaw takes such a file for a grey picture.
One whose pattern and levels are described is read here and given a DNG header in memory; LibRaw
then reads it as any other.

Source of the tags: Adobe, TIFF Revision 6.0.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from rawkit.errors import CorruptError, MosaicError, NotRawError, TruncatedError
from rawkit.sensor.extents import declared_end, directories
from rawkit.sensor.headerless import Headerless
from rawkit.sensor.whole import MAX_PIXELS, MAX_PIXELS_PER_BYTE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _KIND = 256, 257, 258, 259, 262
_STRIP_OFFSETS, _SAMPLES, _STRIP_ROWS, _STRIP_BYTES = 273, 277, 278, 279
_TILE_OFFSETS, _FORMAT = 324, 339
_TAGS: Final = frozenset(
    (_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _KIND, _SAMPLES, _STRIP_ROWS, _FORMAT)
)
_NOT_COMPRESSED, _UNSIGNED = 1, 1
_BLACK_IS_ZERO, _MOSAIC = 1, 32803
_BYTE_BITS, _WORD_BITS = 8, 16
_Tags = dict[int, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class TiffMosaic:
    """What TIFF files hold that do not say so: one sample a pixel, in rows of a mosaic."""

    pattern: str
    """Colours of the first 2x2 cell in reading order, such as ``RGGB``."""
    bits: int
    """Bits of a pixel that mean something, 8 to 16: 8 lie in bytes, more in 16-bit values."""
    black: int
    """Black level of all planes, in sensor units."""
    white: int
    """White level, in sensor units."""
    width: int | None = None
    """Columns that a file must have, in pixels; any where it is None."""
    height: int | None = None
    """Rows that a file must have, in pixels; any where it is None."""
    make: str | None = None
    """Maker of the camera that took them; None where nobody says."""
    model: str | None = None
    """Its model, likewise."""

    def __post_init__(self) -> None:
        """Check that there can be such a mosaic; raises as `Headerless`."""
        self._sized(self.width or 1, self.height or 1)

    def __str__(self) -> str:
        return f"{self.pattern}, {self.bits} bits, levels {self.black} to {self.white}"

    @property
    def stored_bits(self) -> int:
        """Bits that a pixel takes in a file."""
        return _BYTE_BITS if self.bits == _BYTE_BITS else _WORD_BITS

    def as_dng(self, contents: bytes, where: Path | str) -> tuple[Headerless, bytes]:
        """Make a DNG of a TIFF, in memory; returns what it holds, too.

        Raises
        ------
        NotRawError
            If it is no TIFF.
        TruncatedError
            If it ends before its pixels do.
        MosaicError
            If its pixels are of another size, number of bits or kind, or greater than so many bits.
        CorruptError
            If its pixels cannot be decoded, or do not fill its rows.
        """
        tags = self._checked(contents, where)
        described = self._sized(_one(tags, _WIDTH), _one(tags, _HEIGHT))
        pixels = _plain(contents, tags, where) if _is_plain(tags) else _decoded(contents, where)
        if pixels.shape != (described.height, described.width):
            raise CorruptError(
                f"{pixels.shape[1]}x{pixels.shape[0]} pixels were decoded",
                expected=f"{described.width}x{described.height}, as it declares",
                where=where,
            )
        greatest = int(pixels.max())
        if greatest > described.most:
            raise MosaicError(
                f"a pixel of {greatest}",
                expected=f"at most {described.most}, the greatest number of {self.bits} bits",
                where=where,
                fix="More bits, or another collection's file: the definition says the bits.",
            )
        data = pixels.astype("<u2" if described.bits > _BYTE_BITS else np.uint8, copy=False)
        return described, described.as_dng(data.tobytes(), where)

    def _sized(self, width: int, height: int) -> Headerless:
        return Headerless(width, height, self.bits, self.pattern, self.black, self.white)

    def _checked(self, contents: bytes, where: Path | str) -> _Tags:
        """Read the directory of the one picture, and compare it with what is described."""
        found = list(directories(io.BytesIO(contents), _TAGS))
        if not found:
            raise NotRawError(
                "no TIFF" if contents else "an empty file", expected="a mosaic in a TIFF",
                where=where,
            )  # fmt: skip
        _check_end(found, len(contents), where)
        tags = found[0]
        width, height = _one(tags, _WIDTH), _one(tags, _HEIGHT)
        if len(found) > 1 and any(_one(one, _HEIGHT) for one in found[1:]):
            raise MosaicError(
                f"{len(found)} pictures in one TIFF", expected="one mosaic a file", where=where
            )
        # Not the least of what an 8 bit mosaic takes: a header must not claim gigabytes.
        most = min(MAX_PIXELS, MAX_PIXELS_PER_BYTE * len(contents))
        if not 0 < width * height <= most:
            raise CorruptError(
                f"{width}x{height} pixels declared in {len(contents)} bytes",
                expected=f"1 to {most} pixels",
                where=where,
            )
        self._compare(tags, width, height, where)
        return tags

    def _compare(
        self, tags: Mapping[int, tuple[int, ...]], width: int, height: int, where: Path | str
    ) -> None:
        """Raise what differs from the description."""
        samples, bits = _one(tags, _SAMPLES, 1), _one(tags, _BITS, 1)
        if (self.width or width, self.height or height) != (width, height):
            raise MosaicError(
                f"a mosaic of {width}x{height} pixels",
                expected=f"{self.width or 'any'}x{self.height or 'any'}, as the definition says",
                where=where,
            )
        if samples != 1:
            raise MosaicError(
                f"{samples} samples a pixel", expected="one: a mosaic, no picture", where=where
            )
        unsigned = _one(tags, _FORMAT, _UNSIGNED) == _UNSIGNED
        if bits != self.stored_bits or not unsigned:
            raise MosaicError(
                f"pixels of {bits} bits" + ("" if unsigned else ", signed or floating"),
                expected=f"unsigned integers of {self.stored_bits}, which hold the {self.bits} of "
                "the definition",
                where=where,
            )
        kind = _one(tags, _KIND, _BLACK_IS_ZERO)
        if kind not in (_BLACK_IS_ZERO, _MOSAIC):
            raise MosaicError(
                f"pixels of the kind {kind}",
                expected=f"{_BLACK_IS_ZERO} (black is zero) or {_MOSAIC} (a mosaic)",
                where=where,
            )


def _check_end(found: list[_Tags], size: int, where: Path | str) -> None:
    """Raise if the pixels lie beyond the end, or no directory says where they lie."""
    end = declared_end(found)
    if end > size or not end:
        what = f"pixel data up to byte {end}" if end else "no word of where its pixels lie"
        raise TruncatedError(
            f"{size} bytes, but {what}", expected="a whole file", where=where, fix="Fetch it again."
        )


def _one(tags: Mapping[int, tuple[int, ...]], tag: int, default: int = 0) -> int:
    """Return the only value of a tag; 0 where there are several that differ."""
    values = set(tags.get(tag, (default,)))
    return values.pop() if len(values) == 1 else 0


def _is_plain(tags: Mapping[int, tuple[int, ...]]) -> bool:
    return _one(tags, _COMPRESSION, 1) == _NOT_COMPRESSED and _TILE_OFFSETS not in tags


def _plain(
    contents: bytes, tags: Mapping[int, tuple[int, ...]], where: Path | str
) -> NDArray[np.unsignedinteger]:
    """Put uncompressed strips together, (height, width)."""
    width, height = _one(tags, _WIDTH), _one(tags, _HEIGHT)
    order = "<" if contents[:2] == b"II" else ">"
    dtype = np.dtype(np.uint8 if _one(tags, _BITS) == _BYTE_BITS else f"{order}u2")
    high = _one(tags, _STRIP_ROWS, height) or height
    starts = [*range(0, height, high), height]
    offsets, counts = tags.get(_STRIP_OFFSETS, ()), tags.get(_STRIP_BYTES, ())
    rows = [end - begin for begin, end in pairwise(starts)]
    wanted = [count * width * dtype.itemsize for count in rows]
    if (
        len(offsets) != len(rows)
        or len(counts) != len(rows)
        or any(count < want for count, want in zip(counts, wanted, strict=True))
    ):
        raise CorruptError(
            f"{len(counts)} strips of {sum(counts)} bytes",
            expected=f"{len(rows)} of {sum(wanted)}: {width}x{height} pixels of "
            f"{8 * dtype.itemsize} bits",
            where=where,
        )
    strips = [
        np.frombuffer(contents, dtype, count * width, offset)
        for count, offset in zip(rows, offsets, strict=True)
    ]
    return np.concatenate(strips).reshape(height, width)


def _decoded(contents: bytes, where: Path | str) -> NDArray[np.unsignedinteger]:
    """Decode strips or tiles that are compressed, (height, width).

    OpenCV's TIFF decoder has a process of its own, as all decoders of files of strangers have.
    """
    try:
        found = cv2.imdecode(np.frombuffer(contents, np.uint8), cv2.IMREAD_UNCHANGED)
    except (cv2.error, MemoryError) as error:
        raise CorruptError(
            f"its pixels cannot be decoded ({str(error).splitlines()[0][:120]})", where=where
        ) from error
    if found is None or found.ndim != 2 or found.dtype not in (np.uint8, np.uint16):  # noqa: PLR2004
        raise CorruptError(
            "its pixels cannot be decoded", expected="a TIFF of LZW, Deflate or PackBits, or none",
            where=where, fix="The file is probably cut off; fetch it again.",
        )  # fmt: skip
    return np.asarray(found)
