"""Defaults: an option beats the environment, which beats rawkit.toml, which beats our own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.fixtures_cli import error_line, run, run_in
from tests.support.fixtures_stream import copy_workspace

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.workspace import Workspace

pytest_plugins = ("tests.support.fixtures_workspace",)


@pytest.fixture
def root(sid_workspace: Workspace, tmp_path: Path) -> Path:
    return copy_workspace(sid_workspace, tmp_path / "workspace").root


def made(root: Path, *arguments: str, env: dict[str, str] | None = None) -> tuple[float, int]:
    """Make a subset; return fraction and seed, as they were in the end."""
    ended = run_in(root, "subset", "--name", "x", "--refresh", "--json", *arguments, env=env)
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    return found["fraction"], found["seed"]


def test_an_option_beats_the_environment_which_beats_the_file(root: Path) -> None:
    assert made(root) == (1.0, 0)
    (root / "rawkit.toml").write_text("[subset]\nfraction = 0.1\nseed = 5\n")
    env = {"RAWKIT_SUBSET_FRACTION": "0.2"}
    assert made(root) == (0.1, 5)
    assert made(root, env=env) == (0.2, 5)
    assert made(root, "--fraction", "0.3", env=env) == (0.3, 5)


def test_the_workspace_can_come_from_the_environment(root: Path) -> None:
    ended = run("subset", "--list", "--json", env={"RAWKIT_WORKSPACE": str(root)})
    assert [one["name"] for one in json.loads(ended.out)] == ["f1"]


def test_keys_of_the_file_are_the_options_as_they_are_written(root: Path) -> None:
    # Some have another name inside: --m, --size, --json, --list.
    (root / "rawkit.toml").write_text(
        "[subset]\nlist = true\njson = true\n"
        "[restore]\nm = [1, 5]\n"
        "[synth]\nsize = '96x64'\njson = true\ndry-run = true\n"
        "[train]\nms-ssim = 0.0\nmax_ram = '4GB'\naugment = false\n"
    )
    assert [one["name"] for one in json.loads(run_in(root, "subset").out)] == ["f1"]
    planned = json.loads(run_in(root, "synth", "sid", root / "data").out)
    assert planned["written"] > 0
    assert not (root / "data").exists()


@pytest.mark.parametrize(
    ("variable", "value"), [("RAWKIT_SUBSET_JSON", "1"), ("RAWKIT_SUBSET_AS_JSON", "1")]
)
def test_variables_are_named_as_the_options_are_written(
    root: Path, variable: str, value: str
) -> None:
    ended = run_in(root, "subset", env={variable: value})
    assert json.loads(ended.out)["name"] == "f1"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[subset]\nfractoin = 0.1\n", "fractoin in [subset]"),
        ("[subsets]\nfraction = 0.1\n", "[subsets]"),
        ("fraction = 0.1\n", "[fraction]"),
        ("[subset\n", "cannot be read as TOML"),
        ("[restore]\nmultiples = 1\n", "multiples in [restore]"),
    ],
)
def test_a_file_with_a_mistake_is_called_wrong_and_says_where(
    root: Path, text: str, named: str
) -> None:
    (root / "rawkit.toml").write_text(text)
    ended = run_in(root, "subset", "--list")
    assert ended.code == 2
    line = error_line(ended)
    assert str(root / "rawkit.toml") in line
    assert named in line


def test_a_file_that_is_no_text_is_called_wrong(root: Path) -> None:
    (root / "rawkit.toml").write_bytes(b"\xff\xfe\x00")
    ended = run_in(root, "subset", "--list")
    assert ended.code == 2
    assert "cannot be read as TOML" in error_line(ended)


@pytest.mark.parametrize("text", ["[subset]\nfraction = 2\n", "[subset]\nfraction = 'much'\n",
                                  "[subset]\nseed = [1]\n"])  # fmt: skip
def test_a_value_that_does_not_fit_is_called_wrong(root: Path, text: str) -> None:
    (root / "rawkit.toml").write_text(text)
    ended = run_in(root, "subset")
    assert ended.code == 2
    assert "Traceback" not in ended.err


def test_help_needs_no_good_file(root: Path) -> None:
    (root / "rawkit.toml").write_text("[nonsense]\n")
    assert run("--help").code == 0
