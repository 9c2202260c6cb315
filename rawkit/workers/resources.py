"""Processes for work: how many and how large they may be, on this machine or on a dask cluster."""

from __future__ import annotations

import logging
import os
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rawkit.errors import MissingError
from rawkit.workers.cluster import Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

FRAME_SECONDS = 120.0
MAX_RAM = 2_000_000_000
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
    """What an ingest or a batch of pictures may use."""

    workers: int | None = None
    """Processes that work; None: as many as suit the work; 0: this process alone, without limits.
    Fewer start where memory does not suffice for all."""
    max_ram: int = MAX_RAM
    """Bytes of memory of all processes together."""
    frame_seconds: float = FRAME_SECONDS
    """Seconds after which a frame counts as hung and its worker is replaced."""
    scheduler: str | None = None
    """Address of a running dask scheduler, such as ``tcp://host:8786``. Its workers must have our
    versions and run one thread each; unless results go to a bucket, they must see raw files and
    results under the same absolute paths."""


@contextmanager
def start_cluster(workers: int) -> Iterator[Cluster]:
    """Start so many processes on this machine, one thread each, and end them."""
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
        yield Cluster(client)


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
def connect_cluster(address: str, packages: tuple[str, ...] = ()) -> Iterator[Cluster]:
    """Connect to a running dask scheduler whose workers have what we have.

    `packages` are those that must have our version on each worker, beside rawkit itself and what
    work travels by.

    Raises
    ------
    MissingError
        If it does not answer.
    ClusterError
        If the scheduler or a worker has other versions.
    """
    with _connected(address) as client:
        cluster = Cluster(client, packages)
        cluster.check()
        yield cluster


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    from distributed import Client  # noqa: PLC0415 - half a second
    from distributed.versions import VersionMismatchWarning  # noqa: PLC0415 - likewise

    try:
        with warnings.catch_warnings():  # we say ourselves what differs, and stop
            warnings.simplefilter("ignore", VersionMismatchWarning)
            client = Client(address, timeout=_CONNECT_SECONDS)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:  # a time-out is an OSError
        raise MissingError(
            "no dask scheduler answers",
            expected="the address that `dask scheduler` prints, such as tcp://host:8786",
            where=address,
        ) from error
    with client:
        yield client
