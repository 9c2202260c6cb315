"""Frames through a pool of workers, in the order of the catalog."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from rawkit.catalog import LeftOut
from rawkit.errors import RawkitError, StoreUnreachableError
from rawkit.ingest.limits import timed_out
from rawkit.store import discard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from rawkit.catalog import Entry
    from rawkit.ingest.executor import Pool
    from rawkit.ingest.frame import FrameJob, Prepared
    from rawkit.ingest.proofs import Proofs

_TRIES = 2
"""How often a frame may lose its worker."""


def in_order(
    jobs: Iterator[FrameJob], pool: Pool, proofs: Proofs, say: Callable[[str], None]
) -> Iterator[tuple[Entry, Prepared | LeftOut]]:
    """Yield results in the order of the jobs, with a bounded number of them under way."""
    under_way: deque[tuple[FrameJob, Future[Prepared | LeftOut]]] = deque()
    try:
        for one in jobs:
            job = proofs.trusting(one)
            under_way.append((job, pool.submit(job)))
            if len(under_way) >= pool.at_once():
                yield _finished(*under_way.popleft(), pool, proofs, say)
        while under_way:
            yield _finished(*under_way.popleft(), pool, proofs, say)
    finally:
        for _, future in under_way:
            future.cancel()


def _finished(
    job: FrameJob,
    future: Future[Prepared | LeftOut],
    pool: Pool,
    proofs: Proofs,
    say: Callable[[str], None],
) -> tuple[Entry, Prepared | LeftOut]:
    """Wait for a frame and remove its raw file if it was put down for it."""
    try:
        entry, result = _result(job, future, pool, say)
        while (anew := proofs.hear(job, result)) is not None:
            job = anew
            entry, result = _result(job, pool.submit(job), pool, say)
        return entry, result
    finally:
        for put_down in (job.unpacked, job.picture):
            if put_down is not None:
                discard(put_down)


def _result(
    job: FrameJob,
    future: Future[Prepared | LeftOut],
    pool: Pool,
    say: Callable[[str], None],
    tries: int = _TRIES,
) -> tuple[Entry, Prepared | LeftOut]:
    """Wait for a frame; one that fails is tried once more, one that hung is not.

    A worker that dies takes frames with it that only waited behind the one it died of. Errors of
    ours are not about a frame: they come through.
    """
    name = job.entry.frame.name
    try:
        return job.entry, pool.result(future, say)
    except StoreUnreachableError:
        if tries > 1:  # the line of one worker may be cut: another may take it
            return _result(job, pool.submit(job), pool, say, tries - 1)
        raise
    except RawkitError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever one file does to a worker costs that file
        if timed_out(job):
            return job.entry, LeftOut(name, "timeout", "its worker was ended: it took too long")
        if tries > 1:
            return _result(job, pool.submit(job), pool, say, tries - 1)
        reason = f"the worker that decoded it failed twice ({type(error).__name__}: {error})"
        return job.entry, LeftOut(name, "crashed", reason.splitlines()[0])


def once_more(job: FrameJob, pool: Pool, say: Callable[[str], None]) -> Prepared | LeftOut:
    """Prepare a frame whose raw file is no longer where it was put down for it.

    Neither is its given picture: it comes without a target where it had one from there.
    """
    if job.picture is not None:
        job = replace(job, picture=None, rendering=None)
    sent = pool.exchange.send(job.source, job.file, f"{job.number:08d}.raw")
    try:
        return pool.result(pool.submit(replace(job, unpacked=sent)), say)
    finally:
        if sent is not None:
            discard(sent)
