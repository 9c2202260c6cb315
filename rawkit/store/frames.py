"""The table of frames as columns, read when they are asked for, and its rows when one is looked at.

A store of a million frames has a gigabyte of rows as Python objects, and most of what is asked of
them concerns a few columns. So a table stays in its files, block by block, and is a sequence of
`FrameRow` only for who takes single rows of it.
"""

from __future__ import annotations

import ctypes
import platform
from collections import Counter
from collections.abc import Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Protocol, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rawkit.arrow import array_of, empty_table, values_of
from rawkit.store.layout import VERSION
from rawkit.store.pixel_hash import SHA256
from rawkit.store.rows import (
    CODED,
    HASH,
    HASH_V1,
    SCHEMA,
    SCHEMAS,
    SINCE,
    FrameRow,
    rows_of_table,
    table_of_rows,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from numpy.typing import NDArray

_KEPT_BLOCKS = 2
"""Blocks that are kept for who takes rows one by one."""
_AT_ONCE = 1024
"""Rows that are made at once for who goes through all of them."""


class Piece(Protocol):
    """Some rows of a table, in blocks that are read one by one."""

    @property
    def rows(self) -> int:
        """How many."""

    @property
    def blocks(self) -> Sequence[int]:
        """Rows of each block."""

    def read(self, block: int | None, names: Sequence[str]) -> pa.Table:
        """Read columns, as its format version has them, of a block or of all rows."""


class InMemory:
    """Rows that are held as an Arrow table, with the columns of a format version."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    @property
    def rows(self) -> int:
        """How many."""
        return int(self._table.num_rows)

    @property
    def blocks(self) -> Sequence[int]:
        """One."""
        return [self.rows]

    def read(self, block: int | None, names: Sequence[str]) -> pa.Table:  # noqa: ARG002 - there is one
        """Pick columns."""
        return self._table.select(list(names))


class FrameTable:
    """The columns of a table of frames; what is there never changes.

    Parameters
    ----------
    pieces
        Its rows, in their order.
    version
        Format version of the pieces.
    """

    def __init__(self, pieces: Sequence[Piece], version: int = VERSION) -> None:
        self.pieces, self.version = tuple(pieces), version
        self._blocks = [(piece, block) for piece in pieces for block in range(len(piece.blocks))]
        sizes = (size for piece in pieces for size in piece.blocks)
        self._starts = [0, *accumulate(sizes)]
        self._kept: dict[int, pa.Table] = {}

    @classmethod
    def of(cls, rows: Iterable[FrameRow], version: int = VERSION) -> FrameTable:
        """Return the table of rows; the one they come from where they are all of its rows."""
        if isinstance(rows, FrameRows) and rows.whole:
            return rows.table
        return cls([InMemory(table_of_rows(list(rows), version))], version)

    def __len__(self) -> int:
        return self._starts[-1]

    @property
    def rows(self) -> FrameRows:
        """All rows, as a sequence."""
        return FrameRows(self)

    @cached_property
    def is_long(self) -> NDArray[np.bool_]:
        """Whether each row is a long, shape (rows,)."""
        return is_text(self.columns("role"), "role", "long")

    def columns(self, *names: str) -> pa.Table:
        """Read columns of all rows, those of the newest version, each of one chunk.

        Texts that many rows share are dictionaries; what an older version does not know is null.
        """
        tables = [
            _of_this_version(piece.read(None, _as_of(names, self.version)), names, self.version)
            for piece in self.pieces
        ]
        empty = empty_table(pa.schema([_coded(SCHEMA.field(name)) for name in names]))
        return pa.concat_tables([empty, *tables]).unify_dictionaries().combine_chunks()

    def numbers(self, name: str) -> NDArray[np.generic]:
        """Read a column of numbers, shape (rows,); NaN where it is unknown."""
        found = values_of(column_of(self.columns(name), name))
        return np.asarray(found)

    def texts(self, name: str) -> list[str]:
        """Read a column of texts."""
        found: list[str] = self.columns(name).column(name).to_pylist()
        return found

    def blocks(self, *names: str) -> Iterator[tuple[int, pa.Table]]:
        """Yield the rows block by block: number of the first, from 0, and columns as `columns`."""
        for number, start in enumerate(self._starts[:-1]):
            yield start, self._block(number, names)

    def plain_blocks(self, count: int | None = None) -> Iterator[pa.Table]:
        """Yield all columns as the table's own format version has them, of the first rows."""
        left = len(self) if count is None else count
        names = SCHEMAS[self.version].names
        for piece, block in self._blocks:
            if not left:
                return
            table = piece.read(block, names).slice(0, left)
            left -= table.num_rows
            yield _plain(table, SCHEMAS[self.version])

    def plain(self, first: int, rows: int) -> pa.Table:
        """Read so many rows from a first one on, as `plain_blocks`."""
        tables, start = [empty_table(SCHEMAS[self.version])], 0
        for piece, block in self._blocks:
            count = piece.blocks[block]
            if start < first + rows and first < start + count:
                table = piece.read(block, SCHEMAS[self.version].names)
                low = max(0, first - start)
                tables.append(table.slice(low, first + rows - start - low))
            start += count
        whole = [_plain(table, SCHEMAS[self.version]) for table in tables]
        return pa.concat_tables(whole).combine_chunks()

    def whole(self) -> pa.Table:
        """Read everything, with the columns of the newest version and without dictionaries."""
        return _plain(self.columns(*SCHEMA.names), SCHEMA)

    def first(self, count: int) -> FrameTable:
        """Return the table of the first rows."""
        pieces: list[Piece] = []
        for piece in self.pieces:
            if count >= piece.rows:
                pieces.append(piece)
            elif count:
                pieces.append(InMemory(piece.read(None, SCHEMAS[self.version].names)[:count]))
            count -= min(count, piece.rows)
        return FrameTable(pieces, self.version)

    def take(self, numbers: NDArray[np.integer]) -> list[FrameRow]:
        """Make rows by their numbers, from 0, in the order given."""
        rows: list[FrameRow] = []
        for block, places in self._by_block(numbers):
            rows += rows_of_table(self._kept_block(block).take(array_of(places)))
        return rows

    def taken(self, numbers: NDArray[np.integer], *names: str) -> Iterator[pa.Table]:
        """Yield columns, as `columns`, of rows by their numbers, in the order given.

        Each table has rows of one block: it is meant for numbers that mostly rise.
        """
        for block, places in self._by_block(numbers):
            yield self._block(block, names).take(array_of(places))

    def _by_block(self, numbers: NDArray[np.integer]) -> Iterator[tuple[int, NDArray[np.integer]]]:
        """Yield runs of numbers that lie in one block, and their places there."""
        if not len(numbers):
            return
        blocks = np.searchsorted(self._starts, numbers, "right") - 1
        borders = np.flatnonzero(np.diff(blocks)) + 1
        for begin, end in pairwise([0, *borders.tolist(), len(numbers)]):
            block = int(blocks[begin])
            yield block, numbers[begin:end] - self._starts[block]

    def _block(self, number: int, names: Sequence[str]) -> pa.Table:
        piece, block = self._blocks[number]
        table = piece.read(block, _as_of(names, self.version))
        return _of_this_version(table, names, self.version)

    def _kept_block(self, number: int) -> pa.Table:
        found = self._kept.get(number)
        if found is None:
            found = _plain(self._block(number, SCHEMA.names), SCHEMA)
            kept = list(self._kept.items())[1 - _KEPT_BLOCKS :]
            self._kept = {**dict(kept), number: found}
        return found


class FrameRows(Sequence[FrameRow]):
    """Rows of a table, each made when it is looked at.

    Parameters
    ----------
    table
        The table.
    numbers
        Which of its rows, from 0; all of them if None.
    """

    def __init__(self, table: FrameTable, numbers: NDArray[np.int64] | None = None) -> None:
        self.table = table
        self.numbers = np.arange(len(table)) if numbers is None else numbers
        """Numbers of the rows within the table, from 0."""
        self.whole = numbers is None
        """Whether these are all rows of the table."""

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, index: int) -> FrameRow: ...
    @overload
    def __getitem__(self, index: slice) -> FrameRows: ...
    def __getitem__(self, index: int | slice) -> FrameRow | FrameRows:
        if isinstance(index, slice):
            return FrameRows(self.table, self.numbers[index])
        number = self.numbers[index]  # raises IndexError beyond the end
        return self.table.take(np.array([number]))[0]

    def __iter__(self) -> Iterator[FrameRow]:
        for start in range(0, len(self), _AT_ONCE):
            yield from self.table.take(self.numbers[start : start + _AT_ONCE])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return NotImplemented if not isinstance(other, Sequence) else False
        return all(ours == theirs for ours, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment] # like a list's

    def __repr__(self) -> str:
        return f"<{len(self)} rows of a table of frames>"


