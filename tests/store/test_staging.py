"""Shards that workers put into the bucket of a store: taken into place, and never left behind."""

from __future__ import annotations

import pickle
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rawkit.errors import StoreLockedError, StoreUnreachableError
from rawkit.sensor import RenderParameters
from rawkit.store import (
    ObjectPlace,
    ObjectStaging,
    StagedFrame,
    StagedShard,
    clear_after_death,
    compresses,
    discard,
    encode_shard,
    objects_of,
    open_writer,
    packed_layout,
    pixel_hash,
    stage_shard,
)
from tests.support.factories import files_of, frame_row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from rawkit.locations import Location, Url
    from rawkit.store import StoreWriter

pytest_plugins = ("tests.support.fixtures_s3",)

TARGET = RenderParameters().describe()


@contextmanager
def writing(store: Location) -> Iterator[StoreWriter]:
    with open_writer(store, attributes={"collection": "test"}, target=TARGET) as writer:
        yield writer


def noise(seed: int) -> NDArray[np.uint16]:
    return np.random.default_rng(seed).integers(0, 65536, (4, 4, 6), dtype=np.uint16)


def plain(seed: int) -> NDArray[np.uint16]:
    return np.full((4, 4, 6), seed, np.uint16)


def staged(writer: StoreWriter, number: int, planes: NDArray[np.uint16]) -> StagedFrame:
    """Stage a frame where a worker would."""
    layout = packed_layout(planes.shape[1], planes.shape[2], "lz4")
    layout = replace(layout, codec="lz4" if compresses(planes, layout) else "none")
    where = writer.objects or writer.staging
    file, _ = stage_shard(planes, layout, where, f"{number:08d}.packed")
    row = frame_row(name=f"short-{number}", pixel_hash=pixel_hash(planes, writer.version))
    return StagedFrame(row, StagedShard(file, layout), None)


def fill(store: Location) -> None:
    """Write frames of two codecs, one of them twice."""
    with writing(store) as writer:
        for number, planes in enumerate([plain(1), noise(2), plain(1), noise(3)]):
            writer.add(staged(writer, number, planes))


def test_a_store_has_the_same_bytes_by_whatever_way_its_shards_came(
    bucket: Url, tmp_path: Path
) -> None:
    fill(bucket / "s.zarr")
    fill(tmp_path / "s.zarr")
    assert files_of(bucket / "s.zarr") == files_of(tmp_path / "s.zarr")
    assert set(ObjectPlace(bucket).sizes()) == {
        f"s.zarr/{key}" for key in files_of(tmp_path / "s.zarr")
    }


def test_a_large_frame_passes_through_a_file_with_the_same_bytes(bucket: Url) -> None:
    planes = np.random.default_rng(4).integers(0, 65536, (4, 1500, 3000), dtype=np.uint16)
    layout = replace(packed_layout(1500, 3000, "lz4"), codec="none")
    file, count = stage_shard(planes, layout, ObjectStaging.of(bucket / "s.zarr"), "0.packed")
    shard = encode_shard(planes, layout)
    assert file.read_bytes() == shard
    assert count == len(shard)


def test_no_two_puts_share_a_name_and_late_ones_change_nothing(bucket: Url) -> None:
    with writing(bucket / "s.zarr") as writer:
        assert writer.objects is not None
        late = pickle.loads(pickle.dumps(writer.objects))  # noqa: S301 - made in this line
        writer.add(staged(writer, 0, plain(1)))
        assert late.put(b"other", "00000000.packed") != late.put(b"other", "00000000.packed")
    before = files_of(bucket / "s.zarr")
    late.put(b"other", "00000000.packed")  # by a worker that was cut off until now
    assert files_of(bucket / "s.zarr") == before
    assert len(ObjectPlace(objects_of(bucket / "s.zarr")).sizes()) == 1
    clear_after_death(bucket / "s.zarr")
    assert ObjectPlace(objects_of(bucket / "s.zarr")).sizes() == {}
    assert files_of(bucket / "s.zarr") == before


def test_what_a_dead_run_left_is_cleared_and_what_a_living_one_uses_is_not(bucket: Url) -> None:
    store = bucket / "s.zarr"
    dead = ObjectStaging.of(store)
    dead.put(b"left", "00000000.packed")
    other = ObjectStaging.of(bucket / "s.zarr2")
    other.put(b"somebody else's", "00000000.packed")
    with writing(store) as writer:
        assert writer.objects is not None
        assert dead.place.sizes() == {}
        writer.objects.put(b"in use", "00000007.packed")
        with pytest.raises(StoreLockedError), writing(store):
            pass
        clear_after_death(store)
        assert len(writer.objects.place.sizes()) == 1
    assert ObjectPlace(objects_of(store)).sizes() == {}
    assert len(other.place.sizes()) == 1


@pytest.mark.parametrize("planes", [plain(7), noise(7)])
def test_a_staged_shard_that_is_gone_stops_the_run_and_the_last_commit_stands(
    bucket: Url, planes: NDArray[np.uint16]
) -> None:
    store = bucket / "s.zarr"
    fill(store)
    before = files_of(store)
    with pytest.raises(StoreUnreachableError, match="is gone"), writing(store) as writer:
        lose_one(writer, planes)
    assert files_of(store) == before


def lose_one(writer: StoreWriter, planes: NDArray[np.uint16]) -> None:
    frame = staged(writer, 7, planes)
    discard(frame.packed.path)
    writer.add(frame)
    writer.commit()
