"""What one frame may cost a worker process, and how many workers memory suffices for.

A worker that its clock ends leaves a note where shards wait, by which the committer knows a
frame that hung from one whose process died; dask starts another process.
"""

from __future__ import annotations

import os
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from rawkit.errors import RawkitError, StoreUnreachableError, UsageError
from rawkit.ingest.frame import prepare_frame
from rawkit.store import ObjectStaging
from rawkit.workers import confine, limit_memory, require_seen, silence_c_libraries, time_limit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rawkit.catalog import LeftOut
    from rawkit.ingest.frame import FrameJob, Prepared

_COMMITTER_BYTES = 400_000_000
"""What the process that commits and schedules takes at most."""
_WORKER_BYTES = 200_000_000
"""What a worker takes before its first frame: Python, numpy, LibRaw, dask."""
_FRAME_BYTES = 500_000_000
"""What a long of 12 MP takes while it is rendered, packed and encoded."""
_LATE = 60.0
"""Seconds that a worker has to put a note into a bucket before it ends."""
_LEAST_BYTES = _COMMITTER_BYTES + _WORKER_BYTES + _FRAME_BYTES // 2


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """What a frame may cost."""

    seconds: float
    """Time from the moment a worker begins with it."""
    frame_bytes: int
    """Memory beyond what the worker took before its first frame."""


@dataclass(frozen=True, slots=True)
class MemoryShare:
    """How memory is shared out."""

    workers: int
    """Processes that decode."""
    limits: FrameLimits
    """What each may take for a frame."""


def share_out(max_ram: int, frame_seconds: float, wanted: int) -> MemoryShare:
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
    return MemoryShare(workers, FrameLimits(frame_seconds, room // workers - _WORKER_BYTES))


def prepare_limited(
    job: FrameJob, limits: FrameLimits, origin: Path | None = None
) -> Prepared | LeftOut:
    """Prepare a frame in a worker process that does nothing else at the time.

    `origin` is the folder or archive of the raw file, where it lies on this machine.

    Raises
    ------
    ClusterError
        If the worker does not see the folder for the shards or the origin: it runs on another
        machine.
    StoreUnreachableError
        If it cannot put a shard into the bucket; says on which machine.
    """
    try:
        return _prepared(job, limits, origin)
    except StoreUnreachableError as error:
        raise StoreUnreachableError(
            f"{error.found}, says a worker on {socket.gethostname()}",
            where=error.where, expected=error.expected, fix=error.fix,
        ) from error  # fmt: skip


def prepare_confined(job: FrameJob, limits: FrameLimits, remote: bool) -> Prepared | LeftOut:  # noqa: FBT001 - sent to where there are no keywords
    """Prepare a frame as `prepare_limited`, in a process of this machine started for one ingest.

    It can write nowhere else than where shards are put, start no program and, unless raw files are
    `remote`, reach no network: raw files have been made that take decoders over.
    """
    if isinstance(job.staging, Path):
        _confine(job.staging, remote=remote)
    return prepare_limited(job, limits)


def _prepared(job: FrameJob, limits: FrameLimits, origin: Path | None) -> Prepared | LeftOut:
    staging, note = job.staging, _note(job)
    if isinstance(staging, ObjectStaging):
        _connect(staging)
        clock = _clock_elsewhere(limits.seconds, staging, note)
    else:
        require_seen(staging, "the folder for new shards")
        clock = time_limit(limits.seconds, staging / note)
    if origin is not None:
        require_seen(origin, "what the raw files lie in")
    silence_c_libraries()
    limit_memory(limits.frame_bytes)
    with clock:
        return prepare_frame(job)


def timed_out(job: FrameJob) -> bool:
    """Tell whether the worker that prepared a frame was ended by its clock."""
    try:
        if isinstance(job.staging, ObjectStaging):
            return job.staging.place.exists(_note(job))
        return (job.staging / _note(job)).stat().st_size > 0
    except (OSError, StoreUnreachableError):
        return False


def _note(job: FrameJob) -> str:
    return f"{job.number:08d}.timeout"


@lru_cache(maxsize=1)
def _connect(staging: ObjectStaging) -> None:
    """Meet the server before memory is limited: its client takes as much as a frame."""
    staging.place.exists("")


@lru_cache(maxsize=1)
def _confine(staging: Path, *, remote: bool) -> None:
    # Raw files are read where they are: folders of links are common, and links lead anywhere.
    confine(read=None, write=[staging], calls=None if remote else "work")


@contextmanager
def _clock_elsewhere(seconds: float, staging: ObjectStaging, note: str) -> Iterator[None]:
    """End this process as `time_limit` does, once a note lies in a bucket.

    A thread of Python's puts it there. Where a library keeps Python from running, the clock of
    `time_limit` ends the process a little later, without a note.
    """
    over = threading.Lock()

    def end() -> None:
        try:
            staging.place.write(note, b"too long")
        except RawkitError:
            pass
        finally:
            if over.acquire(blocking=False):  # the frame is not ready even now
                os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    with time_limit(seconds + _LATE, None):
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            over.acquire()
