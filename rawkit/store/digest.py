"""The digest of a table of frames: SHA-256 over its columns, block by block."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rawkit.arrow import texts_of, values_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

BLOCK_ROWS = 16384
"""Rows of a block: of a row group of the table, and of what is digested at once."""


def in_blocks(tables: Iterable[pa.Table], size: int = BLOCK_ROWS) -> Iterator[pa.Table]:
    """Yield the rows of tables in order, in tables of `size` rows; the last has less."""
    waiting: list[pa.Table] = []
    count = 0
    for table in tables:
        begin = 0
        while begin < table.num_rows:
            piece = table.slice(begin, size - count)
            waiting.append(piece)
            begin, count = begin + piece.num_rows, count + piece.num_rows
            if count == size:
                yield pa.concat_tables(waiting).combine_chunks()
                waiting, count = [], 0
    if waiting:
        yield pa.concat_tables(waiting).combine_chunks()


def digest_of_blocks(blocks: Iterable[pa.Table], about: str) -> str:
    """SHA-256 over what the table says of its store and over all values, hexadecimal.

    Blocks are of `BLOCK_ROWS` rows but the last. Of each the columns follow in their order: a byte
    for each row that says whether there is a value, then the lengths of texts and lists as little
    endian int32, then the values: UTF-8, or eight bytes each, little endian; 0 where there is none.
    """
    digest = sha256(about.encode())
    for block in blocks:
        for column in block.columns:
            for part in _parts(column):
                digest.update(part)
    return digest.hexdigest()


def _parts(column: pa.ChunkedArray) -> Iterator[memoryview]:
    """Yield what is digested of a column of one chunk."""
    array = column.chunk(0) if column.num_chunks else pa.nulls(0, column.type)
    yield _bytes(np.asarray(values_of(array.is_valid()), np.uint8))
    if pa.types.is_string(array.type):
        yield _bytes(_filled(pc.binary_length(array)).astype("<i4"))
        yield _text(pc.fill_null(array, texts_of([""])[0]))
    elif pa.types.is_list(array.type):
        yield _bytes(_filled(pc.list_value_length(array)).astype("<i4"))
        yield _bytes(_filled(array.flatten()))
    else:
        yield _bytes(_filled(array))


def _text(array: pa.Array) -> memoryview:
    """UTF-8 of texts, one after the other."""
    _, offsets, data = array.buffers()
    if not len(array) or data is None:
        return memoryview(b"")
    first, last = np.frombuffer(offsets, np.int32)[[array.offset, array.offset + len(array)]]
    return memoryview(data)[first:last]


def _filled(array: pa.Array) -> NDArray[np.generic]:
    return values_of(array, null=0)


def _bytes(values: NDArray[np.generic]) -> memoryview:
    little = values.astype(values.dtype.newbyteorder("<"), copy=False)
    return np.ascontiguousarray(little).view(np.uint8).data


def digest_of_rows(rows: Iterable[Mapping[str, Any]], about: str) -> str:
    """Do the same for a store of version 1, 2 or 3: over each row as JSON."""
    digest = sha256(about.encode())
    for values in rows:
        digest.update(json.dumps(values, sort_keys=True).encode())
    return digest.hexdigest()


def digest_of_about(about: str, rows: int) -> str:
    """SHA-256 over what the table says of its store, and how many rows it has, hexadecimal."""
    return sha256(f"{rows}:{about}".encode()).hexdigest()
