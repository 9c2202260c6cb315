"""Mosaics without a header: nothing in the file says what it holds, so somebody must.

LibRaw knows a few such files by their size in bytes, and so takes any file of that size for one of
them. A mosaic that is described is given a DNG header in memory; LibRaw then reads it as any other.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import rawpy

from rawkit.errors import HeaderlessError, UsageError
from rawkit.tiff import HEADER_BYTES, Tag, directory_bytes, encode_directory, encode_header

if TYPE_CHECKING:
    from pathlib import Path

FORM = "WIDTHxHEIGHT,BITS,PATTERN[,BLACK[,WHITE]]"
"""How a description is written."""
EXAMPLE = "768x512,16,RGGB,512"
_FORM = re.compile(
    r"(?P<width>\d{1,6})x(?P<height>\d{1,6}),(?P<bits>\d{1,2}),(?P<pattern>[a-z]{4})"
    r"(?:,(?P<black>\d{1,5})(?:,(?P<white>\d{1,5}))?)?",
    re.IGNORECASE,
)
_COLOURS = {"R": 0, "G": 1, "B": 2}
_PATTERNS = ("RGGB", "GRBG", "GBRG", "BGGR")
_BYTE_BITS, _MOST_BITS = 8, 16
_CFA_PHOTOMETRIC = 32803
_DNG_VERSION = (1, 4, 0, 0)


@dataclass(frozen=True, slots=True)
class Headerless:
    """What a file without a header holds: rows of pixels, from its first byte to its last.

    Up to 8 bits a pixel is one byte, else two, the low one first.
    """

    width: int
    """Columns of the mosaic, in pixels."""
    height: int
    """Rows of the mosaic, in pixels."""
    bits: int
    """Bits of a pixel that mean something, 8 to 16."""
    pattern: str
    """Colours of the first 2x2 cell in reading order, such as ``RGGB``."""
    black: int = 0
    """Black level of all planes, in sensor units."""
    white: int | None = None
    """White level, in sensor units; the greatest number of so many bits where it is None."""

    def __post_init__(self) -> None:
        """Check that there can be such a mosaic."""
        if self.width < 1 or self.height < 1:
            raise UsageError(f"a mosaic of {self.width}x{self.height} pixels", expected="some")
        if not _BYTE_BITS <= self.bits <= _MOST_BITS:
            raise UsageError(f"pixels of {self.bits} bits", expected="8 to 16")
        if self.pattern not in _PATTERNS:
            raise UsageError(
                f"a mosaic {self.pattern!r}", expected=f"one of {', '.join(_PATTERNS)}"
            )
        if not 0 <= self.black < self.white_level <= self.most:
            raise UsageError(
                f"a black level of {self.black} and a white level of {self.white_level}",
                expected=f"black below white, and both from 0 to {self.most}",
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `FORM` says.

        Raises
        ------
        UsageError
            If it is written in another way, or there can be no such mosaic.
        """
        found = _FORM.fullmatch(text.strip().replace(" ", ""))
        if found is None:
            raise UsageError(
                f"{text!r} as a mosaic without a header", expected=f"{FORM}, such as {EXAMPLE}"
            )
        numbers = {
            name: int(value)
            for name, value in found.groupdict().items()
            if value is not None and name != "pattern"
        }
        return cls(pattern=found["pattern"].upper(), **numbers)

    def __str__(self) -> str:
        levels = f"{self.black},{self.white_level}"
        return f"{self.width}x{self.height},{self.bits},{self.pattern},{levels}"

    @property
    def most(self) -> int:
        """The greatest number of so many bits."""
        return (1 << self.bits) - 1

    @property
    def white_level(self) -> int:
        """White level, in sensor units."""
        return self.most if self.white is None else self.white

    @property
    def file_bytes(self) -> int:
        """Bytes that such a file has."""
        return self.width * self.height * (1 if self.bits == _BYTE_BITS else 2)

    def as_dng(self, contents: bytes, where: Path | str) -> bytes:
        """Put a header before the pixels of a file.

        Raises
        ------
        HeaderlessError
            If the file is shorter or longer than such a mosaic, or holds greater numbers.
        """
        if len(contents) != self.file_bytes:
            raise HeaderlessError(
                f"{len(contents)} bytes and no header",
                expected=f"{self.file_bytes}, a mosaic of {self}",
                where=where,
                fix="Describe it with --headerless as it is.",
            )
        pixels = np.frombuffer(contents, np.uint8 if self.bits == _BYTE_BITS else "<u2")
        greatest = int(pixels.max())
        if greatest > self.most:
            raise HeaderlessError(
                f"a pixel of {greatest}",
                expected=f"at most {self.most}, the greatest number of {self.bits} bits",
                where=where,
                fix="More bits, or bytes in another order: describe it as it is.",
            )
        data = pixels.astype("<u2", copy=False).tobytes()
        return self._header(len(data)) + data

    def _header(self, count: int) -> bytes:
        tags = [
            Tag.long(254, 0),  # the main picture
            Tag.long(256, self.width),
            Tag.long(257, self.height),
            Tag.short(258, 16),  # bits of a pixel
            Tag.short(259, 1),  # not compressed
            Tag.short(262, _CFA_PHOTOMETRIC),
            Tag.long(273, 0),  # where the pixels begin, once that is known
            Tag.short(277, 1),
            Tag.long(278, self.height),  # rows of the one strip
            Tag.long(279, count),
            Tag.short(33421, 2, 2),
            Tag.byte(33422, *(_COLOURS[letter] for letter in self.pattern)),
            Tag.byte(50706, *_DNG_VERSION),
            Tag.long(50714, self.black),
            Tag.long(50717, self.white_level),
        ]
        begin = HEADER_BYTES + directory_bytes(tags)
        tags = [Tag.long(273, begin) if tag.number == 273 else tag for tag in tags]  # noqa: PLR2004
        return encode_header(HEADER_BYTES) + encode_directory(tags, HEADER_BYTES)


def guessed_from_size(raw: Any, size: int) -> bool:
    """Tell whether LibRaw knows an open file of `size` bytes by nothing but its size.

    It then takes zeros of that size for the same.
    """
    try:
        with rawpy.imread(io.BytesIO(bytes(size))) as zeros:
            return bool(zeros.sizes == raw.sizes)
    except rawpy.LibRawError:
        return False
