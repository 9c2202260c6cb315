"""Stores are plain zarr: zarr-python, xarray and dask open them as they are."""

import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path

import dask.array
import numpy as np
import pytest
import xarray
import zarr
from numpy.typing import NDArray
from zarr.errors import ZarrUserWarning

from rawkit.sensor import RenderParameters
from rawkit.store import Store, open_writer
from rawkit.store.layout import COORDINATES
from tests.support.factories import add_frame, frame_row

GROUP = "test/20x30"
SHORTS = 3


@dataclass(frozen=True)
class Written:
    """A store and what went into it."""

    path: Path
    """The store."""
    packed: NDArray[np.uint16]
    """All planes, shape (frames, 4, 20, 30)."""
    target: NDArray[np.uint8]
    """The target of the long, which is the last frame, shape (3, 40, 60)."""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Three shorts and a long with an 8-bit target."""
    generator = np.random.default_rng(0)
    packed = generator.integers(0, 700, (SHORTS + 1, 4, 20, 30), dtype=np.uint16)
    target = generator.integers(0, 256, (3, 40, 60), dtype=np.uint8)
    path = tmp_path_factory.mktemp("peers") / "s.zarr"
    rendering = RenderParameters(bits=8).describe()
    with open_writer(path, attributes={"collection": "test"}, target=rendering) as writer:
        for index in range(SHORTS):
            row = frame_row(name=f"{index}", group=GROUP, iso=100.0 * 2**index, f_number=None)
            add_frame(writer, row, packed[index])
        long = frame_row(name="long", role="long", group=GROUP, exposure_time=30.0)
        add_frame(writer, long, packed[SHORTS], target)
    return Written(path, packed, target)


def test_zarr_reads_planes_targets_and_attributes(written: Written) -> None:
    root = zarr.open_group(written.path, mode="r")
    assert root.attrs["format"] == "rawkit-store"
    packed, target = root[f"{GROUP}/packed"], root[f"{GROUP}/target"]
    assert isinstance(packed, zarr.Array)
    assert isinstance(target, zarr.Array)
    np.testing.assert_array_equal(packed[:], written.packed)
    np.testing.assert_array_equal(target[0], written.target)
    assert target.attrs["rendering"] == RenderParameters(bits=8).describe()


def test_zarr_finds_every_group_and_array_from_the_root(written: Written) -> None:
    with pytest.warns(ZarrUserWarning, match=r"frames\.parquet"):  # the one file that is not zarr's
        members = dict(zarr.open_group(written.path, mode="r").members(max_depth=None))
    expected = {"test", GROUP, *(f"{GROUP}/{name}" for name in ("packed", "target", *COORDINATES))}
    assert set(members) == expected


def test_the_ways_the_format_page_names_do_not_warn(written: Written) -> None:
    root = zarr.open_group(written.path, mode="r")
    group = root[GROUP]  # warnings are errors here
    assert isinstance(group, zarr.Group)
    assert set(dict(group.members())) == {"packed", "target", *COORDINATES}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Object at frames\.parquet", ZarrUserWarning)
        assert len(root.members(max_depth=None)) == 2 + 2 + len(COORDINATES)
        tree = xarray.open_datatree(written.path, engine="zarr", consolidated=False)
    with tree:
        assert set(tree.groups) == {"/", "/test", f"/{GROUP}"}


@pytest.mark.parametrize("elsewhere", [".frames.parquet", "table/frames.parquet", ".zattrs"])
def test_zarr_looks_wherever_the_table_could_lie_below_its_root(
    written: Written, tmp_path: Path, elsewhere: str
) -> None:
    """If this fails, zarr has learnt to pass over a name: the page on decisions says what then."""
    path = tmp_path / "s.zarr"
    shutil.copytree(written.path, path)
    (path / elsewhere).parent.mkdir(exist_ok=True)
    (path / "frames.parquet").rename(path / elsewhere)
    with pytest.warns(ZarrUserWarning, match="not recognized"):
        zarr.open_group(path, mode="r").members()


def test_xarray_shows_coordinates_as_coordinates(written: Written) -> None:
    with xarray.open_zarr(written.path, group=GROUP, consolidated=False) as dataset:
        assert set(dataset.data_vars) == {"packed", "target"}
        assert set(dataset.coords) == set(COORDINATES)
        assert dataset["packed"].dims == ("frame", "plane", "y", "x")
        assert dataset["target"].dims == ("long", "rgb", "target_y", "target_x")
        assert dataset["packed"].dtype == np.uint16
        np.testing.assert_array_equal(dataset["packed"].values, written.packed)
        stored = Store(written.path).groups[GROUP].coordinates
        for name, (dtype, dimensions) in COORDINATES.items():
            assert dataset[name].dims == dimensions
            assert dataset[name].dtype == dtype
            np.testing.assert_array_equal(dataset[name].values, stored[name])


def test_xarray_selects_frames_by_iso(written: Written) -> None:
    with xarray.open_zarr(written.path, group=GROUP, consolidated=False) as dataset:
        chosen = dataset["packed"].isel(frame=np.flatnonzero(dataset["iso"].values == 200.0))
        np.testing.assert_array_equal(chosen.values, written.packed[1:2])


def test_dask_reads_a_shard_as_a_chunk(written: Written) -> None:
    array = dask.array.from_zarr(  # type: ignore[no-untyped-call]  # dask has no annotations there
        str(written.path), component=f"{GROUP}/packed"
    )
    assert array.shape == written.packed.shape
    assert array.chunks[0] == (1,) * (SHORTS + 1)
    np.testing.assert_array_equal(array.compute(scheduler="synchronous"), written.packed)


def test_coordinates_of_more_than_one_chunk_read_back(tmp_path: Path) -> None:
    path, count = tmp_path / "s.zarr", 1100
    with open_writer(path, attributes={"collection": "test"}, target={}) as writer:
        for index in range(count):
            row = frame_row(
                name=f"{index:04d}", group="test/1x1", iso=float(index + 1),
                black_level=(float(index), 1.0, 2.0, 3.0),
            )  # fmt: skip
            add_frame(writer, row, np.full((4, 1, 1), index, np.uint16))
            if index == 1000:
                writer.commit()
    group = zarr.open_group(path, mode="r")["test/1x1"]
    assert isinstance(group, zarr.Group)
    stored = Store(path).groups["test/1x1"].coordinates
    for name in COORDINATES:
        array = group[name]
        assert isinstance(array, zarr.Array)
        np.testing.assert_array_equal(array[:], stored[name])
    assert stored["iso"].tolist() == [float(index + 1) for index in range(count)]
    packed = group["packed"]
    assert isinstance(packed, zarr.Array)
    assert packed.shape == (count, 4, 1, 1)
    np.testing.assert_array_equal(packed[1099], np.full((4, 1, 1), 1099))
