"""What the first bytes of a file say of it: a raw file, something else, or nothing that is known.

For files whose ending says nothing. Cheap: some kilobytes of each, whatever its size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from rawkit.sensor.extents import directories

if TYPE_CHECKING:
    from typing import BinaryIO

_SIGNATURES: tuple[tuple[int, bytes], ...] = (
    (0, b"FUJIFILMCCD-RAW"),  # RAF
    (6, b"HEAPCCDR"),  # CRW
    (4, b"ftypcrx "),  # CR3
    (0, b"FOVb"),  # X3F
    (0, b"\0MRM"),  # MRW
    (0, b"IIRO"), (0, b"IIRS"), (0, b"MMOR"),  # ORF
    (0, b"IIU\0"),  # RW2
    (0, b"qktk"), (0, b"qktn"),  # QuickTake
    (8, b"IIII"), (8, b"MMMM"),  # IIQ
    (25, b"ARECOYK"),  # Contax
)  # fmt: skip
_HEAD = 256
_CUT_CHARACTER = 3
"""Bytes of a character of UTF-8 that the end of what was read may have cut."""
_COMPRESSION, _PHOTOMETRIC, _CFA_PATTERN, _DNG_VERSION = 259, 262, 33422, 50706
_MOSAIC_PHOTOMETRICS = {32803, 34892}
_MAKERS_COMPRESSIONS = {32767, 32769, 32770, 34713, 65000, 65535}
"""Of ARW, SRW, NEF, KDC and PEF: no other TIFF uses them."""
_TAGS = frozenset((_COMPRESSION, _PHOTOMETRIC, _CFA_PATTERN, _DNG_VERSION))


Kind = Literal["raw", "text", "other"]


def kind_of(file: BinaryIO) -> Kind:
    """Say what a seekable binary file, or its first bytes, look like."""
    file.seek(0)
    head = file.read(_HEAD)
    marked = any(head[at:].startswith(mark) for at, mark in _SIGNATURES)
    if marked or any(map(_says_mosaic, directories(file, _TAGS))):
        return "raw"
    return "text" if _is_text(head) else "other"


def is_raw(file: BinaryIO) -> bool:
    """Tell whether a seekable binary file, or its first bytes, look like a raw file."""
    return kind_of(file) == "raw"


def _is_text(head: bytes) -> bool:
    """Tell whether the first bytes are those of a text, as a licence beside raw files is."""
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        text = head[: error.start].decode("utf-8")
        if len(head) - error.start > _CUT_CHARACTER:
            return False
    return bool(text) and all(one.isprintable() or one.isspace() for one in text)


def _says_mosaic(tags: dict[int, tuple[int, ...]]) -> bool:
    return (
        bool(tags.keys() & {_CFA_PATTERN, _DNG_VERSION})
        or not _MOSAIC_PHOTOMETRICS.isdisjoint(tags.get(_PHOTOMETRIC, ()))
        or not _MAKERS_COMPRESSIONS.isdisjoint(tags.get(_COMPRESSION, ()))
    )
