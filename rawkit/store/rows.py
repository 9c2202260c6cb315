"""``frames.parquet``: one row for every raw file that went into a store."""

from __future__ import annotations

import types
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

import pyarrow as pa

from rawkit.store.layout import READABLE, VERSION
from rawkit.store.pixel_hash import SHA256

if TYPE_CHECKING:
    from collections.abc import Sequence

VERSION_KEY = "format_version"
PlaneValues = tuple[float, ...]


SINCE = {
    "colour_matrix": 3, "colour_matrix_source": 3, "packed_bytes": 4, "target_bytes": 4,
    "decoder": 5,
}  # fmt: skip
"""Columns that older format versions do not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRow:
    """All that is known of one frame of a store.

    Values of planes are in the order R, G1, B, G2, or that of the nine X-Trans planes.
    """

    group: str
    """Group of camera and geometry, such as ``ilce-7sm2/1424x2128``."""
    index: int
    """Position along the frame axis of the group's ``packed``, from 0."""
    name: str
    """Identity within the collection."""
    source: str
    """Path of the raw file below the source it came from."""
    role: str
    """``short`` or ``long``."""
    scene: str
    """What one split never divides."""
    view: str
    """Camera position of the scene; empty where there is one."""
    pair: str
    """What a short and its long share."""
    split: str
    """``train``, ``val`` or ``test``."""
    make: str | None
    """Camera maker as EXIF spells it."""
    model: str | None
    """Camera model as EXIF spells it."""
    taken: str | None
    """Date and time of capture as EXIF spells it."""
    orientation: int
    """EXIF orientation, 1 to 8; pixels are stored as the sensor gave them."""
    exposure_time: float | None
    """Seconds; EXIF's, or LibRaw's where EXIF does not say."""
    iso: float | None
    """ISO speed; EXIF's, or LibRaw's where EXIF does not say."""
    f_number: float | None
    """f-number; EXIF's, or LibRaw's where EXIF does not say."""
    pattern: str
    """First cell of the visible area as the camera has it, such as ``GBRG``; six rows of six with
    ``/`` between them for X-Trans."""
    raw_height: int
    """Rows of the whole mosaic, in pixels."""
    raw_width: int
    """Columns of the whole mosaic, in pixels."""
    visible_top: int
    """First visible row within the whole mosaic, from 0."""
    visible_left: int
    """First visible column within the whole mosaic, from 0."""
    visible_height: int
    """Visible rows, in pixels."""
    visible_width: int
    """Visible columns, in pixels."""
    pixel_aspect: float
    """Width of a pixel over its height."""
    crop_top: int
    """Rows dropped at the top of the visible area so that the canonical cell is at (0, 0)."""
    crop_left: int
    """Columns dropped at its left."""
    black_level: PlaneValues
    """Black level of each plane, in sensor units."""
    white_level: float
    """LibRaw's white level, in sensor units."""
    camera_white_level: PlaneValues | None
    """Where each plane really saturates, in sensor units, if the file says so."""
    level_source: str
    """Where black and white level come from: ``file``, or ``definition`` where it overrides it."""
    level_warning: str | None
    """A black level that does not fit the pixels, with the suspected one."""
    saturated_share: float
    """Share of visible pixels at or above the white level, 0 to 1."""
    white_balance: PlaneValues
    """Multipliers of each plane, G1 being 1."""
    white_balance_source: str
    """``camera`` or ``daylight``; ``unknown`` for videos, with multipliers of 1."""
    amplification_base: float
    """The amplifier's estimate of the whole visible area, 1 to 300."""
    target_index: int
    """Position of its own target along the first axis of ``target``: that of a long, or of a short
    that came with a picture; else -1."""
    target_note: str | None
    """Why a long has no target."""
    raw_bytes: int
    """Size of the raw file."""
    pixel_hash: str
    """Method and hexadecimal hash of the packed planes, see `rawkit.store.pixel_hash`."""
    duplicate_of: str | None
    """Name of the frame whose pixels this one repeats; they are stored once."""
    colour_matrix: PlaneValues | None = None
    """From CIE XYZ to the camera's R, G and B, nine values row by row; None where nobody says, and
    in stores of versions 1 and 2."""
    colour_matrix_source: str | None = None
    """``file`` or ``libraw``; None where there is no matrix."""
    packed_bytes: int | None = None
    """Bytes of its shard of ``packed``; None for a duplicate, and in stores of versions 1 to 3."""
    target_bytes: int | None = None
    """Bytes of the shard of its own target; None where it has none, and in versions 1 to 3."""
    decoder: str | None = None
    """What its pixels are from: ``libraw``, or the compression that was decoded beside it, see
    `rawkit.sensor.Decoded`; None where they are from no raw file, and in versions 1 to 4."""


