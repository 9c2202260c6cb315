"""What NumPy holds as Arrow, and what Arrow holds as NumPy, by their bytes.

``pyarrow.array`` and ``to_numpy`` look whether pandas is meant, and so import it wherever it is
installed: half a second of every command that opens a store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def array_of(values: NDArray[np.generic], null: NDArray[np.bool_] | None = None) -> pa.Array:
    """See numbers or truths as Arrow, without a copy of numbers.

    Parameters
    ----------
    values
        Shape (rows,), of integers, floats or truths.
    null
        Which of them are null, shape (rows,); none if None.
    """
    valid = None if null is None else _bits(~null)
    if values.dtype == np.bool_:
        bits = _bits(values.astype(np.bool_, copy=False))
        return pa.Array.from_buffers(pa.bool_(), len(values), [valid, bits])
    data = pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [valid, data])


def values_of(column: pa.Array | pa.ChunkedArray, null: float | None = None) -> NDArray[Any]:
    """See a column of numbers or truths as NumPy.

    Numbers of one chunk without nulls are not copied, and cannot be written to.

    Parameters
    ----------
    column
        The column.
    null
        Stands for null. None: NaN does, and numbers become floats where some are null.
    """
    if isinstance(column, pa.ChunkedArray):
        parts = [values_of(one, null) for one in column.chunks]
        if len(parts) == 1:
            return parts[0]
        return np.concatenate([np.empty(0, column.type.to_pandas_dtype()), *parts])
    bits, data = column.buffers()
    first, count = column.offset, len(column)
    if pa.types.is_boolean(column.type):
        values = _truths(data, first, count)
    else:
        width = column.type.bit_width // 8
        memory = b"" if data is None else memoryview(data)[first * width : (first + count) * width]
        values = np.frombuffer(memory, column.type.to_pandas_dtype())
    if not column.null_count:
        return values
    is_known = _truths(bits, first, count)
    if null is None:
        return np.where(is_known, values, np.nan)
    return np.where(is_known, values, np.array(null, values.dtype))


def texts_of(texts: Sequence[str | None]) -> pa.Array:
    """Return texts, or None where there is none, as Arrow."""
    encoded = [b"" if text is None else text.encode() for text in texts]
    null = np.array([text is None for text in texts], np.bool_)
    ends = np.cumsum([0, *map(len, encoded)]).astype(np.int32)
    valid = _bits(~null) if null.any() else None
    buffers = [valid, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(encoded), buffers)


def empty_table(schema: pa.Schema) -> pa.Table:
    """Return a table of no rows."""
    return pa.Table.from_arrays([pa.nulls(0, field.type) for field in schema], schema=schema)


def _bits(values: NDArray[np.bool_]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(values, bitorder="little"))


def _truths(bits: pa.Buffer | None, first: int, count: int) -> NDArray[np.bool_]:
    if bits is None:
        return np.zeros(count, np.bool_)
    packed = np.frombuffer(memoryview(bits), np.uint8)
    return np.unpackbits(packed, count=first + count, bitorder="little")[first:].astype(np.bool_)
