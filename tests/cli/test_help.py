"""The command line's manners: quick, documented, results apart from progress, clear codes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import click
import pytest

from rawkit import __version__
from rawkit.cli import main
from tests.support.fixtures_cli import REPOSITORY, error_line, run, run_in

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ("tests.support.fixtures_workspace",)

HEAVY = {
    "torch", "zarr", "dask", "distributed", "pyarrow", "rawpy", "cv2", "pydantic", "numpy",
    "numcodecs", "PIL", "pytorch_msssim", "fsspec",
}  # fmt: skip
COMMANDS = sorted(main.commands)


def imported_by(*arguments: str) -> set[str]:
    """Return the top-level modules that a command has imported when it ends."""
    code = (
        "import sys, atexit\n"
        "atexit.register(lambda: print('\\n' + ' '.join({n.partition('.')[0] for n in "
        "sys.modules}), file=sys.stderr))\n"
        "from rawkit.cli import main; main()"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True, text=True, check=True, cwd=REPOSITORY,
    )  # fmt: skip
    return set(found.stderr.splitlines()[-1].split())


def test_help_comes_within_three_tenths_of_a_second() -> None:
    times = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", "from rawkit.cli import main; main()", "--help"],
            capture_output=True, check=True, cwd=REPOSITORY,
        )  # fmt: skip
        times.append(time.perf_counter() - started)
    assert min(times) < 0.3


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["train", "--help"],
                                       ["ingest", "--help"]])  # fmt: skip
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    assert not imported_by(*arguments) & HEAVY


def test_restoring_raw_files_does_without_tables() -> None:
    code = "import sys; import rawkit.restore.batch, rawkit.restore.network; print(*sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    assert not set(found.stdout.split()) & {"pyarrow", "zarr", "fsspec"}


def test_importing_rawkit_imports_nothing_else() -> None:
    code = "import sys; import rawkit; print(*sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    modules = found.stdout.split()
    # What imports the names of the front door when they are asked for, and nothing besides.
    assert {name for name in modules if name.startswith("rawkit.")} == {"rawkit.late"}
    assert not {name.partition(".")[0] for name in modules} & {*HEAVY, "click", "rich"}


def test_the_issue_s_commands_are_there() -> None:
    assert {"demo", "info", "ingest", "restore", "subset", "synth", "train"} <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    ended = run(name, "--help")
    assert ended.code == 0
    assert ended.err == ""
    assert re.search(rf"^  rawkit {name}\b", ended.out, re.MULTILINE), ended.out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_is_for(name: str) -> None:
    for parameter in main.commands[name].params:
        if isinstance(parameter, click.Option):
            said = (
                parameter.help or parameter.show_default or isinstance(parameter.type, click.Choice)
            )
            assert said, parameter.name


def test_help_lists_every_command_with_a_sentence() -> None:
    ended = run("--help")
    for name in COMMANDS:
        assert re.search(rf"^  {name}\s+\S+ \S+", ended.out, re.MULTILINE), name


def test_the_version_is_the_package_s() -> None:
    assert run("--version").out.strip().endswith(__version__)


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"], ["--nonsense"], ["ingest"], ["ingest", "mid", "--iso", "fast"],
        ["ingest", "mid", "--iso", ","], ["ingest", "mid", "--iso", "0"],
        ["ingest", "mid", "--iso", "400-100"], ["ingest", "mid", "--iso", "-"],
        ["ingest", "mid", "--where", "iso >"], ["ingest", "mid", "--role", "dark"],
        ["ingest", "mid", "--limit", "0"], ["ingest", "mid", "--split", "dev"],
        ["ingest", "mid", "--shutter", "1/0"], ["subset", "--fraction", "0"],
        ["subset", "--fraction", "1.1"], ["subset", "--seed", "x"], ["restore"],
        ["restore", "a.dng", "--bits", "12"], ["restore", "a.dng", "--m", "0"],
        ["synth", "nonsense", "out"], ["synth", "mid", "out", "--size", "huge"],
        ["synth", "mid", "out", "--scenes", "0"], ["info"], ["train", "--batch", "0"],
        ["train", "--schedule", "linear"], ["train", "--steps", "-1"],
    ],
)  # fmt: skip
def test_commands_that_are_called_wrong_end_with_2_and_write_nothing(
    tmp_path: Path, arguments: list[str]
) -> None:
    ended = run_in(tmp_path, *arguments)
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err
    assert "Traceback" not in ended.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["ingest", "nonsense"], "missing"),
        (["ingest", "mid"], "missing"),
        (["info", "nonsense"], "missing"),
        (["subset"], "missing"),
        (["subset", "--store", "mid"], "missing"),
        (["train"], "missing"),
        (["train", "--subset", "f0.4"], "missing"),
        (["train", "--resume"], "missing"),
        (["train", "--resume", "--name", "gone"], "missing"),
        (["restore", "gone.dng"], "missing"),
    ],
)
def test_what_is_not_there_ends_with_1_and_one_line(
    tmp_path: Path, arguments: list[str], kind: str
) -> None:
    ended = run_in(tmp_path, *arguments)
    assert ended.code == 1
    assert error_line(ended).startswith(f"error ({kind}): ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden"])
def test_names_that_would_leave_the_workspace_are_called_wrong(tmp_path: Path, name: str) -> None:
    ended = run_in(tmp_path, "train", "--subset", name)
    assert ended.code == 2
    assert "as the name of a subset" in error_line(ended)


def test_results_go_to_standard_output_alone(sid_folder: Path, tmp_path: Path) -> None:
    ended = run_in(tmp_path, "ingest", "sid", "--source", sid_folder, "--workers", 0, "--json")
    assert ended.code == 0
    assert json.loads(ended.out)["added"] == 12
    again = run_in(tmp_path, "subset", "--json")
    assert json.loads(again.out)["train"] == 3
    assert again.err == ""


def test_progress_goes_to_standard_error() -> None:
    # Where there is no terminal, a stage of half a second or more says what it did.
    code = (
        "import time; from rawkit.bars import TerminalProgress\n"
        "with TerminalProgress().stage('Waiting', 3, 'turns') as advance:\n"
        "    advance(2); time.sleep(0.55)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    assert found.stdout == ""
    assert re.fullmatch(r"Waiting: 2/3 turns in 0\.[5-9] s\n", found.stderr)


def test_a_reader_that_goes_away_is_no_traceback(sid_folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "sid").symlink_to(sid_folder)
    process = subprocess.Popen(
        [sys.executable, "-c", "from rawkit.cli import main; main()", "--workspace",
         str(tmp_path), "info", "sid", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=REPOSITORY, env=dict(os.environ),
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    error = process.stderr.read().decode()
    process.stderr.close()
    process.wait(30)
    assert "Traceback" not in error
