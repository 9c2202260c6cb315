"""A large table stays a few columns: no row is made for who asks for none."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import pytest

from rawkit.report.describe import describe_store
from rawkit.store import FrameRow, Store
from rawkit.store.parquet import OpenTable
from rawkit.stream import Pairs, pair_sources
from rawkit.subset import make_subset, open_stores, split_bytes
from rawkit.workspace import Workspace
from tests.bench.tables import make_store

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = 20_000


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return a workspace with a store of 20,000 frames, without their shards."""
    workspace = Workspace(tmp_path_factory.mktemp("many"))
    make_store(workspace.root / "stores" / "many.zarr", ROWS)
    return workspace


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the rows that are made."""
    count = [0]
    init = FrameRow.__init__

    def counting(self: FrameRow, **values: object) -> None:
        count[0] += 1
        init(self, **values)  # type: ignore[arg-type] # as they are

    monkeypatch.setattr(FrameRow, "__init__", counting)
    return count


def kept_by(action: Callable[[], object]) -> float:
    """Return the bytes of Python and numpy that what an action returns takes."""
    tracemalloc.start()
    try:
        kept = action()
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept is not None
    return size


def test_to_open_and_describe_a_store_makes_hardly_a_row(many: Workspace, made: list[int]) -> None:
    path = many.root / "stores" / "many.zarr"
    found = describe_store(path)
    assert found["frames"] == ROWS
    assert made[0] <= 1, "the first of each group names the camera"
    assert kept_by(lambda: Store(path)) < 40 * ROWS


def test_to_choose_and_to_open_a_training_makes_no_row(many: Workspace, made: list[int]) -> None:
    subset, _ = make_subset(many, many.stores(), fraction=1.0)
    stores = open_stores(subset, many)
    assert sum(split_bytes(subset, stores).values()) > 0
    pairs = pair_sources(subset, stores, "train")
    assert made[0] == 0
    assert isinstance(pairs, Pairs)
    assert kept_by(lambda: pair_sources(subset, stores, "train")) < 100 * len(pairs)


def test_a_pair_of_columns_is_the_frame_of_its_row(many: Workspace) -> None:
    subset, _ = make_subset(many, many.stores(), fraction=1.0)
    stores = open_stores(subset, many)
    pairs, rows = pair_sources(subset, stores, "val"), stores["many"].rows
    for number in (0, 63, 64, len(pairs) // 2, len(pairs) - 1):
        pair, row = pairs[number], rows[int(pairs.rows[number])]
        assert pair.name == f"many/{row.name}"
        assert (pair.iso, pair.exposure_time) == (row.iso, row.exposure_time)
        assert (pair.scene, pair.camera) == (row.scene, row.model)
        assert pair.amplification_base == row.amplification_base
        assert tuple(pair.black_level) == row.black_level


def test_rows_are_made_in_order_and_one_by_one(many: Workspace, made: list[int]) -> None:
    rows = Store(many.root / "stores" / "many.zarr").rows
    assert len(rows) == ROWS
    first = rows[0]
    assert made[0] == 1
    last = rows[-1]
    assert (first.index, last.index) == (0, ROWS - 1)
    assert [row.index for row in rows[16380:16390]] == list(range(16380, 16390))
    with pytest.raises(IndexError):
        rows[ROWS]


def test_a_large_table_is_checked_by_pages_and_whole_when_asked(many: Workspace) -> None:
    opened = OpenTable(many.root / "stores" / "many.zarr" / "frames.parquet")
    assert opened.rows == ROWS
    opened.check()
