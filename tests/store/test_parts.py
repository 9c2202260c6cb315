"""Parts of the table: few, joined to the same bytes as one write, whatever is killed when."""

import json
import warnings
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from rawkit.errors import StoreDamagedError
from rawkit.sensor import RenderParameters
from rawkit.store import Store, StoreWriter, clear_after_death, open_writer, verify_store
from rawkit.store.layout import is_part, part_name
from rawkit.store.parts import FEW, with_part
from rawkit.store.places.place import LocalPlace
from tests.support.factories import add_frame, files_of, frame_row

ATTRIBUTES = {"collection": "test", "title": "Test"}
TARGET = RenderParameters().describe()
GROUP = frame_row().group
FRAMES = 7


class Killed(BaseException):
    """Stands for the end of the process."""


@contextmanager
def writing(path: Path) -> Iterator[StoreWriter]:
    with open_writer(path, attributes=ATTRIBUTES, target=TARGET) as writer:
        yield writer


def add(writer: StoreWriter, number: int) -> None:
    planes = (np.arange(96, dtype=np.uint16) % 3 + number).reshape(4, 4, 6)
    pair = f"pair-{number // 3}"
    if number % 3 == 2:
        picture = np.full((3, 8, 12), number, np.uint16)
        add_frame(writer, frame_row(name=f"{number}", role="long", pair=pair, exposure_time=9.0),
                  planes, picture)  # fmt: skip
    else:
        add_frame(writer, frame_row(name=f"{number}", pair=pair), planes)


def add_missing(path: Path, *, every: int = 1) -> None:
    """Add what is missing of the frames, as an ingest does, with a commit after so many."""
    with writing(path) as writer:
        have = writer.names
        for number in range(FRAMES):
            if str(number) not in have:
                add(writer, number)
                if number % every == 0:
                    writer.commit()


def whole(path: Path) -> dict[str, str]:
    """Return the files of a store that was written in one go."""
    with writing(path) as writer:
        for number in range(FRAMES):
            add(writer, number)
    return files_of(path)


def dying(action: Callable[..., None], left: list[int]) -> Callable[..., None]:
    """Return an action that is the last one of a process once so many have been done."""

    def act(*arguments: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        action(*arguments)

    return act


@given(st.lists(st.integers(1, 200), min_size=1, max_size=300))
def test_parts_follow_each_other_and_stay_few(counts: list[int]) -> None:
    parts: list[tuple[int, int]] = []
    files: dict[int, int] = {}
    end = written = 0
    for count in counts:
        parts, replaced = with_part(parts, end, end + count)
        end += count
        first, rows = parts[-1]
        files[first] = rows
        written += rows
        for gone in replaced:
            del files[gone]
        assert files == dict(parts)
        assert [first for first, _ in parts] == [
            sum(rows for _, rows in parts[:number]) for number in range(len(parts))
        ]
        assert sum(rows for _, rows in parts) == end


def test_a_million_frames_by_64_are_some_dozens_of_parts_each_row_written_a_few_times() -> None:
    parts: list[tuple[int, int]] = []
    most = written = 0
    for first in range(0, 1_000_000, 64):
        parts, _ = with_part(parts, first, first + 64)
        most, written = max(most, len(parts)), written + parts[-1][1]
    assert most < 4 * FEW
    assert written < 5 * 1_000_000


def test_a_commit_appends_a_part_and_leaves_the_rest_alone(tmp_path: Path) -> None:
    path = tmp_path / "s.zarr"
    with writing(path) as writer:
        for number in range(3):
            add(writer, number)
    before = files_of(path)
    with writing(path) as writer:
        for number in range(3, 5):
            add(writer, number)
            writer.commit()
        now = files_of(path)
        assert {name for name in now.keys() - before.keys() if "/c/" not in name} == {
            part_name(3), part_name(4),
        }  # fmt: skip
        assert [name for name in before if now[name] != before[name]] == ["zarr.json"]
        store = Store(path)
        assert store.parts == [(3, 1), (4, 1)]
        assert (len(store.rows), store.joined) == (5, 3)
        assert verify_store(path)[0] == []
        assert store.stored_bytes() == sum(
            file.stat().st_size for file in path.rglob("*") if file.is_file()
        )
    assert not any(is_part(name) for name in files_of(path))


def test_a_zarr_reader_sees_what_is_joined_and_never_beyond(tmp_path: Path) -> None:
    path, seen = tmp_path / "s.zarr", ("packed", "role", "black_level")
    with writing(path) as writer:
        add(writer, 0)
        writer.commit()
        assert dict(zarr.open_group(path, mode="r").attrs)["parts"] == [[0, 1]]
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", r"Object at (frames|test)", zarr.errors.ZarrUserWarning
            )
            assert dict(zarr.open_group(path, mode="r").members()) == {}
    with writing(path) as writer:
        for number in (1, 2):
            add(writer, number)
            writer.commit()
        assert {zarr.open_array(path / GROUP / name).shape[0] for name in seen} == {1}
    assert {zarr.open_array(path / GROUP / name).shape[0] for name in seen} == {3}


@pytest.mark.parametrize("every", [1, 2, 3])
def test_the_bytes_do_not_depend_on_the_commits(tmp_path: Path, every: int) -> None:
    add_missing(tmp_path / "s.zarr", every=every)
    assert files_of(tmp_path / "s.zarr") == whole(tmp_path / "whole.zarr")


