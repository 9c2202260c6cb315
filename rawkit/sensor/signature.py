"""What the first bytes of a file say of it: a raw file, something else, or nothing that is known.

For files whose ending says nothing. Cheap: some kilobytes of each, whatever its size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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
_HEAD = 32
_COMPRESSION, _PHOTOMETRIC, _CFA_PATTERN, _DNG_VERSION = 259, 262, 33422, 50706
_MOSAIC_PHOTOMETRICS = {32803, 34892}
_MAKERS_COMPRESSIONS = {32767, 32769, 32770, 34713, 65000, 65535}
"""Of ARW, SRW, NEF, KDC and PEF: no other TIFF uses them."""
_TAGS = frozenset((_COMPRESSION, _PHOTOMETRIC, _CFA_PATTERN, _DNG_VERSION))


def is_raw(file: BinaryIO) -> bool:
    """Tell whether a seekable binary file, or its first bytes, look like a raw file."""
    file.seek(0)
    head = file.read(_HEAD)
    if any(head[at:].startswith(mark) for at, mark in _SIGNATURES):
        return True
    return any(map(_says_mosaic, directories(file, _TAGS)))


def _says_mosaic(tags: dict[int, tuple[int, ...]]) -> bool:
    return (
        bool(tags.keys() & {_CFA_PATTERN, _DNG_VERSION})
        or not _MOSAIC_PHOTOMETRICS.isdisjoint(tags.get(_PHOTOMETRIC, ()))
        or not _MAKERS_COMPRESSIONS.isdisjoint(tags.get(_COMPRESSION, ()))
    )
