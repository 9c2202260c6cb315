"""The table of frames survives Parquet, and only that table is read."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.errors import StoreFormatError
from rawkit.store import FrameRow, table_of_rows
from rawkit.store.rows import read_rows, rows_of_table, write_rows
from tests.factories import frame_row
from tests.strategies import frame_rows


@given(st.lists(frame_rows(), max_size=5))
def test_rows_read_back_from_parquet(
    tmp_path_factory: pytest.TempPathFactory, rows: list[FrameRow]
) -> None:
    path = tmp_path_factory.getbasetemp() / "frames.parquet"
    write_rows(rows, path)
    assert read_rows(path) == rows


@given(st.lists(frame_rows(), max_size=5))
def test_rows_read_back_from_arrow(rows: list[FrameRow]) -> None:
    assert rows_of_table(table_of_rows(rows)) == rows


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    rows = [frame_row(name="a"), frame_row(name="b", iso=None)]
    write_rows(rows, tmp_path / "one")
    write_rows(rows, tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreFormatError, match=r"frames\.parquet: the table of frames cannot"):
        read_rows(tmp_path / "frames.parquet")


def test_a_table_that_is_no_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "frames.parquet"
    path.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(StoreFormatError):
        read_rows(path)


def test_a_table_with_other_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "frames.parquet"
    pq.write_table(pa.table({"name": ["a"]}), path)
    with pytest.raises(StoreFormatError, match="other columns"):
        read_rows(path)
