"""Stores, folders and subsets that cannot be used: one clean line, whatever the command."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from rawkit.store import Store
from tests.support.factories import local, write_noise_dng
from tests.support.fixtures_cli import bad_files, error_line, run_in
from tests.support.fixtures_stream import copy_workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rawkit.workspace import Workspace

pytest_plugins = ("tests.support.fixtures_workspace",)

TRAIN = ("--steps", 2, "--crop", 32, "--batch", 2, "--ms-ssim", 0)
"""Options of a training of a second."""


@pytest.fixture
def root(sid_workspace: Workspace, tmp_path: Path) -> Path:
    """Return a workspace with a store and a subset, to be changed."""
    return copy_workspace(sid_workspace, tmp_path / "workspace").root


def another_version(root: Path) -> None:
    path = root / "stores" / "sid.zarr" / "zarr.json"
    metadata = json.loads(path.read_text())
    metadata["attributes"]["format_version"] = 99
    path.write_text(json.dumps(metadata))


def no_table(root: Path) -> None:
    (root / "stores" / "sid.zarr" / "frames.parquet").write_bytes(b"no table")


def foreign_zarr(root: Path) -> None:
    path = root / "stores" / "sid.zarr" / "zarr.json"
    path.write_text('{"zarr_format": 3, "node_type": "group", "attributes": {}}')


def no_json(root: Path) -> None:
    (root / "stores" / "sid.zarr" / "zarr.json").write_bytes(b"\xff{")


@pytest.mark.parametrize("spoil", [another_version, no_table, foreign_zarr, no_json])
@pytest.mark.parametrize(
    "command",
    [["info", "sid"], ["subset", "--fraction", "0.3"], ["train", *TRAIN], ["ingest", "sid"]],
    ids=lambda command: command[0],
)
def test_a_store_that_cannot_be_used_is_one_line_whatever_the_command(
    root: Path, sid_folder: Path, command: list[str], spoil: Callable[[Path], None]
) -> None:
    if command[0] == "ingest":
        command = [*command, "--source", str(sid_folder), "--workers", "0"]
    spoil(root)
    ended = run_in(root, *command)
    assert ended.code == 1
    line = error_line(ended)
    assert "sid.zarr" in line
    if spoil is another_version:
        assert line.startswith("error (store-format): ")
        assert "99; expected 1" in line


@pytest.mark.parametrize("command", ["info", "subset", "train"])
def test_a_folder_without_a_store_in_it_is_one_line(root: Path, command: str) -> None:
    (root / "stores" / "sid.zarr" / "zarr.json").unlink()
    arguments: dict[str, list[object]] = {
        "info": ["sid"], "subset": ["--refresh"], "train": list(TRAIN)
    }  # fmt: skip
    ended = run_in(root, command, *arguments[command])
    assert ended.code == 1
    assert error_line(ended).startswith("error (missing): ")


def damaged_shard(root: Path) -> Path:
    store = Store(root / "stores" / "sid.zarr")
    (group,) = store.groups.values()
    index = next(row.index for row in group.rows if row.split == "train" and row.role == "short")
    path = local(group.shard("packed", index))
    data = path.read_bytes()
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    return path


def test_train_on_a_damaged_store_is_one_line_with_the_shard(root: Path) -> None:
    path = damaged_shard(root)
    ended = run_in(root, "train", *TRAIN[2:], "--steps", 200)
    assert ended.code == 1
    line = next(line for line in ended.err.splitlines() if line.startswith("error"))
    assert line.startswith("error (store-damaged): ")
    assert str(path) in line


def test_filters_that_match_nothing_say_what_there_is(sid_folder: Path, tmp_path: Path) -> None:
    ended = run_in(tmp_path, "ingest", "sid", "--source", sid_folder, "--iso", "51200")
    assert ended.code == 1
    line = error_line(ended)
    assert line.startswith("error (empty-selection): ")
    assert "ISO 100, 400, 1600" in line


@pytest.mark.parametrize("kind", ["another collection", "empty", "a file", "missing"])
def test_the_wrong_folder_is_one_line(tmp_path: Path, kind: str) -> None:
    source = tmp_path / "source"
    if kind == "a file":
        source.write_text("x")
    elif kind != "missing":
        source.mkdir()
    if kind == "another collection":
        write_noise_dng(source / "holiday.dng")
    ended = run_in(tmp_path, "ingest", "mid", "--source", source)
    assert ended.code == (2 if kind == "a file" else 1)
    assert str(source) in error_line(ended)
    assert not (tmp_path / "stores").exists()


def test_a_subset_of_another_version_is_one_line(root: Path) -> None:
    path = root / "subsets" / "f1.parquet"
    table = pq.read_table(path)
    about = json.loads(table.schema.metadata[b"rawkit"])
    metadata = {b"rawkit": json.dumps({**about, "version": 2}).encode()}
    pq.write_table(table.replace_schema_metadata(metadata), path)
    for arguments in (["train"], ["subset", "--list"], ["train", "--subset", "f1"]):
        ended = run_in(root, *arguments)
        assert ended.code == 1
        assert "version 2" in error_line(ended)


@pytest.mark.parametrize("name", ["a.dng", "bad/not-raw.arw", "bad/zeros.dng", "bad"])
def test_info_of_a_file_is_its_levels_or_one_line(tmp_path: Path, name: str) -> None:
    bad_files(tmp_path / "bad")
    write_noise_dng(tmp_path / "a.dng")
    ended = run_in(tmp_path, "info", name)
    if name == "a.dng":
        assert ended.code == 0
        assert re.search(r"^pattern +RGGB$", ended.out, re.MULTILINE)
    else:
        assert ended.code == 1
        assert name in error_line(ended)
