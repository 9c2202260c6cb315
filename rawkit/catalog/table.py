"""The table of a collection: what the last scan found, so that the next reads only what is new.

One Parquet file for each collection, one row for each file. Another scan takes the EXIF of a file
from it while origin, path, size and stamp are the same. Names are matched anew each time, so that a
definition may change. A table that is damaged or not rawkit's is made anew.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from rawkit.catalog.journal import Journal, read_journal
from rawkit.catalog.scan import origin_of, scan
from rawkit.files import write_atomically
from rawkit.progress import SILENT
from rawkit.sensor import Exif, Exposure

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from rawkit.catalog.definition import Definition
    from rawkit.catalog.scan import FileKey
    from rawkit.catalog.select import Selection
    from rawkit.catalog.types import Catalog, Entry
    from rawkit.progress import Progress
    from rawkit.source import Source, SourceSpec

SCHEMA = pa.schema(
    [
        pa.field("origin", pa.string(), nullable=False),  # absolute path, or URL
        pa.field("path", pa.string(), nullable=False),  # below the origin
        pa.field("size", pa.int64(), nullable=False),  # bytes
        pa.field("stamp", pa.string(), nullable=False),  # time of change, ETag or checksum
        pa.field("opened", pa.bool_(), nullable=False),  # whether EXIF was read; else null below
        pa.field("make", pa.string()),
        pa.field("model", pa.string()),
        pa.field("seconds", pa.float64()),
        pa.field("iso", pa.float64()),
        pa.field("f_number", pa.float64()),
        pa.field("taken", pa.string()),
        pa.field("orientation", pa.int64()),
        pa.field("frame_rate", pa.float64()),
        pa.field("name", pa.string(), nullable=False),
        pa.field("role", pa.string(), nullable=False),
        pa.field("scene", pa.string(), nullable=False),
        pa.field("view", pa.string(), nullable=False),
        pa.field("pair", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
    ]
)
"""Columns: what is known of the file, what its EXIF alone says, what its name says."""
_DIGEST_KEY = b"rawkit.catalog.1.sha256"
"""Name of the digest of all rows; a table of another version has it under another name."""
_Columns = dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Scan:
    """A scan, compared with the one before."""

    catalog: Catalog
    """What there is."""
    new: int
    """Files that the table did not have."""
    changed: int
    """Files whose size or stamp is another."""
    unchanged: int
    """Files that are as they were."""
    gone: int
    """Files that the table had and that are not there any more."""
    warning: str = ""
    """Why the table could not be used; empty where it could, and where there was none."""


def scan_by(
    table: Path | None,
    definition: Definition,
    source: SourceSpec | Source,
    progress: Progress = SILENT,
    *,
    selection: Selection | None = None,
    save: bool = True,
) -> tuple[Catalog, str]:
    """Scan with the table of the last scan, or without any if None.

    Returns what there is, and why the table could not be used, if so. Raises as `scan_with_table`.
    """
    if table is None:
        return scan(definition, source, progress, selection=selection), ""
    found = scan_with_table(definition, source, table, progress, selection=selection, save=save)
    return found.catalog, found.warning


def scan_with_table(
    definition: Definition,
    source: SourceSpec | Source,
    path: Path,
    progress: Progress = SILENT,
    *,
    selection: Selection | None = None,
    names: Container[str] | None = None,
    save: bool = True,
) -> Scan:
    """Scan as `scan` does, taking from the table at `path` what has not changed, and update it.

    Rows of other places than the ones scanned stay, as long as those places are there: archives may
    come one by one. With `save` off nothing is written.

    Raises what `scan` raises, and `OutputError` if the table cannot be written.
    """
    before, warning = read_table(path)
    journal = Journal(path)
    known = {**known_exif(before), **read_journal(path)}
    try:
        catalog = scan(
            definition, source, progress, known=known, selection=selection, names=names,
            note=journal.add if save else None,
        )  # fmt: skip
    finally:
        journal.flush()
    now = _columns(catalog.entries)
    scanned = set(now["origin"])
    had = {
        (origin, name): (size, stamp)
        for origin, name, size, stamp in zip(
            *(before[key] for key in ("origin", "path", "size", "stamp")), strict=True
        )
    }
    elsewhere = [
        origin not in scanned and ("://" in origin or Path(origin).exists())
        for origin in before["origin"]
    ]
    counts = {"new": 0, "changed": 0, "unchanged": 0}
    for origin, name, size, stamp in zip(
        *(now[key] for key in ("origin", "path", "size", "stamp")), strict=True
    ):
        old = had.pop((origin, name), None)
        kind = "new" if old is None else "unchanged" if old == (size, stamp) else "changed"
        counts[kind] += 1
    if save:
        write_table(
            path,
            {
                key: [*(v for v, keep in zip(before[key], elsewhere, strict=True) if keep), *values]
                for key, values in now.items()
            },
        )
        journal.remove()
    return Scan(catalog, **counts, gone=len(had) - sum(elsewhere), warning=warning)


def known_exif(columns: Mapping[str, list[Any]]) -> dict[FileKey, Exif]:
    """EXIF by file, as the columns of a table hold it."""
    rows = zip(*(columns[name] for name in SCHEMA.names[:13]), strict=True)
    return {
        (origin, path, size, stamp): Exif(
            make, model, Exposure(seconds, iso, f_number), taken, orientation,
            frame_rate=frame_rate,
        )
        for (
            origin, path, size, stamp, opened, make, model, seconds, iso, f_number, taken,
            orientation, frame_rate,
        ) in rows
        if opened and stamp
    }  # fmt: skip


def read_table(path: Path) -> tuple[_Columns, str]:
    """Read the columns of a table; empty ones, and the reason, where it cannot be used."""
    empty: _Columns = {name: [] for name in SCHEMA.names}
    if not path.exists():
        return empty, ""
    try:
        table = pq.read_table(path, page_checksum_verification=True)
        columns: _Columns = table.to_pydict()
    except Exception as error:  # noqa: BLE001 - damaged files make Arrow raise nearly anything
        return empty, f"{path} cannot be read ({str(error).splitlines()[0][:120]}); made anew"
    metadata = table.schema.metadata or {}
    if not table.schema.equals(SCHEMA) or _DIGEST_KEY not in metadata:
        return empty, f"{path} is no table of this version of rawkit; made anew"
    if metadata[_DIGEST_KEY] != _digest(columns):
        return empty, f"{path} fails its checksum; made anew"
    return columns, ""


def write_table(path: Path, columns: _Columns) -> None:
    """Write a table, in the order of origin and path.

    Raises
    ------
    OutputError
        If it cannot be written; what was there before is still there.
    """
    table = pa.table(columns, schema=SCHEMA)
    table = table.sort_by([("origin", "ascending"), ("path", "ascending")])
    table = table.replace_schema_metadata({_DIGEST_KEY: _digest(table.to_pydict())})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    write_atomically(path, sink.getvalue().to_pybytes())


def _digest(columns: _Columns) -> bytes:
    return sha256(json.dumps(columns).encode()).hexdigest().encode()


def _columns(entries: tuple[Entry, ...]) -> _Columns:
    rows = [row for row in map(_row, entries) if row is not None]
    values: list[list[Any]] = (
        [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in SCHEMA.names]
    )
    return dict(zip(SCHEMA.names, values, strict=True))


def _row(entry: Entry) -> tuple[Any, ...] | None:
    """Return the row of an entry; None for what a table cannot hold: it is read again each time."""
    file, exif = entry.file, entry.exif
    if file is None:
        return None
    said = exif or Exif()
    exposure = said.exposure
    row = (
        origin_of(file), file.path, file.size, file.stamp, exif is not None,
        said.make, said.model, exposure.seconds, exposure.iso, exposure.f_number, said.taken,
        said.orientation, said.frame_rate, entry.frame.name, entry.role, entry.scene, entry.view,
        entry.pair, entry.split,
    )  # fmt: skip
    try:
        "".join(value for value in row if isinstance(value, str)).encode()
    except UnicodeEncodeError:
        return None
    return row
