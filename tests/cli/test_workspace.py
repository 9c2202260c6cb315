"""``--workspace`` and ``--stores``: before the command, and after it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
import pytest

from rawkit.cli import main
from rawkit.cli._workspace import takes_places
from tests.support.fixtures_cli import error_line, run
from tests.support.fixtures_stream import copy_workspace

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.workspace import Workspace

pytest_plugins = ("tests.support.fixtures_workspace",)

WITHOUT = {"demo", "models", "synth"}
"""Commands that work from no workspace."""


@pytest.fixture
def root(sid_workspace: Workspace, tmp_path: Path) -> Path:
    return copy_workspace(sid_workspace, tmp_path / "workspace").root


def test_every_command_that_works_from_a_workspace_takes_both() -> None:
    taking = {name for name, command in main.commands.items() if takes_places(command)}
    assert taking == set(main.commands) - WITHOUT
    subset = main.commands["subset"]
    assert isinstance(subset, click.Group)
    assert all(takes_places(part) for part in subset.commands.values())


@pytest.mark.parametrize(
    "before",
    [["subset", "--list"], ["subset", "list"], ["subset", "show", "f1"], ["info", "sid"],
     ["verify"], ["subset", "--name", "f1"]],
)  # fmt: skip
def test_after_the_command_is_as_good_as_before(root: Path, before: list[str]) -> None:
    first = run("--workspace", root, *before, "--json")
    after = run(*before, "--json", "--workspace", root)
    assert first.code == after.code == 0, after.err
    assert after.out == first.out


def test_between_a_group_and_its_command_it_is_taken_too(root: Path) -> None:
    ended = run("subset", "--workspace", root, "list", "--json")
    assert [one["name"] for one in json.loads(ended.out)] == ["f1"]


def test_the_nearest_counts(root: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    ended = run("--workspace", elsewhere, "subset", "list", "--json", "--workspace", root)
    assert [one["name"] for one in json.loads(ended.out)] == ["f1"]


def test_stores_elsewhere_are_named_after_the_command(root: Path, tmp_path: Path) -> None:
    (root / "stores").rename(tmp_path / "moved")
    assert "its store" not in run("--workspace", root, "info", "sid").out
    ended = run("info", "sid", "--stores", tmp_path / "moved", "--workspace", root, "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["store"]["path"] == str(tmp_path / "moved" / "sid.zarr")


def test_the_defaults_are_those_of_the_workspace_that_is_named_after(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rawkit.toml").write_text("[subset\n")  # of a folder that is not the workspace
    (root / "rawkit.toml").write_text("[subset]\nfraction = 0.25\nlist = false\n")
    monkeypatch.chdir(tmp_path)
    ended = run("subset", "--json", "--dry-run", "--workspace", root)
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["fraction"] == 0.25
    assert "cannot be read as TOML" in error_line(run("subset", "--list"))


@pytest.mark.parametrize("key", ["workspace", "stores"])
def test_a_file_of_defaults_does_not_say_where_it_lies_itself(root: Path, key: str) -> None:
    (root / "rawkit.toml").write_text(f"[info]\n{key} = '/elsewhere'\n")
    assert f"{key} in [info]" in error_line(run("info", "sid", "--workspace", root))


def test_a_url_is_no_workspace_after_the_command_either() -> None:
    ended = run("subset", "list", "--workspace", "s3://bucket/workspace")
    assert ended.code == 2
    assert "--stores URL" in ended.err