def _arrow_type(hint: Any) -> pa.DataType:
    """Arrow type of a field's annotation."""
    if get_origin(hint) is types.UnionType:
        (hint,) = (part for part in get_args(hint) if part is not type(None))
    if get_origin(hint) is tuple:
        return pa.list_(pa.float64())
    return {str: pa.string(), int: pa.int64(), float: pa.float64()}[hint]


def _schema(version: int) -> pa.Schema:
    hints = get_type_hints(FrameRow)
    renamed = {HASH: HASH_V1} if version == 1 else {}
    return pa.schema(
        [
            pa.field(
                renamed.get(field.name, field.name),
                _arrow_type(hints[field.name]),
                nullable=get_origin(hints[field.name]) is types.UnionType,
            )
            for field in fields(FrameRow)
            if version >= SINCE.get(field.name, 1)
        ]
    )


HASH, HASH_V1 = "pixel_hash", "sha256"
"""The column of the hash; version 1 named it after its only method and held the digits alone."""
SCHEMA = _schema(VERSION)
SCHEMAS = {version: _schema(version) for version in READABLE}
"""Columns of each format version."""
_LISTS = tuple(field.name for field in SCHEMA if pa.types.is_list(field.type))
CODED = frozenset({
    "group", "role", "scene", "view", "pair", "split", "make", "model", "pattern", "level_source",
    "level_warning", "white_balance_source", "target_note", "colour_matrix_source",
    "decoder",
})  # fmt: skip
"""Columns of texts that many rows share: each text is held once."""
ONCE = frozenset({
    "name", "source", "taken", "saturated_share", "amplification_base", "pixel_hash",
})  # fmt: skip
"""Columns whose values hardly ever repeat."""


def table_of_rows(rows: Sequence[FrameRow], version: int = VERSION) -> pa.Table:
    """Arrow table with one row for each frame, with the columns of a format version."""
    schema = SCHEMAS[version]
    arrays = [
        pa.array([_value(row, field.name) for row in rows], field.type) for field in schema
    ]  # fmt: skip
    return pa.Table.from_arrays(arrays, schema=schema)


def _value(row: FrameRow, column: str) -> Any:
    """Return the value of a row for a column of any format version."""
    if column != HASH_V1:
        return getattr(row, column)
    if not row.pixel_hash.startswith(SHA256):
        raise AssertionError(f"{row.pixel_hash} in a store of version 1")
    return row.pixel_hash.removeprefix(SHA256)


def values_of(row: FrameRow, version: int) -> dict[str, Any]:
    """Values of a row by the names that columns have in a format version."""
    return {name: _value(row, name) for name in SCHEMAS[version].names}


def rows_of_table(table: pa.Table) -> list[FrameRow]:
    """Read rows back: the inverse of `table_of_rows`."""
    rows = []
    for values in table.to_pylist():
        for name in _LISTS:
            if values.get(name) is not None:
                values[name] = tuple(values[name])
        if HASH_V1 in values:
            values[HASH] = SHA256 + values.pop(HASH_V1)
        rows.append(FrameRow(**values))
    return rows


def version_of(names: Sequence[str]) -> int:
    """Tell by its columns which format version a table is of."""
    if HASH_V1 in names:
        return 1
    return max([2, *(since for name, since in SINCE.items() if name in names)])
