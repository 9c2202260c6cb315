"""Frames through a pool of workers, in the order of the catalog."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from rawkit.catalog import LeftOut
from rawkit.errors import RawkitError, StoreUnreachableError
from rawkit.ingest.jobs import job_of, rendering_of
from rawkit.ingest.limits import timed_out
from rawkit.ingest.staged import VideoStage
from rawkit.source import Prefetch, Spill
from rawkit.store import discard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from rawkit.catalog import Entry
    from rawkit.ingest.exchange import Exchange
    from rawkit.ingest.executor import Pool
    from rawkit.ingest.frame import FrameJob, Prepared
    from rawkit.ingest.proofs import Proofs
    from rawkit.ingest.run import IngestPlan
    from rawkit.source import SourceFile
    from rawkit.store import StoreWriter

_TRIES = 2
"""How often a frame may lose its worker."""


def wanted_files(plan: IngestPlan) -> Iterator[SourceFile]:
    """Yield the raw files that are wanted."""
    return (one.file for one in plan.wanted if one.file is not None)


def jobs_of(
    plan: IngestPlan, writer: StoreWriter, exchange: Exchange, *, fetch_ahead: bool
) -> Iterator[FrameJob]:
    """Yield jobs in catalog order; with `fetch_ahead`, raw files from a network come before them.

    Workers on other machines fetch for themselves, but for what only this process can read.
    """
    catalog, spill, prefetch = plan.catalog, None, None
    videos = VideoStage(exchange, writer.staging)
    rendering = rendering_of(catalog.definition, plan.targets)
    if catalog.source is not None:
        files = [one.file for one in plan.wanted if one.file is not None and one.video is None]
        spill = Spill(catalog.source, files, writer.staging)
        if fetch_ahead:
            prefetch = Prefetch(catalog.source, files, writer.staging)
    try:
        for number, entry in enumerate(plan.wanted):
            placed, unpacked = videos.put(entry, number)
            file = entry.file
            if file is not None and spill is not None and unpacked is None:
                spilled = spill.path(file)
                unpacked = None if spilled is None else exchange.hold(spilled)
            if file is not None and unpacked is None and prefetch is not None:
                unpacked = prefetch.path(file)
            if unpacked is None and entry.video is None:
                unpacked = exchange.send(catalog.source, file, f"{number:08d}.raw")
            yield job_of(
                catalog, placed, number, exchange.staging, writer.codecs, unpacked,
                rendering=rendering, headerless=plan.headerless, version=writer.version,
            )  # fmt: skip
    finally:
        if prefetch is not None:
            prefetch.close()


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
        if proofs.hear(job, result):
            job = replace(job, trust=None)
            entry, result = _result(job, pool.submit(job), pool, say)
        return entry, result
    finally:
        if job.unpacked is not None:
            discard(job.unpacked)


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
    """Prepare a frame whose raw file is no longer where it was put down for it."""
    sent = pool.exchange.send(job.source, job.file, f"{job.number:08d}.raw")
    try:
        return pool.result(pool.submit(replace(job, unpacked=sent)), say)
    finally:
        if sent is not None:
            discard(sent)
