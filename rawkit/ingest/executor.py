"""Where frames are prepared: threads of this process, processes of this machine, a cluster."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rawkit.ingest.exchange import Exchange
from rawkit.ingest.frame import FrameJob, Prepared, prepare_frame
from rawkit.ingest.limits import prepare_confined, prepare_limited, share_out
from rawkit.workers import connect_cluster, start_cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from rawkit.catalog import LeftOut
    from rawkit.workers import Cluster, Resources

_AHEAD = 3
"""Frames under way for each worker: enough to bridge one slow frame at the head of the queue."""
PACKAGES = ("rawpy", "numcodecs")
"""What decides the pixels and the bytes of a store, and so must be the same on all workers."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Takes jobs."""

    submit: Callable[[FrameJob], Future[Prepared | LeftOut]]
    """Hands a frame to a worker."""
    result: Callable[[Future[Prepared | LeftOut], Callable[[str], None]], Prepared | LeftOut]
    """Waits for a frame; raises an error of rawkit's where it is not the frame that is at fault.
    The second argument is told why a wait is long."""
    at_once: Callable[[], int]
    """How many to keep under way now: the workers of a cluster come and go."""
    exchange: Exchange
    """Where shards go."""


@contextmanager
def open_pool(
    resources: Resources,
    frames: int,
    folder: Path,
    meet: Callable[[Cluster], Exchange] | None = None,
    *,
    remote: bool = True,
) -> Iterator[Pool]:
    """Start what is needed for so many frames, and end it.

    Parameters
    ----------
    resources
        What may be used.
    frames
        How many frames there are.
    folder
        Where processes of this machine put shards.
    meet
        Finds out where those of a running cluster put them; None: there, too.
    remote
        Whether raw files come over a network.

    Raises
    ------
    UsageError
        If memory does not suffice for one worker.
    MissingError
        If the scheduler does not answer.
    ClusterError
        If the scheduler or one of its workers has other versions than this process.
    RawkitError
        What `meet` raises.
    """
    cores = os.cpu_count() or 1
    wanted = cores if resources.workers is None else resources.workers
    if resources.scheduler is None and wanted == 0:
        with ThreadPoolExecutor(cores) as threads:
            yield Pool(
                lambda job: threads.submit(prepare_frame, job),
                lambda future, _: future.result(),
                lambda: _AHEAD * cores,
                Exchange(folder),
            )
        return
    share = share_out(resources.max_ram, resources.frame_seconds, min(wanted or cores, frames))
    if resources.scheduler is not None:
        with connect_cluster(resources.scheduler, PACKAGES) as cluster:
            exchange = Exchange(folder) if meet is None else meet(cluster)
            yield Pool(
                lambda job: cluster.submit(
                    prepare_limited, job, share.limits, exchange.origin_of(job)
                ),
                cluster.result,
                lambda: _AHEAD * cluster.threads,
                exchange,
            )
        return
    with start_cluster(share.workers) as cluster:
        yield Pool(
            lambda job: cluster.submit(prepare_confined, job, share.limits, remote),
            cluster.result,
            lambda: _AHEAD * share.workers,
            Exchange(folder),
        )
