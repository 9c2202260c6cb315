"""One writer: frames appear all at once, survive any interruption, and never change."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rawkit.errors import (
    MissingError,
    OutputError,
    StoreDamagedError,
    StoreError,
    StoreFormatError,
    StoreLockedError,
)
from rawkit.sensor import RenderParameters
from rawkit.store import VERSION, FrameRow, Store, StoreWriter, open_writer
from tests.support.factories import add_frame, files_of, frame_row, local

ATTRIBUTES = {"collection": "test", "title": "Test", "licence": "CC0", "citation": "nobody"}
TARGET = RenderParameters().describe()
GROUP = frame_row().group


@contextmanager
def writing(path: Path, target: dict[str, Any] = TARGET) -> Iterator[StoreWriter]:
    with open_writer(path, attributes=ATTRIBUTES, target=target) as writer:
        yield writer


def planes_of(value: int) -> NDArray[np.uint16]:
    """Make dark planes (4, 4, 6) that differ for each value."""
    return (np.arange(96, dtype=np.uint16) % 3 + value).reshape(4, 4, 6)


def noise_of(seed: int) -> NDArray[np.uint16]:
    return np.random.default_rng(seed).integers(0, 65536, (4, 4, 6), dtype=np.uint16)


def picture_of(seed: int) -> NDArray[np.uint16]:
    return np.random.default_rng(seed).integers(0, 65536, (3, 8, 12), dtype=np.uint16)


def add_short(writer: StoreWriter, number: int, **changes: Any) -> FrameRow:
    return add_frame(writer, frame_row(name=f"short-{number}", **changes), planes_of(number))


def add_long(writer: StoreWriter, number: int, **changes: Any) -> FrameRow:
    row = frame_row(name=f"long-{number}", role="long", exposure_time=10.0, **changes)
    return add_frame(writer, row, planes_of(number), picture_of(number))


def fill(path: Path) -> None:
    """Write two shorts and a long, then another short, in two sessions."""
    with writing(path) as writer:
        add_short(writer, 0)
        add_short(writer, 1)
        add_long(writer, 2)
    with writing(path) as writer:
        add_short(writer, 3)


def test_frames_read_back_by_index(tmp_path: Path) -> None:
    fill(tmp_path / "s.zarr")
    group = Store(tmp_path / "s.zarr").groups[GROUP]
    assert [row.name for row in group.rows] == ["short-0", "short-1", "long-2", "short-3"]
    for index in range(4):
        np.testing.assert_array_equal(group.read("packed", index), planes_of(index))
    np.testing.assert_array_equal(group.read("target", 0), picture_of(2))
    assert group.target is not None
    assert (group.packed.count, group.target.count) == (4, 1)


def test_the_store_says_what_it_was_made_from(tmp_path: Path) -> None:
    fill(tmp_path / "s.zarr")
    store = Store(tmp_path / "s.zarr")
    assert store.collection == "test"
    assert store.attributes == {"format": "rawkit-store", "format_version": VERSION, **ATTRIBUTES}
    assert store.stored_bytes() == sum(
        path.stat().st_size for path in local(store.path).rglob("*") if path.is_file()
    )


def test_two_stores_made_alike_have_the_same_bytes(tmp_path: Path) -> None:
    fill(tmp_path / "one.zarr")
    fill(tmp_path / "elsewhere" / "two.zarr")
    assert files_of(tmp_path / "one.zarr") == files_of(tmp_path / "elsewhere" / "two.zarr")


def test_adding_leaves_every_shard_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "s.zarr"
    with writing(path) as writer:
        add_short(writer, 0)
        add_long(writer, 1)
    shards = {
        name: digest
        for name, digest in files_of(path).items()
        if "/packed/c/" in name or "/target/c/" in name
    }
    with writing(path) as writer:
        add_short(writer, 2)
    assert len(shards) == 3
    assert shards.items() <= files_of(path).items()


def test_opening_for_writing_and_adding_nothing_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "s.zarr"
    fill(path)
    before = files_of(path)
    with writing(path):
        pass
    assert files_of(path) == before


def test_one_session_or_two_give_the_same_bytes(tmp_path: Path) -> None:
    fill(tmp_path / "two.zarr")
    with writing(tmp_path / "one.zarr") as writer:
        add_short(writer, 0)
        add_short(writer, 1)
        add_long(writer, 2)
        add_short(writer, 3)
    assert files_of(tmp_path / "one.zarr") == files_of(tmp_path / "two.zarr")


def test_nothing_is_visible_before_a_commit_and_everything_after(tmp_path: Path) -> None:
    path = tmp_path / "s.zarr"
    with writing(path) as writer:
        add_short(writer, 0)
        with pytest.raises(MissingError, match="no store"):
            Store(path)
        writer.commit()
        add_short(writer, 1)
        assert len(Store(path).rows) == 1
        assert Store(path).groups[GROUP].packed.count == 1
    assert len(Store(path).rows) == 2


def test_a_commit_is_due_by_frames_or_by_time(tmp_path: Path) -> None:
    path = tmp_path / "s.zarr"
    with writing(path) as writer:
        add_short(writer, 0)
        writer.commit_if_due(2, 1e9)
        assert not path.joinpath("zarr.json").exists()
        add_short(writer, 1)
        writer.commit_if_due(2, 1e9)
        assert len(Store(path).rows) == 2
        add_short(writer, 2)
        writer.commit_if_due(100, 0)
        assert len(Store(path).rows) == 3


def test_an_exception_commits_what_was_added_and_leaves_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "s.zarr"

    def interrupted() -> None:
        with writing(path) as writer:
            add_short(writer, 0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [row.name for row in Store(path).rows] == ["short-0"]
    assert [found.name for found in tmp_path.iterdir()] == ["s.zarr"]


def test_a_long_that_arrives_later_becomes_the_target_of_its_shorts(tmp_path: Path) -> None:
    path = tmp_path / "s.zarr"
    with writing(path) as writer:
        add_short(writer, 0)
    found = Store(path).groups[GROUP].coordinates
    assert found["target_index"].tolist() == [-1]
    with writing(path) as writer:
        add_long(writer, 1)
    found = Store(path).groups[GROUP].coordinates
    assert found["target_index"].tolist() == [0, 0]
    assert found["exposure_ratio"].tolist() == pytest.approx([100, 1])


def test_pixels_that_are_there_already_are_stored_once(tmp_path: Path) -> None:
    path = tmp_path / "s.zarr"
    with writing(path) as writer:
        add_short(writer, 0)
        repeated = add_frame(writer, frame_row(name="again"), planes_of(0))
        add_short(writer, 1)
        assert repeated.duplicate_of == "short-0"
        assert repeated.index == 0
        assert not list(writer.staging.iterdir()), "the staged copy is gone"
    with writing(path) as writer:
        later = add_frame(writer, frame_row(name="once more"), planes_of(1))
        assert later.duplicate_of == "short-1"
    store = Store(path)
    assert len(store.rows) == 4
    assert store.groups[GROUP].packed.count == 2
    assert [row.name for row in store.groups[GROUP].duplicates] == ["again", "once more"]
    assert len(list((path / GROUP / "packed" / "c").iterdir())) == 2


def test_the_same_pixels_as_a_short_and_as_a_long_are_two_frames(tmp_path: Path) -> None:
    path = tmp_path / "s.zarr"
    with writing(path) as writer:
        add_short(writer, 0)
        row = frame_row(name="long", role="long")
        added = add_frame(writer, row, planes_of(0), picture_of(0))
    assert added.duplicate_of is None
    assert Store(path).groups[GROUP].packed.count == 2


@pytest.mark.parametrize("noisy_first", [True, False])
def test_the_first_frame_decides_the_codec_and_all_frames_read_back(
    tmp_path: Path,
    noisy_first: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    path = tmp_path / "s.zarr"
    frames = [noise_of(1), planes_of(2)] if noisy_first else [planes_of(2), noise_of(1)]
    with writing(path) as writer:
        for number, planes in enumerate(frames):
            add_frame(writer, frame_row(name=f"{number}"), planes)
        codecs = writer.codecs
    group = Store(path).groups[GROUP]
    expected = "none" if noisy_first else "lz4"
    assert codecs == {(GROUP, "packed"): expected}
    assert group.packed.codec == expected
    for index, planes in enumerate(frames):
        np.testing.assert_array_equal(group.read("packed", index), planes)


def test_a_frame_of_another_geometry_does_not_enter_a_group(tmp_path: Path) -> None:
    with writing(tmp_path / "s.zarr") as writer:
        add_short(writer, 0)
        with pytest.raises(StoreError, match="another geometry"):
            add_frame(writer, frame_row(name="b"), np.ones((4, 5, 6), np.uint16))


def test_targets_rendered_in_another_way_do_not_enter_a_store(tmp_path: Path) -> None:
    path = tmp_path / "s.zarr"
    fill(path)
    other = RenderParameters(adjust_maximum_thr=0.75).describe()
    with pytest.raises(StoreError, match="targets rendered with"), writing(path, other):
        pass


def test_a_second_writer_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "s.zarr"
    with writing(path) as writer:
        add_short(writer, 0)
        with pytest.raises(StoreLockedError), writing(path):
            pass
        add_short(writer, 1)
    assert len(Store(path).rows) == 2


# What a killed writer leaves: any prefix of the steps of a commit.


def test_a_store_killed_before_its_first_commit_ended_is_written_anew(tmp_path: Path) -> None:
    path, whole = tmp_path / "s.zarr", tmp_path / "whole.zarr"
    fill(whole)
    shutil.copytree(whole, path)
    (path / "zarr.json").unlink()
    with pytest.raises(MissingError):
        Store(path)
    fill(path)
    assert files_of(path) == files_of(whole)


def test_arrays_ahead_of_the_table_are_set_back_to_it(tmp_path: Path) -> None:
    path, whole = tmp_path / "s.zarr", tmp_path / "whole.zarr"
    with writing(path) as writer:
        add_short(writer, 0)
    table = (path / "frames.parquet").read_bytes()
    with writing(path) as writer:
        add_short(writer, 1)
        add_long(writer, 2)
    (path / "frames.parquet").write_bytes(table)  # killed just before the table was replaced
    assert len(Store(path).rows) == 1
    for target in (path, whole):
        with writing(target) as writer:
            if target == whole:
                add_short(writer, 0)
            add_short(writer, 1)
            add_long(writer, 2)
    assert files_of(path) == files_of(whole)


def test_what_a_killed_writer_left_behind_is_swept_away(tmp_path: Path) -> None:
    path = tmp_path / "s.zarr"
    fill(path)
    before = files_of(path)
    for place in (
        "",
        "test",
        GROUP,
        f"{GROUP}/packed",
        f"{GROUP}/iso/c",
        f"{GROUP}/black_level/c/0",
    ):
        (path / place / "file.123.part").write_bytes(b"half")
    staging = tmp_path / "s.zarr.part"
    staging.mkdir()
    (staging / "00000000.packed").write_bytes(b"half")
    with writing(path):
        pass
    assert files_of(path) == before
    assert [found.name for found in tmp_path.iterdir()] == ["s.zarr"]


def test_a_store_of_another_format_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.zarr"
    fill(path)
    root = json.loads((path / "zarr.json").read_bytes())
    root["attributes"]["format_version"] = VERSION + 1
    (path / "zarr.json").write_text(json.dumps(root))
    before = files_of(path)
    with pytest.raises(
        StoreFormatError, match=f"format version {VERSION + 1}; expected 1 or 2 or 3 or 4 or 5"
    ):
        Store(path)
    with pytest.raises(StoreFormatError), writing(path):
        pass
    assert files_of(path) == before


@pytest.mark.parametrize(
    "root",
    [
        '{"zarr_format": 3, "node_type": "group", "attributes": {"made_by": "others"}}',
        '{"zarr_format": 3, "node_type": "group"}',
        '{"attributes": [1]}',
        "[]",
        "not json",
        "",
    ],
)
def test_what_is_no_store_is_refused_and_left_alone(tmp_path: Path, root: str) -> None:
    path = tmp_path / "s.zarr"
    path.mkdir()
    (path / "zarr.json").write_text(root)
    with pytest.raises(StoreFormatError):
        Store(path)
    with pytest.raises(StoreFormatError), writing(path):
        pass
    assert [found.name for found in tmp_path.rglob("*")] == ["s.zarr", "zarr.json"]


def test_a_store_without_its_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.zarr"
    fill(path)
    (path / "frames.parquet").unlink()
    with pytest.raises(StoreFormatError, match="the table of frames cannot be read"):
        Store(path)
    with pytest.raises(StoreFormatError), writing(path):
        pass


def test_no_store_is_a_named_remedy(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="`rawkit ingest` makes one"):
        Store(tmp_path / "s.zarr")


def test_a_store_below_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError), writing(tmp_path / "file" / "s.zarr"):
        pass


def test_missing_and_damaged_shards_are_told_by_their_path(tmp_path: Path) -> None:
    path = tmp_path / "s.zarr"
    fill(path)
    group = Store(path).groups[GROUP]
    shard = local(group.shard("packed", 1))
    data = bytearray(shard.read_bytes())
    data[5] ^= 1
    shard.write_bytes(data)
    with pytest.raises(StoreDamagedError) as caught:
        group.read("packed", 1)
    assert caught.value.where == str(shard)
    shard.unlink()
    with pytest.raises(StoreDamagedError, match="No such file"):
        group.read("packed", 1)
    np.testing.assert_array_equal(group.read("packed", 0), planes_of(0))


def test_a_group_without_targets_says_so(tmp_path: Path) -> None:
    path = tmp_path / "s.zarr"
    with writing(path) as writer:
        add_short(writer, 0)
    group = Store(path).groups[GROUP]
    assert group.target is None
    with pytest.raises(MissingError, match="a group without targets"):
        group.read("target", 0)


def test_cameras_and_geometries_are_groups_of_one_store(tmp_path: Path) -> None:
    path = tmp_path / "s.zarr"
    with writing(path) as writer:
        add_short(writer, 0)
        other = frame_row(name="wide", group="test/4x8", make=None, model=None)
        add_frame(writer, other, np.arange(128, dtype=np.uint16).reshape(4, 4, 8))
    store = Store(path)
    assert list(store.groups) == ["test/4x6", "test/4x8"]
    for group in store.groups.values():
        assert group.rows[0].index == 0
        assert group.packed.count == 1