def column_of(table: pa.Table, name: str) -> pa.Array:
    """Return a column of one chunk as an array."""
    column = table.column(name)
    if column.num_chunks == 1:
        return column.chunk(0)
    return column.combine_chunks() if column.num_chunks else pa.nulls(0, column.type)


def codes_of(table: pa.Table, name: str) -> tuple[NDArray[np.int32], list[Any]]:
    """Codes of a column of shared texts, shape (rows,), -1 for null, and the texts they stand for.

    Texts that no row of `table` has may be among them.
    """
    array = column_of(table, name)
    return values_of(array.indices, null=-1), array.dictionary.to_pylist()


def is_text(table: pa.Table, name: str, text: str) -> NDArray[np.bool_]:
    """Tell of each row whether a column of shared texts holds this one."""
    codes, texts = codes_of(table, name)
    return codes == texts.index(text) if text in texts else np.zeros(len(codes), np.bool_)


@contextmanager
def lean_memory() -> Iterator[None]:
    """Return to the system what is read of large tables within the block, once it is not needed.

    Arrow's own allocator keeps it, thread by thread, for the next one; that of C can be told.
    """
    usual = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(usual)
        if platform.libc_ver()[0] == "glibc":
            ctypes.CDLL(None).malloc_trim(0)


def value_counts(table: pa.Table, name: str) -> dict[Any, int]:
    """Count the values of a column; those of a list are tuples."""
    array = column_of(table, name)
    if not pa.types.is_list(array.type):
        pairs = array.value_counts()
        values, counts = pairs.field("values").to_pylist(), pairs.field("counts").to_pylist()
        return dict(zip(values, counts, strict=True))
    lengths = pc.unique(pc.list_value_length(array))
    if array.null_count or len(lengths) != 1 or not lengths[0].as_py():
        return Counter(None if one is None else tuple(one) for one in array.to_pylist())
    # Each place of the lists is coded, and then the codes of all places together.
    places = values_of(array.flatten()).reshape(len(array), -1)
    keys = np.zeros(len(array), np.int64)
    for values in places.T:
        coded = array_of(values).dictionary_encode()
        keys = keys * len(coded.dictionary) + values_of(coded.indices)
        keys = values_of(array_of(keys).dictionary_encode().indices).astype(np.int64)
    _, first, counts = np.unique(keys, return_index=True, return_counts=True)
    lists = [tuple(one) for one in places[first].tolist()]
    return dict(zip(lists, counts.tolist(), strict=True))


def _coded(field: pa.Field) -> pa.Field:
    if field.name not in CODED:
        return field
    return pa.field(field.name, pa.dictionary(pa.int32(), pa.string()), field.nullable)


def _as_of(names: Iterable[str], version: int) -> list[str]:
    """Return the columns of a format version that hold these of the newest."""
    renamed = {HASH: HASH_V1} if version == 1 else {}
    return [renamed.get(name, name) for name in names if version >= SINCE.get(name, 1)]


def _of_this_version(table: pa.Table, names: Sequence[str], version: int) -> pa.Table:
    """Bring columns of a format version into the form of the newest."""
    arrays = []
    for name in names:
        field = _coded(SCHEMA.field(name))
        if version < SINCE.get(name, 1):
            column = pa.nulls(table.num_rows, field.type)
        elif version == 1 and name == HASH:
            column = pc.binary_join_element_wise(SHA256, table.column(HASH_V1), "")
        else:
            column = table.column(name)
        if name in CODED and not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode() if version >= SINCE.get(name, 1) else column
        arrays.append(column)
    return pa.table(arrays, pa.schema([_coded(SCHEMA.field(name)) for name in names]))


def _plain(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Replace dictionaries by the texts they stand for."""
    return table.cast(schema)
