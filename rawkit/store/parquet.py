"""The table of frames as Parquet: written the same for the same rows, read block by block."""

from __future__ import annotations

import json
import re
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from rawkit.arrow import empty_table
from rawkit.errors import StoreDamagedError, StoreFormatError
from rawkit.store.digest import (
    BLOCK_ROWS,
    digest_of_about,
    digest_of_blocks,
    digest_of_rows,
    in_blocks,
)
from rawkit.store.frames import FrameTable
from rawkit.store.rows import (
    CODED,
    ONCE,
    SCHEMAS,
    VERSION_KEY,
    rows_of_table,
    values_of,
    version_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rawkit.store.frames import FrameRows
    from rawkit.store.places.place import StoreFile
    from rawkit.store.rows import FrameRow

_ABOUT_KEY, _DIGEST_KEY, _ABOUT_DIGEST_KEY = "rawkit.store", "rawkit.sha256", "rawkit.about.sha256"
_BLOCKS_SINCE = 4
"""Format version from which on a table is written and digested in blocks."""
_CHECKED_ROWS = BLOCK_ROWS
"""Tables of so many rows are compared with their digest whenever they are opened."""
_SMALL = 1 << 18
"""Bytes of a table on this machine that is read into memory at most."""
_IN_MEMORY = 8 << 20
"""Bytes of a table of another machine up to which it is held in memory."""


class ParquetPiece:
    """The first rows of a Parquet file, read when they are asked for."""

    def __init__(self, opened: OpenTable, rows: int | None = None) -> None:
        self._opened = opened
        metadata = opened.file.metadata
        whole = [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)]
        self.rows = sum(whole) if rows is None else rows
        """How many rows."""
        self.blocks: list[int] = []
        """Rows of each row group."""
        for count in whole:
            left = self.rows - sum(self.blocks)
            if left:
                self.blocks.append(min(count, left))

    def read(self, block: int | None, names: Sequence[str]) -> pa.Table:
        """Read columns of a block or of all rows, the checksums of their pages compared."""
        blocks = range(len(self.blocks)) if block is None else [block]
        rows = self.rows if block is None else self.blocks[block]
        with self._opened.lock:
            try:
                found = self._opened.file.read_row_groups(
                    list(blocks), columns=list(names), use_threads=False
                )
            except (OSError, pa.ArrowException) as error:
                raise _unreadable(self._opened.path, error) from error
        return found.select(list(names)).slice(0, rows)


class OpenTable:
    """A table of frames, or a part of one, in its file.

    Parameters
    ----------
    path
        The file.
    data
        Its bytes, where they are at hand.

    Raises
    ------
    FileNotFoundError
        If it is missing.
    StoreFormatError
        If it is no Parquet file, or has other columns.
    StoreDamagedError
        If it fails its checksum. Of a large table of version 4 that of what it says of the store is
        compared, and those of pages when they are read; `check` compares the whole.
    """

    def __init__(self, path: StoreFile, data: bytes | None = None) -> None:
        self.path = path
        self.lock = threading.Lock()
        """Held while something is read of it."""
        try:
            source = _opened(path, data)
            metadata = pq.read_metadata(source)
            names = metadata.schema.to_arrow_schema().names
            self.file = pq.ParquetFile(
                source, metadata=metadata, page_checksum_verification=True,
                read_dictionary=[name for name in names if name in CODED],
            )  # fmt: skip
        except FileNotFoundError:
            raise
        except (OSError, pa.ArrowException) as error:
            raise _unreadable(path, error) from error
        schema = self.file.schema_arrow
        self.version = version_of(schema.names)
        """Format version of its columns."""
        wanted = SCHEMAS[self.version]
        types = [one.value_type if pa.types.is_dictionary(one) else one for one in schema.types]
        if (schema.names, types) != (wanted.names, wanted.types):
            raise StoreFormatError(
                "a table of frames with other columns", expected=", ".join(wanted.names), where=path
            )
        self._metadata = {
            key.decode(): value.decode("utf-8", "replace")
            for key, value in (schema.metadata or {}).items()
        }
        self.rows = int(self.file.metadata.num_rows)
        """How many rows."""
        self._about = self._metadata.get(_ABOUT_KEY, "")
        if self.version >= _BLOCKS_SINCE:
            self._compare(_ABOUT_DIGEST_KEY, digest_of_about(self._about, self.rows))
        if self.rows <= _CHECKED_ROWS and data is None:
            self.check()

    @property
    def about(self) -> dict[str, Any]:
        """What it says of the store."""
        described: dict[str, Any] = json.loads(self._about)
        return described

    def piece(self, rows: int | None = None) -> ParquetPiece:
        """Return its rows, or the first so many of them."""
        return ParquetPiece(self, rows)

    def table(self) -> FrameTable:
        """Return all rows as a table."""
        return FrameTable([self.piece()], self.version)

    def check(self) -> None:
        """Compare all it holds with its digest; raises `StoreDamagedError` if it differs."""
        table = self.table()
        if self.version >= _BLOCKS_SINCE:
            found = digest_of_blocks(in_blocks(table.plain_blocks()), self._about)
        else:
            found = digest_of_rows(_values(table.plain_blocks(), self.version), self._about)
        self._compare(_DIGEST_KEY, found)

    def _compare(self, key: str, digest: str) -> None:
        if self._metadata.get(key) != digest:
            raise StoreDamagedError(
                "a table of frames that fails its checksum",
                expected="the rows that were written",
                where=self.path,
                fix="Ingest into a new store.",
            )


