"""Studies: run, kept, run again on change, killed and resumed, failing cleanly."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from rawkit.errors import PipelineError, StoreFormatError, StoreLockedError
from rawkit.evaluate.journal import JOURNAL
from rawkit.pipeline import Study, load_pipeline, run_study
from rawkit.pipeline.state import STATE
from rawkit.store.locks.lock import lock
from rawkit.workspace import Workspace
from tests.support.factories import files_of
from tests.support.fixtures_cli import REPOSITORY, run_in

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TINY = """
name = "tiny"
[settings]
steps = 2
fractions = [0.5, 1.0]
resamples = 50
max_ram = 2000000000
[steps.ingest]
do = "ingest"
collection = "sid"
workers = 0
[steps.subset]
do = "subset"
for_each = { fraction = "{fractions}" }
name = "{study}-{fraction}"
stores = ["sid"]
fraction = "{fraction}"
[steps.train]
do = "train"
for_each = { fraction = "{fractions}" }
name = "{study}-{fraction}"
subset = "{study}-{fraction}"
steps = "{steps}"
crop = 32
batch = 2
ms_ssim = 0.0
validate_every = 100
[steps.evaluate]
do = "evaluate"
max_ram = "{max_ram}"
for_each = { fraction = "{fractions}" }
name = "{study}-{fraction}"
run = "{study}-{fraction}"
stores = ["sid"]
splits = ["test", "val"]
resamples = "{resamples}"
[steps.tables]
do = "tables"
evaluations = ["{study}-*"]
folder = "studies/{study}/tables"
"""


@pytest.fixture
def workspace(sid_folder: Path, tmp_path: Path) -> Workspace:
    """Make a workspace with the raw files of the small SID and a study of two fractions."""
    found = Workspace(tmp_path / "work")
    shutil.copytree(sid_folder, found.data("sid"))
    (tmp_path / "tiny.toml").write_text(TINY)
    return found


def study_of(workspace: Workspace, *sets: str) -> Study:
    return Study(load_pipeline(workspace.root.parent / "tiny.toml", sets), workspace)


def tables_of(workspace: Workspace) -> dict[str, str]:
    return files_of(workspace.study("tiny") / "tables")


def to_do(workspace: Workspace, *sets: str) -> dict[str, str]:
    return {one.label: one.reason for one in study_of(workspace, *sets).statuses() if not one.done}


def test_a_step_with_too_little_memory_says_what_to_allow_it(workspace: Workspace) -> None:
    with pytest.raises(PipelineError, match="max_ram of the step"):
        run_study(study_of(workspace, "max_ram=1000000", "fractions=1.0"))
    assert run_study(study_of(workspace, "fractions=1.0")).ran == [
        "evaluate(fraction=1)", "tables",
    ]  # fmt: skip


def test_a_study_runs_once_and_again_only_what_changed(workspace: Workspace) -> None:
    study = study_of(workspace)
    said: list[str] = []
    report = run_study(study, say=lambda label, command: said.append(f"{label}: {command}"))
    assert report.ran == [step.label for step in study.steps]
    assert said[0] == "ingest: rawkit ingest sid"
    first = tables_of(workspace)
    assert to_do(workspace) == {}
    again = run_study(study_of(workspace))
    assert again.ran == []
    assert again.kept == report.ran

    # Memory changes no figure.
    assert to_do(workspace, "max_ram=1000000000") == {}

    # Other draws of the bootstrap: evaluations and tables, and no training.
    changed = to_do(workspace, "resamples=60")
    assert list(changed) == ["evaluate(fraction=0.5)", "evaluate(fraction=1)", "tables"]
    assert changed["evaluate(fraction=1)"] == "resamples was 50, is 60"
    assert changed["tables"] == "after evaluate(fraction=0.5)"

    # More steps: other runs beside the old ones, which stay.
    before = {run.name for run in workspace.runs()}
    report = run_study(study_of(workspace, "steps=3"))
    assert report.kept == ["ingest", "subset(fraction=0.5)", "subset(fraction=1)"]
    assert before < {run.name for run in workspace.runs()}
    assert tables_of(workspace) != first
    # And back: the old runs are taken up again, and the tables are what they were.
    run_study(study_of(workspace))
    assert tables_of(workspace) == first

    # A raw file that changed: all that depends on it is looked at, and nothing came out anew.
    path = next(workspace.data("sid").rglob("*.ARW"))
    os.utime(path, ns=(1, 1))
    assert to_do(workspace)["ingest"] == "data sid has changed"
    assert run_study(study_of(workspace)).ran == ["ingest"]

    # An output that is gone is made again.
    (workspace.study("tiny") / "tables" / "means.csv").unlink()
    assert to_do(workspace) == {"tables": "file studies/tiny/tables/means.csv is gone"}
    run_study(study_of(workspace))
    assert tables_of(workspace) == first
    check_tables(workspace)


def check_tables(workspace: Workspace) -> None:
    """Compare every mean over all pictures with the table of pictures."""
    folder = workspace.study("tiny") / "tables"
    rows = pq.read_table(folder / "pictures.parquet").to_pylist()
    with (folder / "means.csv").open(newline="") as file:
        means = [one for one in csv.DictReader(file) if one["axis"] == "all"]
    assert {one["label"] for one in means} == {"tiny-0.5", "tiny-1"}
    assert len(rows) == 12
    for one in means:
        values = [row[one["metric"]] for row in rows if row["label"] == one["label"]]
        known = [value for value in values if value is not None]
        assert int(one["pictures"]) == len(known)
        if known:
            assert float(one["mean"]) == pytest.approx(sum(known) / len(known), rel=1e-12)
            assert float(one["low"]) <= float(one["mean"]) <= float(one["high"])


COMMAND = (sys.executable, "-c", "from rawkit.cli import main; main()", "run", "../tiny.toml")


def kill_when(workspace: Workspace, reached: Sequence[str]) -> None:
    """Start the study and kill it as soon as one of the patterns matches a file."""
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(COMMAND, env=env, cwd=workspace.root, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        if any(next(workspace.root.glob(one), None) is not None for one in reached):
            break
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


@pytest.mark.slow
def test_killed_anywhere_and_started_again_it_ends_in_the_same_tables(
    workspace: Workspace, tmp_path: Path
) -> None:
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    whole = Workspace(tmp_path / "whole")
    shutil.copytree(workspace.root, whole.root, copy_function=shutil.copy2)
    # While it ingests, while it trains the second run, while it evaluates.
    for reached in (
        ["stores/sid.zarr/*/*/packed/c"],
        ["runs/tiny-1-*/settings.json"],
        [f"runs/*/evaluations/*/{JOURNAL}"],
    ):
        kill_when(workspace, reached)
        assert tables_of(workspace) == {}
    for one in (workspace, whole):
        subprocess.run(COMMAND, env=env, cwd=one.root, check=True, capture_output=True)
    assert tables_of(workspace) == tables_of(whole) != {}
    evaluations = [
        {path.parts[-2:]: path.read_bytes() for path in one.root.glob("runs/*/evaluations/*/*.*")}
        for one in (workspace, whole)
    ]
    assert evaluations[0] == evaluations[1]


def test_a_step_that_fails_is_named_and_what_was_done_stays(workspace: Workspace) -> None:
    study = study_of(workspace, "fractions=1.0")
    run_study(study)
    for path in (workspace.root / "runs").glob("*/*.pt"):
        path.write_bytes(b"not weights")
    ended = run_in(
        workspace.root, "run", workspace.root.parent / "tiny.toml", "--set", "fractions=1.0"
    )
    assert ended.code == 1
    assert "error (pipeline): " in ended.err
    assert "step train(fraction=1) failed (weights): " in ended.err
    assert "Traceback" not in ended.err
    assert list(to_do(workspace, "fractions=1.0")) == [
        "train(fraction=1)", "evaluate(fraction=1)", "tables",
    ]  # fmt: skip


def test_dry_runs_write_nothing_and_draw_the_graph(workspace: Workspace) -> None:
    before = files_of(workspace.root)
    path = workspace.root.parent / "tiny.toml"
    ended = run_in(workspace.root, "run", path, "--dry-run")
    assert ended.code == 0
    assert "to do   train(fraction=0.5)   (not done yet)\n" in ended.out
    assert "        <- subset tiny-0.5\n        -> run tiny-0.5\n" in ended.out
    assert "0 of 8 steps are done" in ended.out
    found = json.loads(run_in(workspace.root, "run", path, "--dry-run", "--json").out)
    assert found[-1]["after"] == ["evaluate(fraction=0.5)", "evaluate(fraction=1)"]
    assert files_of(workspace.root) == before


def test_a_subset_of_that_name_that_others_made_is_not_replaced(workspace: Workspace) -> None:
    assert run_in(workspace.root, "ingest", "sid", "--workers", 0).code == 0
    made = run_in(workspace.root, "subset", "--name", "tiny-0.5", "--seed", 7)
    assert made.code == 0
    before = workspace.subset("tiny-0.5").read_bytes()
    with pytest.raises(PipelineError, match=r"step subset\(fraction=0.5\) failed \(usage\)"):
        run_study(study_of(workspace))
    assert workspace.subset("tiny-0.5").read_bytes() == before


def test_a_study_runs_once_at_a_time_and_damaged_state_is_said(workspace: Workspace) -> None:
    study = study_of(workspace)
    with lock(study.folder / "study.lock"), pytest.raises(StoreLockedError):
        run_study(study)
    (study.folder / STATE).write_text("{")
    with pytest.raises(StoreFormatError, match="not the state of a study"):
        study_of(workspace)
