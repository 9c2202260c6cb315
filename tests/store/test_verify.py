"""Every flipped byte and every missing file of a store is found, and mended."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rawkit.catalog import Selection, load_definition, scan
from rawkit.errors import RawkitError
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.ingest.repair import repair_store
from rawkit.store.verify import verify_store
from rawkit.synth import make_collection
from tests.support.factories import files_of

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.catalog import Catalog


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make raw files of one synthetic SID scene."""
    folder = tmp_path_factory.mktemp("sid")
    make_collection("sid", folder, scenes=1, size=(96, 128), shutters=[0.1])
    return folder


@pytest.fixture(scope="module")
def whole(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ingest them into a store."""
    store = tmp_path_factory.mktemp("stores") / "sid.zarr"
    run_ingest(plan_ingest(load_definition("sid"), source, store, Selection()), workers=0)
    return store


@pytest.fixture(scope="module")
def catalog(source: Path) -> Catalog:
    return scan(load_definition("sid"), source)


@pytest.fixture
def store(whole: Path, tmp_path: Path) -> Path:
    """Copy it, to be damaged."""
    return shutil.copytree(whole, tmp_path / "sid.zarr")


def flip(path: Path, position: float) -> None:
    data = bytearray(path.read_bytes())
    data[int(position * len(data))] ^= 0x10
    path.write_bytes(data)


def test_a_whole_store_is_whole_and_every_file_is_looked_at(store: Path) -> None:
    damage, checked = verify_store(store)
    assert damage == []
    assert checked == len(files_of(store))


@given(data=st.data(), position=st.floats(0, 1, exclude_max=True))
@settings(max_examples=120, deadline=None)
def test_every_flipped_byte_is_found(
    whole: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, position: float
) -> None:
    name = data.draw(st.sampled_from(sorted(files_of(whole))))
    store = tmp_path_factory.getbasetemp() / "flipped.zarr"
    shutil.rmtree(store, ignore_errors=True)
    shutil.copytree(whole, store)
    flip(store / name, position)
    try:
        damage, _ = verify_store(store)
    except RawkitError:
        assert name in ("zarr.json", "frames.parquet")
    else:
        assert [one.path for one in damage] == [store / name]


def test_every_missing_file_is_found_and_mended(store: Path, catalog: Catalog) -> None:
    before = files_of(store)
    for name in before:
        if name in ("zarr.json", "frames.parquet"):
            continue
        (store / name).unlink()
        damage, _ = verify_store(store)
        assert [one.path for one in damage] == [store / name]
        report = repair_store(store, damage, catalog)
        assert report.left == ()
        assert report.mended == (store / name,)
        assert files_of(store) == before


def test_a_flipped_shard_is_made_anew_from_its_raw_file(store: Path, catalog: Catalog) -> None:
    before = files_of(store)
    (shard,) = store.glob("*/*/target/c/0/0/0/0")
    flip(shard, 0.5)
    damage, _ = verify_store(store)
    assert damage[0].frame is not None
    assert damage[0].frame.role == "long"
    assert repair_store(store, damage, catalog).left == ()
    assert files_of(store) == before
    assert verify_store(store)[0] == []


def test_without_its_raw_file_a_shard_stays_damaged_and_says_why(store: Path) -> None:
    (shard,) = store.glob("*/*/packed/c/0/0/0/0")
    flip(shard, 0.1)
    damage, _ = verify_store(store)
    report = repair_store(store, damage, None)
    assert report.mended == ()
    assert "its raw file is not in the source" in report.left[0].reason


def test_another_picture_under_the_same_name_does_not_mend(store: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    make_collection("sid", other, scenes=1, size=(96, 128), shutters=[0.1], seed=5)
    (shard,) = store.glob("*/*/packed/c/0/0/0/0")
    flip(shard, 0.1)
    damaged = shard.read_bytes()
    damage, _ = verify_store(store)
    report = repair_store(store, damage, scan(load_definition("sid"), other))
    assert "other pixels" in report.left[0].reason
    assert shard.read_bytes() == damaged
