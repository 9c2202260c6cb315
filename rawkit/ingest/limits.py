"""What one frame may cost a worker process: seconds and memory, enforced by the system itself.

The clock is a thread of the C library's kind that needs nothing of Python: a decoder that hangs
inside LibRaw is ended with its process. It leaves a note in the staging folder, by which the
committer knows a frame that hung from one whose process died; dask starts another process.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import resource
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rawkit.errors import OutputError, UsageError
from rawkit.ingest.frame import prepare_frame
from rawkit.ingest.quiet import silence_c_libraries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rawkit.catalog import LeftOut
    from rawkit.ingest.frame import FrameJob, Prepared

FRAME_SECONDS = 120.0
MAX_RAM = 2_000_000_000
_COMMITTER_BYTES = 400_000_000
"""What the process that commits and schedules takes at most."""
_WORKER_BYTES = 200_000_000
"""What a worker takes before its first frame: Python, numpy, LibRaw, dask."""
_FRAME_BYTES = 500_000_000
"""What a long of 12 MP takes while it is rendered, packed and encoded."""
_LEAST_BYTES = _COMMITTER_BYTES + _WORKER_BYTES + _FRAME_BYTES // 2
_STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a frame may cost."""

    seconds: float
    """Time from the moment a worker begins with it."""
    frame_bytes: int
    """Memory beyond what the worker took before its first frame."""


@dataclass(frozen=True, slots=True)
class Share:
    """How memory is shared out."""

    workers: int
    """Processes that decode."""
    limits: Limits
    """What each may take for a frame."""


def share_out(max_ram: int, frame_seconds: float, wanted: int) -> Share:
    """Share memory out among at most so many workers, each with enough for a frame of 12 MP.

    Raises
    ------
    UsageError
        If it does not suffice for one worker, or a limit is not above 0.
    """
    if frame_seconds <= 0:
        raise UsageError(f"{frame_seconds:g} seconds for a frame", expected="more than 0")
    if max_ram < _LEAST_BYTES:
        raise UsageError(
            f"{max_ram / 1e6:.0f} MB of memory for all processes",
            expected=f"at least {_LEAST_BYTES / 1e6:.0f} MB",
        )
    room = max_ram - _COMMITTER_BYTES
    workers = max(1, min(wanted, room // (_WORKER_BYTES + _FRAME_BYTES)))
    return Share(workers, Limits(frame_seconds, room // workers - _WORKER_BYTES))


def prepare_limited(job: FrameJob, limits: Limits) -> Prepared | LeftOut:
    """Prepare a frame in a worker process that does nothing else at the time.

    Raises
    ------
    OutputError
        If the worker does not see the folder for the shards: it runs on another machine.
    """
    if not job.staging.is_dir():
        raise OutputError(
            f"a worker on {socket.gethostname()} does not see the folder for new shards",
            expected="the same folder under the same path on every machine of the cluster",
            where=job.staging,
            fix="Put the workspace on a file system that all workers share, or ingest here without "
            "--scheduler.",
        )
    silence_c_libraries()
    _limit_memory(limits.frame_bytes)
    with _time_limit(limits.seconds, _note(job)):
        return prepare_frame(job)


def timed_out(job: FrameJob) -> bool:
    """Tell whether the worker that prepared a frame was ended by its clock."""
    try:
        return _note(job).stat().st_size > 0
    except OSError:
        return False


def _note(job: FrameJob) -> Path:
    return job.staging / f"{job.number:08d}.timeout"


@contextlib.contextmanager
def _time_limit(seconds: float, note: Path) -> Iterator[None]:
    with note.open("w") as file:
        faulthandler.dump_traceback_later(seconds, exit=True, file=file)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
    note.unlink(missing_ok=True)


def _limit_memory(frame_bytes: int) -> None:
    """Let the process take so much more than now, the first time; later calls change nothing."""
    if os.getpid() in _limited:
        return
    _limited.add(os.getpid())
    now = _data_bytes()
    if now is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (now + frame_bytes, hard))


_limited: set[int] = set()
"""This process, once its memory is limited."""


def _data_bytes() -> int | None:
    """Bytes that count towards RLIMIT_DATA now; None where the system does not say."""
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("VmData:")]
    return 1024 * int(found[0]) if found else None
