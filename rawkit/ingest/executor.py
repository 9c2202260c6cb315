"""Where frames are prepared: threads of this process, processes of this machine, a cluster."""

from __future__ import annotations

import logging
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rawkit.errors import MissingError
from rawkit.ingest.frame import FrameJob, Prepared, prepare_frame
from rawkit.ingest.limits import FRAME_SECONDS, MAX_RAM, Limits, prepare_limited, share_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor, Future

    from rawkit.catalog import LeftOut

_AHEAD = 3
"""Frames under way for each worker: enough to bridge one slow frame at the head of the queue."""
_CONNECT_SECONDS = 10
ALLOCATOR = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
}
"""Environment in which glibc keeps the memory of a frame for the next one. Else it gives back each
of the large arrays, and the system clears their pages anew: 0.1 s for a long of 12 MP."""
_SETTINGS = {
    "distributed.scheduler.allowed-failures": 0,  # a file that kills a worker is not retried
    "distributed.worker.multiprocessing-method": "spawn",  # LibRaw hangs after a fork
    "distributed.worker.profile.enabled": False,  # looks a hundred times a second at what runs
    "distributed.admin.system-monitor.interval": "5s",
    **{f"distributed.nanny.pre-spawn-environ.{name}": value for name, value in ALLOCATOR.items()},
}


@dataclass(frozen=True, slots=True)
class Resources:
    """What an ingest may use."""

    workers: int | None = None
    """Processes that decode; None: one for each core; 0: threads of this process, without limits.
    Fewer start where memory does not suffice for all."""
    max_ram: int = MAX_RAM
    """Bytes of memory of all processes together."""
    frame_seconds: float = FRAME_SECONDS
    """Seconds after which a frame counts as hung and its worker is replaced."""
    scheduler: str | None = None
    """Address of a running dask scheduler, such as ``tcp://host:8786``. Its workers must see raw
    files and the store's folder under the same paths, and run one thread each."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Takes jobs."""

    submit: Callable[[FrameJob], Future[Prepared | LeftOut]]
    """Hands a frame to a worker."""
    at_once: int
    """How many to keep under way."""


@contextmanager
def open_pool(resources: Resources, frames: int) -> Iterator[Pool]:
    """Start what is needed for so many frames, and end it.

    Raises
    ------
    UsageError
        If memory does not suffice for one worker.
    MissingError
        If the scheduler does not answer.
    """
    cores = os.cpu_count() or 1
    wanted = cores if resources.workers is None else resources.workers
    if resources.scheduler is None and wanted == 0:
        with ThreadPoolExecutor(cores) as threads:
            yield Pool(lambda job: threads.submit(prepare_frame, job), _AHEAD * cores)
        return
    share = share_out(resources.max_ram, resources.frame_seconds, min(wanted or cores, frames))
    if resources.scheduler is not None:
        with connect_cluster(resources.scheduler) as client:
            threads_there = sum(client.nthreads().values())
            yield _pool(client, share.limits, max(1, threads_there))
        return
    with _cluster_here(share.workers) as client:
        yield _pool(client, share.limits, share.workers)


def _pool(client: Any, limits: Limits, workers: int) -> Pool:
    executor: Executor = client.get_executor(pure=False)
    return Pool(lambda job: executor.submit(prepare_limited, job, limits), _AHEAD * workers)


@contextmanager
def _cluster_here(workers: int) -> Iterator[Any]:
    import dask  # noqa: PLC0415 - half a second that a plan alone does not need
    from distributed import Client, LocalCluster  # noqa: PLC0415

    with (
        _same_environment(),
        dask.config.set(_SETTINGS),
        LocalCluster(  # type: ignore[no-untyped-call]  # distributed has few annotations
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            memory_limit=None,  # the system's own limit costs a frame, dask's the worker
            dashboard_address="127.0.0.1:0",  # any free port: 8787 may be taken
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,  # type: ignore[no-untyped-call]  # likewise
    ):
        yield client


@contextmanager
def _same_environment() -> Iterator[None]:
    """Undo what dask does to the environment, where it puts what its workers are to see.

    Without this a training that follows in the same process would get OMP_NUM_THREADS=1.
    """
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


@contextmanager
def connect_cluster(address: str) -> Iterator[Any]:
    """Connect to a running dask scheduler.

    Raises
    ------
    MissingError
        If it does not answer.
    """
    from distributed import Client  # noqa: PLC0415 - likewise

    try:
        client = Client(address, timeout=_CONNECT_SECONDS)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:  # a time-out is an OSError
        raise MissingError(
            "no dask scheduler answers",
            expected="the address that `dask scheduler` prints, such as tcp://host:8786",
            where=address,
        ) from error
    with client:
        yield client
