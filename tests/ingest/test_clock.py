"""The clock of a frame whose shards go into a bucket: the committer learns that it ran out."""

from __future__ import annotations

import pickle
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from rawkit.catalog import Selection, load_definition
from rawkit.ingest import plan_ingest
from rawkit.ingest.jobs import job_of
from rawkit.ingest.limits import timed_out
from rawkit.source import Transfer
from rawkit.source.folders import LocalFolder
from rawkit.store import ObjectPlace, ObjectStaging, objects_of
from tests.support.paths import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.ingest.frame import FrameJob
    from rawkit.locations import Url
    from rawkit.source import SourceFile
    from tests.support.fixtures_s3 import ObjectServer

pytest_plugins = ("tests.support.fixtures_s3",)

RUN = """
import pickle, sys
from pathlib import Path
from rawkit.errors import RawkitError
from rawkit.ingest.limits import FrameLimits, prepare_limited
job, seconds = pickle.loads(Path(sys.argv[1]).read_bytes())
try:
    prepare_limited(job, FrameLimits(seconds, 1 << 30))
except RawkitError as error:
    print(error.kind, error.found)
"""


@dataclass(frozen=True, slots=True)
class SlowFolder(LocalFolder):
    """A folder on a disk that takes its time."""

    pause: float = 0.0

    def local_path(self, file: SourceFile) -> Path:
        """Wait."""
        time.sleep(self.pause)
        return self.root / file.path


def job(folder: Path, store: Url, pause: float = 0.0) -> FrameJob:
    plan = plan_ingest(load_definition("mid"), SlowFolder(folder), store, Selection())
    one = job_of(plan.catalog, plan.wanted[0], 0, ObjectStaging.of(store), {}, rendering=None)
    return replace(one, source=SlowFolder(folder, pause))


@pytest.mark.parametrize("pause", [0.0, 600.0])
def test_a_worker_that_hangs_ends_with_a_note_in_the_bucket(
    mid_folder: Path, bucket: Url, tmp_path: Path, pause: float
) -> None:
    slow = job(mid_folder, bucket / "mid.zarr", pause)
    run = worked(slow, tmp_path)
    assert run.returncode == (1 if pause else 0)
    assert timed_out(slow) == bool(pause)
    staged = ObjectPlace(objects_of(bucket / "mid.zarr")).sizes()
    assert len(staged) == 1, "the note, or else the shard"


def test_a_worker_that_cannot_reach_the_bucket_says_which_machine_it_is(
    mid_folder: Path, bucket: Url, object_server: ObjectServer, tmp_path: Path
) -> None:
    one = job(mid_folder, bucket / "mid.zarr")
    assert isinstance(one.staging, ObjectStaging)
    hasty = ObjectPlace(one.staging.place.location, Transfer(tries=1, timeout=2))
    object_server.stop()
    try:
        run = worked(replace(one, staging=ObjectStaging(hasty)), tmp_path)
    finally:
        object_server.start()
    assert run.stdout.startswith("store-unreachable ")
    assert run.stdout.endswith(f"says a worker on {socket.gethostname()}\n")


def worked(one: FrameJob, folder: Path) -> subprocess.CompletedProcess[str]:
    """Prepare a frame in a process of its own, with two seconds for it."""
    (folder / "job").write_bytes(pickle.dumps((one, 2.0)))
    return subprocess.run(
        [sys.executable, "-c", RUN, str(folder / "job")], cwd=REPOSITORY, check=False,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
