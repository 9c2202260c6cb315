"""A collection into a store: plan, prepare frames on dask, commit them in catalog order."""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rawkit.catalog import LeftOut, scan, select
from rawkit.errors import RawkitError
from rawkit.ingest.frame import FrameJob, Prepared, prepare_frame
from rawkit.ingest.jobs import job_of, rendering_of
from rawkit.progress import SILENT
from rawkit.source import Spill
from rawkit.store import Store, open_writer
from rawkit.store.layout import METADATA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from concurrent.futures import Executor, Future
    from pathlib import Path

    from rawkit.catalog import Catalog, Definition, Entry, Selection
    from rawkit.progress import Progress
    from rawkit.source import Source, SourceSpec
    from rawkit.store import StoreWriter

COMMIT_FRAMES = 64
COMMIT_SECONDS = 15.0
_AHEAD = 3
"""Frames under way for each worker: enough to bridge one slow frame at the head of the queue."""


@dataclass(frozen=True, slots=True)
class IngestPlan:
    """What an ingest will do, known from names and EXIF alone."""

    catalog: Catalog
    """All that the source holds."""
    selected: tuple[Entry, ...]
    """Frames that pass the filters and their longs, in catalog order."""
    wanted: tuple[Entry, ...]
    """Those that the store does not have yet."""
    pairs: int
    """Selected shorts whose long is there."""
    unpaired: int
    """Selected shorts whose long is not there (yet)."""
    filtered: Mapping[str, int]
    """Shorts that each filter left out."""
    store: Path
    """Where they go."""

    @property
    def bytes_in(self) -> int:
        """Bytes of the raw files that will be read."""
        return sum(entry.frame.size_bytes for entry in self.wanted)

    @property
    def bytes_to_fetch(self) -> int:
        """Bytes of them that will come over a network, as they are stored there."""
        files = (entry.file for entry in self.wanted)
        return sum(file.stored for file in files if file is not None and file.remote)

    @property
    def scenes(self) -> int:
        """Scenes of the selected frames."""
        return len({entry.scene for entry in self.selected})

    @property
    def already(self) -> int:
        """Selected frames that the store has."""
        return len(self.selected) - len(self.wanted)


@dataclass(slots=True)
class IngestReport:
    """What an ingest did."""

    plan: IngestPlan
    """What it set out to do."""
    added: int = 0
    """Frames that the store has gained."""
    duplicates: int = 0
    """Of these, frames whose pixels it already held."""
    targets: int = 0
    """Targets rendered."""
    bytes_in: int = 0
    """Bytes of the raw files read."""
    bytes_out: int = 0
    """Bytes of shards written."""
    left_out: list[LeftOut] = field(default_factory=list)
    """Files that could not be used, and why."""
    notes: list[LeftOut] = field(default_factory=list)
    """Longs that have no target, and why."""
    warnings: list[LeftOut] = field(default_factory=list)
    """Frames whose black level does not fit their pixels; they are in the store."""
    seconds: float = 0.0
    """Time it took."""
    interrupted: bool = False
    """Whether it was stopped; what was added is in the store."""


def plan_ingest(
    definition: Definition,
    source: SourceSpec | Source,
    store: Path,
    selection: Selection,
    progress: Progress = SILENT,
) -> IngestPlan:
    """Scan a source and find out what is wanted and not yet in the store; writes nothing.

    Raises what `scan` and `select` raise, and `StoreFormatError` if `store` is of another version.
    """
    catalog = scan(definition, source, progress)
    selected = select(catalog, selection)
    have = {row.name for row in Store(store).rows} if (store / METADATA).exists() else set()
    return IngestPlan(
        catalog=catalog,
        selected=selected.entries,
        wanted=tuple(entry for entry in selected.entries if entry.frame.name not in have),
        pairs=selected.pairs,
        unpaired=selected.unpaired,
        filtered=selected.filtered,
        store=store,
    )


def run_ingest(
    plan: IngestPlan, *, workers: int | None = None, progress: Progress = SILENT
) -> IngestReport:
    """Add the wanted frames of a plan to its store; bad files are listed and the rest goes on.

    `workers` processes decode (default: one for each core); 0 uses threads of this process, which
    starts at once but does not survive a crash of LibRaw. Ctrl-C commits what is done and returns.

    Raises
    ------
    StoreError, OutputError
        If the store cannot be added to; what it held is intact.
    MissingError
        If a source does not answer any more; what was added is in the store.
    """
    report = IngestReport(plan, left_out=list(plan.catalog.left_out))
    if not plan.wanted:
        return report
    rendering = rendering_of(plan.catalog.definition)
    started = time.monotonic()
    with (
        open_writer(
            plan.store,
            attributes=_attributes(plan.catalog.definition),
            target=rendering.describe(),
        ) as writer,
        _executor(min(workers, len(plan.wanted)) if workers else workers) as (submit, at_once),
        progress.stage("Ingesting", len(plan.wanted), "frames") as advance,
    ):
        jobs = _jobs(plan, writer)
        try:
            for entry, result in _in_order(jobs, submit, at_once):
                _take(entry, result, writer, report)
                advance(1, entry.frame.name)
        except KeyboardInterrupt:
            report.interrupted = True
    report.seconds = time.monotonic() - started
    return report


