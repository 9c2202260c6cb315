"""Tests of `rawkit.arrow`: its arrays are those that Arrow makes itself."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rawkit.arrow import array_of, empty_table, texts_of, values_of
from tests.bench.tables import make_store

if TYPE_CHECKING:
    from pathlib import Path

TYPES = st.sampled_from([np.bool_, np.int8, np.int32, np.int64, np.uint16, np.uint64, np.float32,
                         np.float64])  # fmt: skip
ROWS = st.integers(0, 40)
COLUMNS = st.tuples(TYPES, ROWS).flatmap(lambda one: hnp.arrays(*one))


@given(values=COLUMNS, data=st.data())
def test_numbers_are_arrows_own(values: np.ndarray, data: st.DataObject) -> None:
    null = data.draw(st.none() | hnp.arrays(np.bool_, len(values)))
    found, wanted = array_of(values, null), pa.array(values, mask=null)
    found.validate(full=True)
    assert found.type == wanted.type
    assert found.null_count == wanted.null_count
    assert [repr(one) for one in found.to_pylist()] == [repr(one) for one in wanted.to_pylist()]


@given(values=COLUMNS, data=st.data())
def test_numbers_come_back_of_a_slice_of_several_chunks(
    values: np.ndarray, data: st.DataObject
) -> None:
    parts = data.draw(st.integers(1, 3))
    column = pa.chunked_array([array_of(values)] * parts)
    first = data.draw(st.integers(0, len(column)))
    found = values_of(column[first:])
    assert found.dtype == values.dtype
    np.testing.assert_array_equal(found, np.tile(values, parts)[first:])


@given(values=COLUMNS, data=st.data())
def test_null_is_nan_or_what_it_is_told_to_be(values: np.ndarray, data: st.DataObject) -> None:
    null = data.draw(hnp.arrays(np.bool_, len(values)))
    column = array_of(values, null)
    told = values_of(column, null=1)
    assert told.dtype == values.dtype
    np.testing.assert_array_equal(told, np.where(null, np.ones(1, values.dtype), values))
    if null.any():
        np.testing.assert_array_equal(values_of(column), np.where(null, np.nan, values))


@given(st.lists(st.none() | st.text(max_size=5), max_size=20))
def test_texts_are_arrows_own(texts: list[str | None]) -> None:
    found = texts_of(texts)
    found.validate(full=True)
    assert found.equals(pa.array(texts, pa.string()))


def test_a_table_of_no_rows_is_arrows_own() -> None:
    schema = pa.schema([("a", pa.int64()), ("b", pa.dictionary(pa.int32(), pa.string()))])
    assert empty_table(schema).equals(schema.empty_table())


@pytest.mark.parametrize("words", [
    ("info", "stores/many.zarr"), ("subset", "--iso", "100"), ("subset", "--where", "iso < 300")
])  # fmt: skip
def test_no_command_waits_for_pandas_where_it_is_installed(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    pytest.importorskip("pandas")
    make_store(tmp_path / "stores" / "many.zarr", 100)
    code = (
        "import sys; from rawkit.cli import main\n"
        "try: main()\nexcept SystemExit as end: assert not end.code, end.code\n"
        "assert 'pandas' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--workspace", str(tmp_path), *words],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
