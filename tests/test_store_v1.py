"""A committed store of format version 1 is read for ever, whatever rawkit becomes."""

import importlib.util
import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import zarr

from rawkit.store import Store

SAMPLE = Path(__file__).parent / "data" / "store-v1"
GROUP = "sample-camera/16x24"


def test_the_root_is_format_version_1() -> None:
    attributes = Store(SAMPLE).attributes
    assert attributes["format"] == "rawkit-store"
    assert attributes["format_version"] == 1
    assert attributes["title"] == "Sample of format version 1"


def test_the_rows_hold_what_was_written() -> None:
    short, long = Store(SAMPLE).rows
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


def test_the_planes_hold_what_was_written() -> None:
    group = Store(SAMPLE).groups[GROUP]
    ramp = np.arange(4 * 16 * 24).reshape(4, 16, 24) % 7
    for frame in (0, 1):
        np.testing.assert_array_equal(group.read("packed", frame), 512 + 16 * frame + ramp)


def test_the_target_holds_what_was_written() -> None:
    target = Store(SAMPLE).groups[GROUP].read("target", 0)
    digests = b"".join(sha256(number.to_bytes(2, "little")).digest() for number in range(288))
    expected = np.frombuffer(digests, "<u2").reshape(3, 32, 48)
    np.testing.assert_array_equal(target, expected)
    assert target[0, 0, 0] == 41622


def test_the_arrays_keep_their_codecs() -> None:
    group = Store(SAMPLE).groups[GROUP]
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
def test_zarr_and_rawkit_read_the_same_coordinates(name: str, values: list[float]) -> None:
    array = zarr.open_array(SAMPLE / GROUP / name, mode="r")
    np.testing.assert_allclose(np.asarray(array[:], np.float64), values)
    found = Store(SAMPLE).groups[GROUP].coordinates[name]
    np.testing.assert_allclose(found.astype(np.float64), values)


def test_what_is_written_today_is_still_version_1(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location(
        "make_store_v1", SAMPLE.parent / "make_store_v1.py"
    )
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.make(tmp_path / "store")
    kept = {path.relative_to(SAMPLE) for path in SAMPLE.rglob("*") if path.is_file()}
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
                json.loads((root / name).read_bytes()) for root in (tmp_path / "store", SAMPLE)
            )
            assert new == old, name
        elif "c" in name.parts and not {"packed", "target"} & set(name.parts):
            assert (tmp_path / "store" / name).read_bytes() == (SAMPLE / name).read_bytes(), name
