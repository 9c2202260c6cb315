"""Committed stores of every format version are read and added to for ever."""

import importlib.util
import json
import shutil
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zarr
from blake3 import blake3
from numpy.typing import NDArray

from rawkit.store import Store, open_writer
from rawkit.store.layout import READABLE
from rawkit.store.parquet import encode_rows, read_rows
from rawkit.store.verify import verify_store
from tests.support.factories import add_frame

DATA = Path(__file__).parents[1] / "data"
VERSIONS = (1, 2, 3, 4, 5)
GROUP = "sample-camera/16x24"


def folder_of(version: int) -> Path:
    return DATA / f"store-v{version}"


@pytest.fixture(params=VERSIONS)
def sample(request: pytest.FixtureRequest) -> Path:
    """Return the sample of each version."""
    return folder_of(request.param)


def test_there_is_a_sample_of_every_version() -> None:
    assert {f"store-v{version}" for version in READABLE} == {
        path.name for path in DATA.glob("store-v*")
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_the_root_says_its_version(version: int) -> None:
    attributes = Store(folder_of(version)).attributes
    assert attributes["format"] == "rawkit-store"
    assert attributes["format_version"] == version
    assert attributes["title"] == f"Sample of format version {version}"


def test_every_file_is_whole(sample: Path) -> None:
    assert verify_store(sample)[0] == []


@pytest.mark.parametrize("version", VERSIONS)
def test_the_hash_is_that_of_the_planes(version: int) -> None:
    store = Store(folder_of(version))
    for row in store.rows:
        planes = store.groups[GROUP].read("packed", row.index).astype("<u2").tobytes()
        digest = sha256(planes) if version == 1 else blake3(planes)
        assert row.pixel_hash == f"{digest.name}:{digest.hexdigest()}"
        assert row.pixel_hash.partition(":")[0] == ("sha256" if version == 1 else "blake3")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_store_keeps_its_version_when_frames_are_added(tmp_path: Path, version: int) -> None:
    path = tmp_path / "store"
    shutil.copytree(folder_of(version), path)
    before = Store(path).rows
    columns = pq.read_schema(path / "frames.parquet").names
    again, other = (planes.astype(np.uint16) for planes in (first_planes(), first_planes() + 1))
    rendering = Store(path).about.rendering
    attributes = Store(path).about.attributes
    with open_writer(path, attributes=attributes, target=rendering) as writer:
        assert writer.version == version
        for name, planes in (("again", again), ("other", other)):
            add_frame(writer, replace(before[0], name=name), planes)
    store = Store(path)
    assert store.attributes["format_version"] == store.about.version == version
    assert pq.read_schema(path / "frames.parquet").names == columns
    assert ("sha256" in columns) == (version == 1)
    assert store.rows[:2] == before
    assert [row.duplicate_of for row in store.rows[2:]] == ["short/0001.ARW", None]
    np.testing.assert_array_equal(store.groups[GROUP].read("packed", 2), other)
    assert verify_store(path)[0] == []


def test_the_tables_of_the_samples_are_written_as_they_are(sample: Path) -> None:
    rows, about = read_rows(sample / "frames.parquet")
    table = pq.read_table(sample / "frames.parquet")
    again = pq.read_table(pa.BufferReader(encode_rows(rows, about)))
    assert again.equals(table)
    assert again.schema.metadata == table.schema.metadata


def test_rows_with_the_hash_of_another_version_do_not_go_into_version_1() -> None:
    rows, about = read_rows(folder_of(1) / "frames.parquet")
    with pytest.raises(AssertionError, match="in a store of version 1"):
        encode_rows([replace(rows[0], pixel_hash="blake3:00")], about)


def first_planes() -> NDArray[np.int64]:
    """Return what the first frame of a sample holds."""
    ramp: NDArray[np.int64] = np.arange(4 * 16 * 24).reshape(4, 16, 24) % 7
    return 512 + ramp


def test_the_rows_hold_what_was_written(sample: Path) -> None:
    short, long = Store(sample).rows
    assert (short.name, long.name) == ("short/0001.ARW", "long/0001.ARW")
    assert (short.index, long.index) == (0, 1)
    assert (short.target_index, long.target_index) == (-1, 0)
    assert (short.iso, short.exposure_time, short.f_number) == (800.0, 0.1, 4.0)
    assert (long.iso, long.exposure_time, long.f_number) == (100.0, 10.0, None)
    assert short.camera_white_level is None
    assert long.camera_white_level == (15000.0, 15001.0, 15002.0, 15003.0)
    assert short.black_level == (512.0, 513.0, 514.0, 515.0)
    assert (short.crop_top, short.crop_left, short.pattern) == (1, 0, "GBRG")
    assert short.split == long.split == "train"


def test_the_planes_hold_what_was_written(sample: Path) -> None:
    group = Store(sample).groups[GROUP]
    ramp = np.arange(4 * 16 * 24).reshape(4, 16, 24) % 7
    for frame in (0, 1):
        np.testing.assert_array_equal(group.read("packed", frame), 512 + 16 * frame + ramp)


def test_the_target_holds_what_was_written(sample: Path) -> None:
    target = Store(sample).groups[GROUP].read("target", 0)
    digests = b"".join(sha256(number.to_bytes(2, "little")).digest() for number in range(288))
    expected = np.frombuffer(digests, "<u2").reshape(3, 32, 48)
    np.testing.assert_array_equal(target, expected)
    assert target[0, 0, 0] == 41622


def test_the_arrays_keep_their_codecs(sample: Path) -> None:
    group = Store(sample).groups[GROUP]
    assert group.target is not None
    assert (group.packed.codec, group.target.codec) == ("lz4", "none")
    assert (group.packed.dtype, group.target.dtype) == ("uint16", "uint16")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("role", [0, 1]),
        ("iso", [800.0, 100.0]),
        ("exposure_time", [0.1, 10.0]),
        ("f_number", [4.0, np.nan]),
        ("black_level", [[512.0, 513.0, 514.0, 515.0]] * 2),
        ("white_level", [16383.0, 16383.0]),
        ("white_balance", [[2.0, 1.0, 1.5, 1.0]] * 2),
        ("target_index", [0, 0]),
        ("exposure_ratio", [100.0, 1.0]),
        ("gain_ratio", [12.5, 1.0]),
        ("amplification_base", [123.25, 1.0]),
        ("crop_top", [1, 1]),
        ("crop_left", [0, 0]),
    ],
)
def test_zarr_and_rawkit_read_the_same_coordinates(
    sample: Path, name: str, values: list[float]
) -> None:
    array = zarr.open_array(sample / GROUP / name, mode="r")
    np.testing.assert_allclose(np.asarray(array[:], np.float64), values)
    found = Store(sample).groups[GROUP].coordinates[name]
    np.testing.assert_allclose(found.astype(np.float64), values)


def test_what_is_written_today_is_still_the_newest_version(tmp_path: Path) -> None:
    newest = folder_of(max(VERSIONS))
    spec = importlib.util.spec_from_file_location("make_store_v5", DATA / "make_store_v5.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.make(tmp_path / "store")
    kept = {path.relative_to(newest) for path in newest.rglob("*") if path.is_file()}
    written = {
        path.relative_to(tmp_path / "store")
        for path in (tmp_path / "store").rglob("*")
        if path.is_file()
    }
    assert written == kept
    for name in kept:
        # Shards and Parquet may be compressed otherwise by another release of their libraries.
        if name.name == "zarr.json":
            new, old = (
                json.loads((root / name).read_bytes()) for root in (tmp_path / "store", newest)
            )
            assert new == old, name
        elif "c" in name.parts and not {"packed", "target"} & set(name.parts):
            assert (tmp_path / "store" / name).read_bytes() == (newest / name).read_bytes(), name