def _attributes(definition: Definition) -> dict[str, Any]:
    return {
        "collection": definition.name,
        "title": definition.title,
        "homepage": definition.homepage,
        "licence": definition.licence,
        "citation": definition.citation,
    }


def _jobs(plan: IngestPlan, writer: StoreWriter) -> Iterator[FrameJob]:
    catalog, spill = plan.catalog, None
    if catalog.source is not None:
        files = [entry.file for entry in plan.wanted if entry.file is not None]
        spill = Spill(catalog.source, files, writer.staging)
    for number, entry in enumerate(plan.wanted):
        unpacked = spill.path(entry.file) if spill is not None and entry.file is not None else None
        yield job_of(catalog, entry, number, writer.staging, writer.codecs, unpacked)


def _in_order(
    jobs: Iterator[FrameJob],
    submit: Callable[[FrameJob], Future[Prepared | LeftOut]],
    at_once: int,
) -> Iterator[tuple[Entry, Prepared | LeftOut]]:
    """Yield results in the order of the jobs, with a bounded number of them under way."""
    under_way: deque[tuple[FrameJob, Future[Prepared | LeftOut]]] = deque()
    try:
        for job in jobs:
            under_way.append((job, submit(job)))
            if len(under_way) >= at_once:
                yield _finished(*under_way.popleft(), submit)
        while under_way:
            yield _finished(*under_way.popleft(), submit)
    finally:
        for _, future in under_way:
            future.cancel()


def _finished(
    job: FrameJob,
    future: Future[Prepared | LeftOut],
    submit: Callable[[FrameJob], Future[Prepared | LeftOut]],
) -> tuple[Entry, Prepared | LeftOut]:
    """Wait for a frame and remove its raw file if it was put down for it."""
    try:
        return _result(job, future, submit)
    finally:
        if job.unpacked is not None:
            job.unpacked.unlink(missing_ok=True)


def _result(
    job: FrameJob,
    future: Future[Prepared | LeftOut],
    submit: Callable[[FrameJob], Future[Prepared | LeftOut]] | None,
) -> tuple[Entry, Prepared | LeftOut]:
    """Wait for a frame; one that fails is tried once more.

    A worker that dies takes frames with it that only waited behind the one it died of.
    """
    try:
        return job.entry, future.result()
    except RawkitError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever one file does to a worker costs that file
        if submit is not None:
            return _result(job, submit(job), None)
        reason = f"the worker that decoded it failed twice ({type(error).__name__}: {error})"
        return job.entry, LeftOut(job.entry.frame.name, "crashed", reason.splitlines()[0])


def _take(
    entry: Entry, result: Prepared | LeftOut, writer: StoreWriter, report: IngestReport
) -> None:
    report.bytes_in += entry.frame.size_bytes
    if isinstance(result, LeftOut):
        report.left_out.append(result)
        return
    row = writer.add(result.frame)
    report.added += 1
    if row.duplicate_of is not None:
        report.duplicates += 1
    else:
        report.bytes_out += result.written
        report.targets += result.frame.target is not None
    if row.level_warning is not None:
        report.warnings.append(LeftOut(row.name, "level", row.level_warning))
    if row.target_note is not None:
        report.notes.append(LeftOut(row.name, "no-target", row.target_note))
    writer.commit_if_due(COMMIT_FRAMES, COMMIT_SECONDS)


@contextmanager
def _executor(
    workers: int | None,
) -> Iterator[tuple[Callable[[FrameJob], Future[Prepared | LeftOut]], int]]:
    """Yield a function that submits a job, and how many to keep under way."""
    cores = os.cpu_count() or 1
    if workers == 0:
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

        with ThreadPoolExecutor(cores) as pool:
            yield lambda job: pool.submit(prepare_frame, job), _AHEAD * cores
        return
    import dask  # noqa: PLC0415 - half a second that a plan alone does not need
    from distributed import Client, LocalCluster  # noqa: PLC0415

    count = workers or cores
    settings = {
        "distributed.scheduler.allowed-failures": 0,  # a file that kills a worker is not retried
        "distributed.worker.multiprocessing-method": "spawn",  # LibRaw hangs after a fork
    }
    with (
        dask.config.set(settings),
        LocalCluster(  # type: ignore[no-untyped-call]  # distributed has few annotations
            n_workers=count,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",  # any free port: 8787 may be taken
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,  # type: ignore[no-untyped-call]  # likewise
    ):
        workers_pool = _pool_of(client)
        yield lambda job: workers_pool.submit(prepare_frame, job), _AHEAD * count


def _pool_of(client: Any) -> Executor:
    executor: Executor = client.get_executor(pure=False)
    return executor
