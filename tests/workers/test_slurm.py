"""SLURM as the page on clusters has it: workers that it starts, and trainings of its jobs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rawkit.catalog import Selection, load_definition
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.train import LAST, load_checkpoint
from rawkit.train.folder import RunFolder
from tests.docs.pages import DOCS, blocks_of
from tests.support.factories import files_of
from tests.support.slurm import slurm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rawkit.locations import Url
    from tests.support.slurm import Slurm

pytest_plugins = ("tests.support.fixtures_s3", "tests.support.fixtures_workspace")
pytestmark = pytest.mark.cluster

PAGE = DOCS / "how-to" / "clusters.md"
SECONDS = 120


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    with slurm(tmp_path_factory.mktemp("slurm") / "night") as started:
        yield started


def block(language: str, text: str) -> str:
    """Return the one block of the page that has a text."""
    (found,) = (
        one.text for one in blocks_of(PAGE) if one.language == language and text in one.text
    )
    return found


def environment(**more: object) -> dict[str, str]:
    """Variables of a shell that has this environment's programs first."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": programs, **{name: str(value) for name, value in more.items()}}


def test_the_workers_of_the_page_add_what_a_local_ingest_adds(
    cluster: Slurm, mid_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "raw").symlink_to(mid_folder)
    script = tmp_path / "ingest.py"
    script.write_text(
        block("python", "SLURMCluster")
        + "    import json, subprocess\n"
        + "    jobs = subprocess.check_output(['squeue', '-h', '-o', '%j'], text=True).split()\n"
        + "    print(json.dumps([report.added, jobs]))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", script], cwd=tmp_path, env=environment(**cluster.env),
        capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr + cluster.logs()
    plan = plan_ingest(load_definition("mid"), mid_folder, tmp_path / "mid.zarr", Selection())
    added = run_ingest(plan, workers=0).added
    assert ended.stdout.split("\n")[-2] == f'[{added}, ["dask-worker", "dask-worker"]]'
    assert files_of(tmp_path / "stores" / "mid.zarr") == files_of(tmp_path / "mid.zarr")


def test_the_job_of_the_page_trains_is_stopped_and_goes_on(
    cluster: Slurm, sid_folder: Path, bucket: Url, tmp_path: Path
) -> None:
    plan = plan_ingest(load_definition("sid"), sid_folder, bucket / "stores" / "sid.zarr",
                       Selection())  # fmt: skip
    run_ingest(plan, workers=0, staging=tmp_path / "staging")
    script, runs = tmp_path / "night.sh", bucket / "runs"
    text = block("bash", "torchrun").rstrip()

    def submit(steps: int, **more: object) -> str:
        script.write_text(f"{text} --steps {steps}\n")
        told = cluster.run(
            "sbatch", "--parsable", "--nodes=1", f"--chdir={tmp_path}",
            f"--output={tmp_path / 'night.log'}", script,
            env=environment(
                RAWKIT_STORES=bucket / "stores", RAWKIT_RUNS=runs,
                RAWKIT_TRAIN_CROP=32, RAWKIT_TRAIN_LOSS="l1", RAWKIT_TRAIN_VALIDATE_EVERY=2,
                SLURM_GPUS_ON_NODE=2, TMPDIR=tmp_path, **more,
            ),
        )  # fmt: skip
        return told.strip()

    def log() -> str:
        return (tmp_path / "night.log").read_text(errors="replace")

    def saved() -> int:
        folder = RunFolder(runs / "night")
        if not folder.exists(LAST):
            return 0
        with folder.opened(LAST) as path:
            return load_checkpoint(path).step

    job, begun = submit(100_000), time.monotonic()
    while not saved():
        assert time.monotonic() - begun < SECONDS, log()
        time.sleep(0.5)
    cluster.run("scancel", "--signal=TERM", job)  # as before its time is up
    assert cluster.wait(job) == "FAILED", log()
    assert "interrupted: `rawkit train --resume` goes on" in log()
    steps = saved() + 2
    assert cluster.wait(submit(steps, SLURM_RESTART_COUNT=1)) == "COMPLETED", log()
    assert saved() == steps
    assert list((tmp_path / "chunks").rglob("*"))
