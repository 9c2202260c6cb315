"""A cluster of processes of their own, over TCP: a worker that is killed costs nothing."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from rawkit.catalog import Selection, load_definition
from rawkit.errors import ClusterError
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.ingest.jobs import job_of
from rawkit.ingest.limits import FrameLimits, prepare_limited
from rawkit.source.folders import LocalFolder
from rawkit.workers import Resources
from tests.support.dask_cluster import dask_cluster
from tests.support.factories import files_of

if TYPE_CHECKING:
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


def plan_of(folder: Path, store: Path, notes: str = "") -> IngestPlan:
    return plan_ingest(MID, SlowFolder(folder, notes), store, Selection())


def test_the_frames_of_a_worker_that_is_killed_are_done_by_the_other(
    mid_folder: Path, tmp_path: Path
) -> None:
    here, there, notes = tmp_path / "here.zarr", tmp_path / "there.zarr", tmp_path / "notes"
    notes.mkdir()
    run_ingest(plan_of(mid_folder, here), workers=0)
    with dask_cluster(tmp_path / "elsewhere", 2) as cluster:
        victim = cluster.workers[0]

        def kill() -> None:
            while len(list(notes.glob(f"{victim.pid}-*"))) < 2 and victim.poll() is None:
                time.sleep(0.01)
            victim.send_signal(signal.SIGKILL)

        killer = threading.Thread(target=kill)
        plan = plan_of(mid_folder, there, str(notes))
        killer.start()
        report = run_ingest(plan, resources=Resources(scheduler=cluster.address))
        killer.join()
        assert victim.wait() == -signal.SIGKILL
    assert (report.added, report.left_out) == (14, [])
    assert report.exchange == f"shards go through the folder {there}.part, which all workers see"
    asked = [path.name.partition("-") for path in notes.iterdir()]
    begun = {name for pid, _, name in asked if int(pid) == victim.pid}
    done = {name for pid, _, name in asked if int(pid) == cluster.workers[1].pid}
    assert len(begun) >= 2
    assert begun & done  # what it was at when it died was done again
    assert files_of(there) == files_of(here)


def test_a_worker_that_does_not_see_the_folder_of_shards_says_so(
    mid_folder: Path, tmp_path: Path
) -> None:
    plan = plan_of(mid_folder, tmp_path / "s.zarr")
    elsewhere = tmp_path / "s.zarr.part"
    job = job_of(plan.catalog, plan.wanted[0], 0, elsewhere, {}, rendering=None)
    with pytest.raises(ClusterError, match="does not see the folder for new shards") as caught:
        prepare_limited(job, FrameLimits(60, 1 << 30))
    assert "a file system that all workers share" in str(caught.value)
