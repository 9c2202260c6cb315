"""The table of frames survives Parquet, and only that table is read."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.errors import StoreDamagedError, StoreFormatError
from rawkit.store import FrameRow, table_of_rows
from rawkit.store.layout import VERSION
from rawkit.store.parquet import encode_rows, read_rows
from rawkit.store.rows import rows_of_table
from tests.support.factories import frame_row
from tests.support.strategies import frame_rows

ABOUT: dict[str, Any] = {"format_version": VERSION}
METHODS = {1: "sha256", 2: "blake3"}


@pytest.mark.parametrize("version", METHODS)
@given(st.lists(frame_rows(), max_size=5))
def test_rows_read_back_from_parquet(
    tmp_path_factory: pytest.TempPathFactory, version: int, rows: list[FrameRow]
) -> None:
    path = tmp_path_factory.getbasetemp() / "frames.parquet"
    rows = [replace(row, pixel_hash=f"{METHODS[version]}:{number:064x}")
            for number, row in enumerate(rows)]  # fmt: skip
    said = {"format_version": version} if version > 1 else {}  # version 1 did not say
    about = {**said, "attributes": {"title": "A"}, "layouts": {}}
    path.write_bytes(encode_rows(rows, about))
    found, told = read_rows(path)
    assert (list(found), told) == (rows, about)


@given(st.lists(frame_rows(), max_size=5))
def test_rows_read_back_from_arrow(rows: list[FrameRow]) -> None:
    assert rows_of_table(table_of_rows(rows)) == rows


def test_the_same_rows_give_the_same_bytes() -> None:
    rows = [frame_row(name="a"), frame_row(name="b", iso=None)]
    assert encode_rows(rows, ABOUT) == encode_rows(list(rows), dict(ABOUT))


def test_a_table_with_another_row_fails_its_checksum(tmp_path: Path) -> None:
    path = tmp_path / "frames.parquet"
    path.write_bytes(encode_rows([frame_row(name="a")], ABOUT))
    metadata = pq.read_schema(path).metadata
    other = table_of_rows([frame_row(name="b")]).replace_schema_metadata(metadata)
    pq.write_table(other, path)
    with pytest.raises(StoreDamagedError, match="checksum"):
        read_rows(path)


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
