"""The four-fraction study on a synthetic SID of 20 scenes, killed at random moments if asked to."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from rawkit.evaluate import load_evaluation
from tests.evaluate.test_run import check_evaluation
from tests.support.factories import files_of
from tests.support.fixtures_cli import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = (sys.executable, "-c", "from rawkit.cli import main; main()", "run", "fractions",
           "--set", "synthetic=true")  # fmt: skip
MARK_MINUTES = 15
SMALL = ("scenes=6", "width=192", "height=192", "steps=20", "crop=64")
KILLS = 8


def start(folder: Path, *sets: str) -> subprocess.Popen[bytes]:
    folder.mkdir(exist_ok=True)
    command = [*COMMAND, *(part for one in sets for part in ("--set", one))]
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen(command, cwd=folder, env=env, stderr=subprocess.DEVNULL)


@pytest.mark.bench
def test_four_fractions_of_twenty_scenes_take_less_than_a_quarter_of_an_hour(
    tmp_path: Path,
) -> None:
    started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    assert start(tmp_path).wait() == 0
    minutes = (time.monotonic() - started) / 60
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / 60
    print(
        f"\nfour fractions, synthetic SID of 20 scenes, {os.cpu_count()} cores: "
        f"{minutes:.1f} min, {cpu:.1f} CPU min; mark: under {MARK_MINUTES} min"
    )
    for path in tmp_path.glob("runs/*/evaluations/*"):
        evaluation = load_evaluation(path)
        rows = pq.read_table(path / "pictures.parquet").to_pylist()
        check_evaluation(evaluation, rows, evaluation.resamples, evaluation.seed)
    assert minutes < MARK_MINUTES


@pytest.mark.bench
def test_a_study_killed_at_random_moments_ends_in_the_same_tables(tmp_path: Path) -> None:
    started = time.monotonic()
    assert start(tmp_path / "whole", *SMALL).wait() == 0
    seconds = time.monotonic() - started
    moments, kills = random.Random(0), 0  # noqa: S311 - no secret
    while kills < KILLS:
        process = start(tmp_path / "killed", *SMALL)
        try:
            process.wait(moments.uniform(0.1, 0.5) * seconds)
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
    assert start(tmp_path / "killed", *SMALL).wait() == 0
    print(f"\nkilled {kills} times within a study of {seconds:.0f} s")
    assert kills
    one, other = (
        tmp_path / name / "studies" / "fractions" / "tables" for name in ("whole", "killed")
    )
    assert files_of(one) == files_of(other) != {}