def _values(blocks: Iterable[pa.Table], version: int) -> Iterator[dict[str, Any]]:
    for block in blocks:
        yield from (values_of(row, version) for row in rows_of_table(block))


def _opened(path: StoreFile, data: bytes | None) -> Any:
    """Open a file for Arrow: a small one from memory, so that no handle of it stays open.

    One elsewhere is fetched whole, in one request.
    """
    if isinstance(path, Path) and path.stat().st_size > _SMALL:
        return pa.OSFile(str(path))
    data = path.read_bytes() if data is None else data
    if len(data) <= _IN_MEMORY:
        return pa.BufferReader(data)
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        return pa.OSFile(f"/proc/self/fd/{file.fileno()}")


def _unreadable(path: StoreFile, error: Exception) -> StoreFormatError:
    return StoreFormatError(
        f"the table of frames cannot be read ({error})",
        expected="a Parquet file",
        where=path,
        fix="The store was not written by rawkit, or is damaged: ingest into a new one.",
    )


def read_rows(path: StoreFile) -> tuple[FrameRows, dict[str, Any]]:
    """Read the table of a store: its rows, and what it says of the store; all of it is checked.

    Raises
    ------
    StoreFormatError
        If the file is missing, damaged, or has other columns.
    StoreDamagedError
        If it fails its checksum.
    """
    try:
        opened = OpenTable(path)
    except FileNotFoundError as error:
        raise _unreadable(path, error) from error
    if opened.rows > _CHECKED_ROWS:
        opened.check()
    return opened.table().rows, opened.about


def encode_rows(rows: Sequence[FrameRow], about: Mapping[str, Any]) -> bytes:
    """Encode the table as Parquet; `about` and a digest of everything go into its metadata.

    The columns are those of the format version that `about` names, 1 if it names none. The same
    rows give the same bytes, whatever table or tables they come from.
    """
    return encode_table(FrameTable.of(rows, about.get(VERSION_KEY, 1)), about)


def encode_table(table: FrameTable, about: Mapping[str, Any]) -> bytes:
    """Encode a table as `encode_rows` does; it has the format version that `about` names."""
    text, version = json.dumps(about), about.get(VERSION_KEY, 1)
    if table.version != version:
        raise AssertionError(f"a table of version {table.version} in a store of {version}")
    sink = pa.BufferOutputStream()
    if version < _BLOCKS_SINCE:
        whole = pa.concat_tables([empty_table(SCHEMAS[version]), *table.plain_blocks()])
        digest = digest_of_rows(_values([whole], version), text)
        whole = whole.combine_chunks().replace_schema_metadata(
            {_ABOUT_KEY: text, _DIGEST_KEY: digest}
        )
        pq.write_table(whole, sink, compression="zstd", write_page_checksum=True)
    else:
        _write_blocks(table, text, sink)
    encoded: bytes = sink.getvalue().to_pybytes()
    return encoded


def _write_blocks(table: FrameTable, text: str, sink: pa.BufferOutputStream) -> None:
    metadata = {
        _ABOUT_KEY: text,
        _ABOUT_DIGEST_KEY: digest_of_about(text, len(table)),
        _DIGEST_KEY: digest_of_blocks(in_blocks(table.plain_blocks()), text),
    }
    schema = SCHEMAS[table.version].with_metadata(metadata)
    shared = [name for name in schema.names if name not in ONCE]
    with pq.ParquetWriter(
        sink, schema, compression="zstd", write_page_checksum=True,
        use_dictionary=[_path(schema.field(name)) for name in shared],
    ) as writer:  # fmt: skip
        for block in in_blocks(table.plain_blocks()):
            writer.write_table(block.replace_schema_metadata(metadata), row_group_size=BLOCK_ROWS)


def _path(field: pa.Field) -> str:
    """Name of a column's leaf in Parquet."""
    return f"{field.name}.list.element" if pa.types.is_list(field.type) else str(field.name)


def written_by_another_version(table: bytes) -> bool:
    """Tell whether another version of pyarrow wrote a table, which may encode rows otherwise."""
    writer = pq.read_metadata(pa.BufferReader(table)).created_by
    known = re.fullmatch(r"parquet-cpp-arrow version (\d+\.\d+\.\d+)", writer)
    return known is not None and known[1] != pa.__version__