@pytest.mark.parametrize("few", [2, 16])
@pytest.mark.parametrize("after", range(0, 60, 7))
def test_the_bytes_do_not_depend_on_kills(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int, few: int
) -> None:
    monkeypatch.setattr("rawkit.store.parts.FEW", few)
    path, left = tmp_path / "s.zarr", [after]
    kill_after(monkeypatch, left)
    for step in (after, after // 2 + 1, 5, 1_000):
        left[0] = step
        try:
            add_missing(path)
        except Killed:
            left[0] = 1_000
            if path.joinpath("zarr.json").exists():
                names = [row.name for row in Store(path).rows]
                assert names == [str(number) for number in range(len(names))]
                for row in Store(path).rows:
                    Store(path).groups[GROUP].read("packed", row.index)
    assert files_of(path) == whole(tmp_path / "whole.zarr")


def kill_after(monkeypatch: pytest.MonkeyPatch, left: list[int]) -> None:
    """Have the process end, without another word to the disk, after so many files."""
    write = LocalPlace.write

    def write_stages(place: LocalPlace, stages: Sequence[dict[str, bytes]]) -> None:
        for stage in stages:
            for key, data in stage.items():
                dying(write, left)(place, key, data)

    finish = StoreWriter.finish

    def finish_unless_killed(writer: StoreWriter) -> None:
        if left[0] >= 0:
            finish(writer)

    monkeypatch.setattr(LocalPlace, "write_stages", write_stages)
    monkeypatch.setattr(LocalPlace, "delete", dying_method(LocalPlace.delete, left))
    monkeypatch.setattr(LocalPlace, "take", dying_method(LocalPlace.take, left))
    monkeypatch.setattr(StoreWriter, "finish", finish_unless_killed)


def dying_method(method: Callable[..., None], left: list[int]) -> Callable[..., None]:
    def act(*arguments: Any) -> None:
        dying(method, left)(*arguments)

    return act


def test_what_a_killed_run_left_is_joined_by_one_that_finds_nothing_to_add(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.zarr"
    with monkeypatch.context() as patch:
        patch.setattr(StoreWriter, "finish", lambda _: None)
        with writing(path) as writer:
            for number in range(FRAMES):
                add(writer, number)
                writer.commit()
    path.joinpath(part_name(99)).write_bytes(b"of a commit that was not finished")
    assert Store(path).parts
    clear_after_death(path)
    assert files_of(path) == whole(tmp_path / "whole.zarr")


def test_a_store_that_is_open_sees_new_rows_when_it_is_asked_to(tmp_path: Path) -> None:
    path = tmp_path / "s.zarr"
    with writing(path) as writer:
        add(writer, 0)
        writer.commit()
        store = Store(path)
        group = store.groups[GROUP]
        assert not store.refresh()
        add(writer, 1)
        writer.commit()
        assert len(store.rows) == 1
        assert store.refresh()
        assert [row.name for row in store.rows] == ["0", "1"]
        assert [row.name for row in group.rows] == ["0"], "what was taken before stays"
        np.testing.assert_array_equal(store.groups[GROUP].read("packed", 1)[0, 0, 0], 1)
    assert not store.refresh()
    assert store.parts == []
    assert len(store.rows) == 2


def test_a_store_opened_before_a_join_goes_on_with_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "s.zarr"
    with writing(path) as writer:
        for number in range(4):
            add(writer, number)
            writer.commit()
        store = Store(path)
    assert [row.name for row in store.rows] == ["0", "1", "2", "3"]
    assert store.groups[GROUP].coordinates["target_index"].tolist() == [0, 0, 0, -1]


def test_a_part_that_is_damaged_is_named(tmp_path: Path) -> None:
    path = tmp_path / "s.zarr"
    with writing(path) as writer:
        add(writer, 0)
        writer.commit()
        first = path.joinpath(part_name(0)).read_bytes()
        add(writer, 1)
        writer.commit()
        good = path.joinpath(part_name(1)).read_bytes()
        kept = pq.read_metadata(path / part_name(1)).metadata[b"ARROW:schema"]
        path.joinpath(part_name(1)).write_bytes(first)
        assert [row.name for row in Store(path).rows[:1]] == ["0"]
        changed = b64encode(b64decode(kept).replace(b'"title"', b'"titlE"'))
        flipped = good.replace(kept, changed).replace(b'"title"', b'"titlE"')
        assert flipped != good
        path.joinpath(part_name(1)).write_bytes(flipped)
        with pytest.raises(StoreDamagedError, match=r"frames\.000000001\.parquet.*checksum"):
            Store(path)
        path.joinpath(part_name(1)).write_bytes(good)


def test_the_root_names_the_parts_until_they_are_joined(tmp_path: Path) -> None:
    path = tmp_path / "s.zarr"
    with writing(path) as writer:
        add(writer, 0)
        writer.commit()
        root = json.loads(path.joinpath("zarr.json").read_text("utf-8"))
        assert root["attributes"]["parts"] == [[0, 1]]
        assert "parts" not in Store(path).attributes
    root = json.loads(path.joinpath("zarr.json").read_text("utf-8"))
    assert "parts" not in root["attributes"]
