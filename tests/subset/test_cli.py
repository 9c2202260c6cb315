"""``rawkit subset`` as it is typed."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import click
import pytest

from rawkit.cli import main
from rawkit.cli.reference import reference
from rawkit.subset import load_subset
from rawkit.workspace import Workspace
from tests.support.factories import local
from tests.support.fixtures_cli import error_line, run, run_in
from tests.support.small_stores import fill_varied

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ("tests.support.fixtures_subset", "tests.support.fixtures_workspace")


def told(workspace: Workspace, *arguments: object) -> Any:
    ended = run_in(workspace.root, "subset", *arguments, "--json")
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


@pytest.mark.parametrize("name", ["list", "show", "diff"])
def test_every_part_has_help_with_an_example_and_stands_in_the_reference(name: str) -> None:
    ended = run("subset", name, "--help")
    assert ended.code == 0
    assert f"  rawkit subset {name}" in ended.out
    group = main.commands["subset"]
    assert isinstance(group, click.Group)
    for parameter in group.commands[name].params:
        assert isinstance(parameter, click.Argument) or parameter.get_help_record(
            click.Context(group)
        )
    assert f"### rawkit subset {name}\n" in reference()


def test_limits_and_filters_come_through(varied: Workspace) -> None:
    found = told(varied, "--frames", 8)
    assert (found["name"], found["train"], found["val"], found["max_pairs"]) == ("n8", 6, 6, 8)
    found = told(varied, "--size", "1MB")
    assert (found["name"], found["train"], found["max_bytes"]) == ("1MB", 18, 10**6)
    found = told(varied, "--iso", "100,300-", "--per-long", "darkest", "--camera", "A")
    assert (found["train"], found["val"]) == (2, 1)
    assert found["selection"] == {
        "isos": [100.0, [300.0, None]], "per_long": "darkest", "cameras": ["A"],
    }  # fmt: skip
    again = told(varied, "--iso", "100,300-", "--per-long", "darkest", "--camera", "A")
    assert (again["new"], again["name"]) == (False, found["name"])


def test_balance_is_told_over_camera_place_iso_and_ratio(varied: Workspace) -> None:
    found = told(varied, "--fraction", "1")
    assert found["balance_over"]["place"] == [["In", 6, 0, 0], ["Out", 12, 6, 0]]
    assert set(found["balance_over"]) == {"camera", "place", "iso", "ratio"}
    assert sum(row[4] for row in found["balance"]) == 18
    text = run_in(varied.root, "subset", "show", "f1").out
    for line in ("by place   In", "by camera  a", "by ISO     100", "by ratio   500", "shards: "):
        assert f"\n{line}" in text


def test_list_show_and_diff(varied: Workspace) -> None:
    told(varied, "--fraction", "1")
    told(varied, "--name", "dark", "--shutter", "1/50")
    assert [one["name"] for one in told(varied, "list")] == ["dark", "f1"]
    assert told(varied, "list") == told(varied, "--list")
    assert "--shutter 0.02" in run_in(varied.root, "subset", "list").out
    assert told(varied, "show", "dark")["selection"] == {"shutters": [0.02]}
    found = told(varied, "diff", "dark", "f1")
    assert (found["relation"], found["first"], found["second"], found["both"]) == (
        "within", 0, 12, 16,
    )  # fmt: skip
    assert run_in(varied.root, "subset", "diff", "dark", "f1").out.startswith(
        "dark lies within f1\n"
    )
    before = json.loads(run_in(varied.root, "subset", "--json", "list").out)
    assert before == told(varied, "list")


def test_show_does_without_a_store_that_is_gone(varied: Workspace) -> None:
    told(varied, "--fraction", "1")
    shutil.rmtree(local(varied.store("varied")))
    assert told(varied, "show", "f1")["bytes"] is None
    assert run_in(varied.root, "subset", "show", "f1").code == 0


@pytest.mark.parametrize(
    "arguments",
    [["--frames", "0"], ["--size", "huge"], ["--size", "0"], ["--size", "nan"],
     ["--iso", "fast"], ["--where", "iso >"], ["--split", "dev"], ["--limit", "3"],
     ["--role", "long"], ["nonsense"], ["--fraction", "0.4", "list"], ["diff", "one"]],
)  # fmt: skip
def test_called_wrong(varied: Workspace, arguments: list[str]) -> None:
    ended = run_in(varied.root, "subset", *arguments)
    assert ended.code == 2
    assert ended.out == ""
    assert not varied.subsets()


@pytest.mark.parametrize("arguments", [["show", "gone"], ["diff", "gone", "gone"]])
def test_what_is_not_there_is_named(varied: Workspace, arguments: list[str]) -> None:
    ended = run_in(varied.root, "subset", *arguments)
    assert ended.code == 1
    assert "no such subset" in error_line(ended)


def test_defaults_of_the_workspace_reach_the_choice_and_the_parts(varied: Workspace) -> None:
    (varied.root / "rawkit.toml").write_text(
        '[subset]\nframes = 8\niso = "100-200"\nsize = "1GB"\njson = true\n'
    )
    found = json.loads(run_in(varied.root, "subset", "--name", "x").out)
    assert found["max_bytes"] == 10**9
    assert found["selection"] == {"isos": [[100.0, 200.0]]}
    assert json.loads(run_in(varied.root, "subset", "show", "x").out)["name"] == "x"
    assert [one["name"] for one in json.loads(run_in(varied.root, "subset", "list").out)] == ["x"]


def test_a_dry_run_writes_nothing(varied: Workspace, tmp_path: Path) -> None:
    found = told(
        varied, "--frames", 8, "--dry-run", "--materialize", tmp_path / "a", "--copy-raw",
        tmp_path / "b.zip",
    )  # fmt: skip
    assert (found["train"], found["materialized"]["frames"], found["raw"]["files"]) == (6, 14, 14)
    assert found["materialized"]["bytes"] == sum(found["bytes"].values())
    assert found["raw"]["bytes"] == 14 * 1234
    text = run_in(varied.root, "subset", "--dry-run", "--materialize", tmp_path / "a").out
    assert "would be saved" in text
    assert "would hold 28 frames" in text
    assert [path.name for path in tmp_path.iterdir()] == ["varied"]
    assert [path.name for path in varied.root.iterdir()] == ["stores"]


def test_a_saved_subset_is_handed_on_by_its_name(varied: Workspace, tmp_path: Path) -> None:
    made = told(varied, "--name", "mine", "--frames", 8, "--iso", "200")
    fill_varied(varied.store("later"), "later")
    for place in (tmp_path / "small", tmp_path / "small.zip"):
        found = told(varied, "--name", "mine", "--materialize", place)
        assert found["materialized"]["frames"] == made["train"] + made["val"] + 4
        assert found["materialized"]["written"] > 0
        assert told(varied, "--name", "mine", "--materialize", place)["materialized"][
            "written"
        ] == 0  # fmt: skip
    other = Workspace(tmp_path / "small")
    assert load_subset(other.subset("mine")).limits.max_pairs == 8
    verified = run_in(other.root, "verify")
    assert verified.code == 0
    clash = run_in(varied.root, "subset", "--name", "mine", "--frames", 9, "--materialize",
                   tmp_path / "x")  # fmt: skip
    assert clash.code == 2


def test_raw_files_are_copied_to_no_url(varied: Workspace) -> None:
    ended = run_in(varied.root, "subset", "--copy-raw", "s3://bucket/small")
    assert ended.code == 2
    assert "folder or a .zip" in ended.err
    assert not varied.subsets()


def test_raw_files_that_are_missing_are_listed(
    sid_workspace: Workspace, sid_folder: Path, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path / "workspace")
    shutil.copytree(sid_workspace.root, workspace.root)
    source = tmp_path / "source"
    shutil.copytree(sid_folder, source)
    gone = min(source.rglob("*.ARW"))
    gone.unlink()
    ended = run_in(workspace.root, "subset", "--copy-raw", tmp_path / "raw", "--source", source)
    assert ended.code == 1
    assert "not copied: 1" in ended.out
    assert gone.name in ended.out
    found = told(
        workspace, "--copy-raw", tmp_path / "raw", "--source", source, "--source", sid_folder
    )
    assert (found["raw"]["copied"], found["raw"]["missing"]) == (1, [])
