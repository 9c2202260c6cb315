"""A cluster of processes of their own, over TCP: a worker that is killed costs nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from rawkit.catalog import Selection, load_definition
from rawkit.errors import OutputError
from rawkit.ingest import Resources, plan_ingest, run_ingest
from rawkit.ingest.jobs import job_of
from rawkit.ingest.limits import Limits, prepare_limited
from rawkit.source.folders import LocalFolder
from tests.support.factories import files_of
from tests.support.fixtures_cli import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rawkit.ingest import IngestPlan
    from rawkit.source import SourceFile

MID = load_definition("mid")
PAUSE = 0.15


@dataclass(frozen=True, slots=True)
class SlowFolder(LocalFolder):
    """A folder that is slow in workers, and notes which process asked for which file."""

    notes: str = ""

    def local_path(self, file: SourceFile) -> Path:
        """Note the process and the file, and wait."""
        path = self.root / file.path
        if self.notes and not threading.current_thread().name.startswith("MainThread"):
            note = f"{self.notes}/{os.getpid()}-{file.path.replace('/', '_')}"
            with open(note, "w"):  # noqa: PTH123 - where Path is not imported
                time.sleep(PAUSE)
        return path


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Start a scheduler and workers as `dask` does on the command line; yields its address."""
    about = folder / "scheduler.json"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    dask = [sys.executable, "-W", "ignore", "-m", "dask"]

    def started(command: list[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*dask, *command], cwd=folder, env=environment, stderr=subprocess.DEVNULL
        )

    scheduler = [
        "scheduler", "--host", "tcp://127.0.0.1", "--port", "0", "--no-dashboard",
        "--scheduler-file", str(about),
    ]  # fmt: skip
    worker = [
        "worker", "--scheduler-file", str(about), "--nthreads", "1", "--no-nanny",
        "--no-dashboard", "--memory-limit", "0", "--local-directory", str(folder),
    ]  # fmt: skip
    processes = [started(scheduler)]
    try:
        begun = time.monotonic()
        while not about.exists() or not about.read_text():
            assert time.monotonic() - begun < 60
            time.sleep(0.05)
        processes += [started(worker) for _ in range(workers)]
        address = json.loads(about.read_text())["address"]
        assert address.startswith("tcp://")
        yield address, processes[1:]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def wait_for_workers(address: str, count: int) -> None:
    from distributed import Client

    with Client(address) as client:  # type: ignore[no-untyped-call]
        client.wait_for_workers(count, timeout=60)


def plan_of(folder: Path, store: Path, notes: str = "") -> IngestPlan:
    return plan_ingest(MID, SlowFolder(folder, notes), store, Selection())


def test_the_frames_of_a_worker_that_is_killed_are_done_by_the_other(
    mid_folder: Path, tmp_path: Path
) -> None:
    here, there, notes = tmp_path / "here.zarr", tmp_path / "there.zarr", tmp_path / "notes"
    notes.mkdir()
    run_ingest(plan_of(mid_folder, here), workers=0)
    with cluster(tmp_path, 2) as (address, workers):
        wait_for_workers(address, 2)
        victim = workers[0]

        def kill() -> None:
            while len(list(notes.glob(f"{victim.pid}-*"))) < 2 and victim.poll() is None:
                time.sleep(0.01)
            victim.send_signal(signal.SIGKILL)

        killer = threading.Thread(target=kill)
        plan = plan_of(mid_folder, there, str(notes))
        killer.start()
        report = run_ingest(plan, resources=Resources(scheduler=address))
        killer.join()
        assert victim.wait() == -signal.SIGKILL
    assert (report.added, report.left_out) == (14, [])
    asked = [path.name.partition("-") for path in notes.iterdir()]
    begun = {name for pid, _, name in asked if int(pid) == victim.pid}
    done = {name for pid, _, name in asked if int(pid) == workers[1].pid}
    assert len(begun) >= 2
    assert begun & done  # what it was at when it died was done again
    assert files_of(there) == files_of(here)


def test_a_worker_that_does_not_see_the_folder_of_shards_says_so(
    mid_folder: Path, tmp_path: Path
) -> None:
    plan = plan_of(mid_folder, tmp_path / "s.zarr")
    elsewhere = tmp_path / "s.zarr.part"
    job = job_of(plan.catalog, plan.wanted[0], 0, elsewhere, {}, rendering=None)
    with pytest.raises(OutputError, match="does not see the folder for new shards") as caught:
        prepare_limited(job, Limits(60, 1 << 30))
    assert "a file system that all workers share" in str(caught.value)
