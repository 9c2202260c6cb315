"""``rawkit scan``, and the table that it shares with ``rawkit ingest``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.fixtures_cli import Ended, error_line, run_in

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(mid_folder: Path, tmp_path: Path) -> Path:
    """Return a workspace with the files of a small MID."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mid").symlink_to(mid_folder)
    return tmp_path


def json_of(ended: Ended) -> Any:
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def test_scan_says_what_there_is_and_what_is_new(root: Path) -> None:
    found = json_of(run_in(root, "scan", "mid", "--json"))
    assert (found["frames"], found["shorts"], found["longs"], found["pairs"]) == (14, 12, 2, 12)
    assert (found["new"], found["unchanged"], found["gone"], found["opened"]) == (14, 0, 0, 14)
    assert found["cameras"] == {"Canon EOS 5D Mark IV": 14}
    assert found["isos"] == {"100": 4, "200": 4, "400": 4}
    assert sum(found["exposure_times"].values()) == sum(found["splits"].values()) == 12
    assert found["left_out"] == []
    assert found["table"] == str(root / "catalogs" / "mid.parquet")
    ended = run_in(root, "scan", "mid")
    assert "unchanged" in ended.out
    assert "100 (4), 200 (4), 400 (4)" in ended.out
    again = json_of(run_in(root, "scan", "mid", "--json"))
    assert (again["unchanged"], again["opened"]) == (14, 0)


def test_filters_narrow_the_summary_and_never_the_table(root: Path) -> None:
    found = json_of(run_in(root, "scan", "mid", "--iso", "200-", "--shutter", "0.01", "--json"))
    assert (found["frames"], found["shorts"], found["files"], found["opened"]) == (6, 4, 14, 14)
    assert found["isos"] == {"200": 2, "400": 2}
    assert found["filtered"] == {"iso": 4, "shutter": 4}
    assert json_of(run_in(root, "scan", "mid", "--json"))["opened"] == 0


def test_ingest_uses_and_updates_the_table_but_a_dry_run_writes_nothing(root: Path) -> None:
    dry = json_of(run_in(root, "ingest", "mid", "--iso", "100", "--dry-run", "--json"))
    assert (dry["files"], dry["opened"], dry["to_add"]) == (14, 6, 6)
    assert not (root / "catalogs").exists()
    real = json_of(run_in(root, "ingest", "mid", "--iso", "100", "--workers", 0, "--json"))
    assert (real["opened"], real["added"]) == (6, 6)
    rest = json_of(run_in(root, "ingest", "mid", "--dry-run", "--json"))
    assert (rest["opened"], rest["to_add"]) == (8, 8)
    assert json_of(run_in(root, "scan", "mid", "--json"))["opened"] == 8
    assert json_of(run_in(root, "ingest", "mid", "--dry-run", "--json"))["opened"] == 0


def test_a_damaged_table_is_one_line_of_warning(root: Path) -> None:
    run_in(root, "scan", "mid")
    path = root / "catalogs" / "mid.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    for command in (("ingest", "mid", "--dry-run"), ("scan", "mid")):
        ended = run_in(root, *command)
        assert ended.code == 0
        assert ended.err.startswith(f"warning: {path} ")
        assert ended.err.count("\n") == 1
    assert run_in(root, "scan", "mid").err == ""


def test_what_is_not_there_is_one_line(root: Path) -> None:
    assert error_line(run_in(root, "scan", "sid")).startswith("error (missing): ")
    assert error_line(run_in(root, "scan", "mid", "--iso", "7")).startswith("error (empty-sel")
    assert error_line(run_in(root, "scan", "mid", "--where", "iso >")).startswith("error (usage)")
