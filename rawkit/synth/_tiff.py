"""Mosaics in plain TIFF files, as some collections have them: not a word of colours or levels."""

from __future__ import annotations

from typing import Final

from rawkit.tiff import HEADER_BYTES, Tag, directory_bytes, encode_directory, encode_header

TIFF_SUFFIXES: Final = (".tif", ".tiff")
"""How the names of such files end."""
_ALIGNMENT = 16


def encode_tiff_head(shape: tuple[int, int], bits: int, description: str) -> bytes:
    """Encode all of an uncompressed grey TIFF that comes before its pixels, in one strip.

    Parameters
    ----------
    shape
        Rows and columns in pixels.
    bits
        Bits that a pixel takes: 8 or 16.
    description
        Free text for the ImageDescription tag.
    """
    rows, columns = shape

    def tags(offset: int) -> list[Tag]:
        return [
            Tag.long(254, 0),  # NewSubfileType: the picture itself
            Tag.long(256, columns),  # ImageWidth
            Tag.long(257, rows),  # ImageLength
            Tag.short(258, bits),  # BitsPerSample
            Tag.short(259, 1),  # Compression: none
            Tag.short(262, 1),  # PhotometricInterpretation: black is zero
            Tag.ascii(270, description),
            Tag.long(273, offset),  # StripOffsets
            Tag.short(277, 1),  # SamplesPerPixel
            Tag.long(278, rows),  # RowsPerStrip
            Tag.long(279, rows * columns * bits // 8),  # StripByteCounts
        ]

    end = HEADER_BYTES + directory_bytes(tags(0))
    begin = end + -end % _ALIGNMENT
    head = encode_header(HEADER_BYTES) + encode_directory(tags(begin), HEADER_BYTES)
    return head.ljust(begin, b"\0")
