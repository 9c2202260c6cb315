"""A whole batch: what is there is skipped, what fails is listed, and every picture is noted."""

from __future__ import annotations

import os
import re
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rawkit.errors import (
    ClusterError,
    OutputError,
    RawkitError,
    StoreUnreachableError,
    UsageError,
)
from rawkit.locations import Url
from rawkit.progress import SILENT
from rawkit.restore.decoder import Decoder, decoder_memory
from rawkit.restore.inputs import Item, LocalRaw, named
from rawkit.restore.manifest import open_manifest
from rawkit.restore.neutral import known_neutral
from rawkit.restore.output import Output, existing, planned
from rawkit.restore.parallel import (
    Station,
    restore_in_processes,
    restore_on_cluster,
    threads_for,
    workers_that_fit,
)
from rawkit.restore.pipeline import restore_stream
from rawkit.restore.sending import sending
from rawkit.restore.spilling import spilled
from rawkit.restore.stored import StoredFrame
from rawkit.store import lock, lock_of
from rawkit.workers import Resources, connect_cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rawkit.locations import Location
    from rawkit.progress import Progress
    from rawkit.restore.manifest import Lines
    from rawkit.restore.outcome import Outcome, Restored
    from rawkit.restore.restorer import Restorer

_PROCESS_BYTES = 800_000_000
"""What a process takes that restores files of 12 MP, its decoder included."""
_PACKAGES = ("rawpy", "torch")
"""What decides the pixels of a picture, and so must be the same on all workers."""
_PART = re.compile(r"\.(\d+)\.part")


@dataclass(slots=True)
class RestoreReport:
    """What a batch did."""

    restored: list[Restored] = field(default_factory=list)
    """Pictures written."""
    skipped: list[str] = field(default_factory=list)
    """Files whose pictures were there already."""
    failed: list[tuple[str, RawkitError]] = field(default_factory=list)
    """Files that could not be restored, and why."""
    interrupted: bool = False
    """Whether the user ended it early."""
    stopped: RawkitError | None = None
    """Why nothing more could be written."""
    seconds: float = 0.0
    """Time it took."""
    exchange: str = ""
    """How pictures pass between workers of a scheduler that share no folder, for people."""


def restore_files(
    files: Sequence[Path],
    output: Output,
    restorer: Restorer,
    progress: Progress = SILENT,
) -> RestoreReport:
    """Restore raw files in this process, each named after itself; else as `restore_items`."""
    items = named([(LocalRaw(path), path.name) for path in files])
    return restore_items(items, output, restorer, progress, Resources(workers=0))


def restore_items(
    items: Sequence[Item],
    output: Output,
    restorer: Restorer,
    progress: Progress = SILENT,
    resources: Resources | None = None,
) -> RestoreReport:
    """Restore mosaics into pictures; one that fails is listed, the rest goes on.

    Each picture has a line in ``manifest.jsonl`` beside it.

    Raises
    ------
    UsageError
        If two items would be written to one picture, or a comparison is asked of a store.
    OutputError, StoreUnreachableError
        If the output folder cannot be written.
    StoreLockedError
        If it lies in a bucket, and another process is writing there.
    ClusterError
        If a scheduler or one of its workers has other versions than this process. What is wrong
        with them later stops the batch, and the report says so.
    """
    started = time.monotonic()
    plan = planned(items, output)
    if output.compare and any(isinstance(item.what, StoredFrame) for item in items):
        raise UsageError(
            "a plain conversion of frames of a store",
            expected="raw files: a store does not hold what LibRaw needs",
        )
    report = RestoreReport()
    wanted = _wanted(plan, output, restorer, report)
    chosen = resources or Resources()
    if wanted and restorer.must_probe(output.colour):
        with progress.stage("Finding the grey of the weights", 1, "networks") as found:
            restorer.learned().neutral()
            found(1)
    with ExitStack() as stack:
        manifest = stack.enter_context(_opened(output, plan))
        advance = stack.enter_context(progress.stage("Restoring", len(wanted), "files"))

        def done(outcome: Outcome) -> None:
            for one in outcome.restored:
                report.restored.append(one)
                manifest.add(line_of(one))
            if outcome.error is not None:
                report.failed.append((outcome.item.where, outcome.error))
            advance(1, Path(outcome.item.name).name)
            if outcome.fatal and outcome.error is not None:
                raise _StopError(outcome.error)

        try:
            _run(wanted, output, restorer, chosen, report, done)
            manifest.settle()
        except KeyboardInterrupt:
            report.interrupted = True
        except _StopError as stop:
            report.stopped = stop.error
        except (OutputError, StoreUnreachableError) as error:  # of the manifest
            report.stopped = error
    order = {item.where: number for number, item in enumerate(plan)}
    report.restored.sort(key=lambda one: order[one.source])  # stable: several workers mix them
    report.failed.sort(key=lambda one: order[one[0]])
    report.seconds = time.monotonic() - started
    return report


@contextmanager
def _opened(output: Output, plan: dict[Item, list[Location]]) -> Iterator[Lines]:
    """Open the manifest, and clear what runs that were killed have left."""
    with ExitStack() as stack:
        if isinstance(output.folder, Url):  # two would write over each other's lines
            stack.enter_context(lock(lock_of(output.folder)))
        manifest = stack.enter_context(open_manifest(output.folder))
        files = (path for paths in plan.values() for path in paths)
        _sweep({path.parent for path in files if isinstance(path, Path)})
        yield manifest


class _StopError(Exception):
    """Nothing more can be written."""

    def __init__(self, error: RawkitError) -> None:
        self.error = error
        super().__init__(str(error))


def _run(
    wanted: Sequence[Item],
    output: Output,
    restorer: Restorer,
    resources: Resources,
    report: RestoreReport,
    done: Callable[[Outcome], None],
) -> None:
    items: Iterable[Item] = wanted
    if not wanted:
        return
    with ExitStack() as stack:
        if resources.scheduler is not None:
            cluster = stack.enter_context(connect_cluster(resources.scheduler, _PACKAGES))
            station = _station(output, restorer, resources)
            way = stack.enter_context(sending(cluster, wanted, output, station.compute.weights))
            if way is not None:
                report.exchange = way.describe()
                items, station = way.items(wanted), replace(station, sending=way)
            try:
                restore_on_cluster(items, station, cluster, done)
            except ClusterError as error:  # what was done before stays, and is told of
                raise _StopError(error) from error
            return
        ready: Iterable[Item] = stack.enter_context(spilled(wanted))
        workers = _workers(resources, len(wanted))
        if workers > 1:
            station = _station(output, restorer, resources, workers)
            restore_in_processes(ready, station, workers, done)
            return
        decoder = None
        if resources.workers != 0:
            limit = decoder_memory(resources.max_ram)
            decoder = stack.enter_context(Decoder(resources.frame_seconds, limit))
            decoder.start()
        restore_stream(ready, output, restorer, decoder, done)


def _workers(resources: Resources, items: int) -> int:
    """Return how many processes restore whole files: as many as asked for, wanted, and fit."""
    asked = min(1 if resources.workers is None else resources.workers, items)
    return workers_that_fit(asked, resources.max_ram, _PROCESS_BYTES) if asked > 1 else asked


def _station(
    output: Output, restorer: Restorer, resources: Resources, workers: int | None = None
) -> Station:
    if restorer.compute is None:
        raise UsageError(
            "a network that was made in this process", expected="weights in a file, for workers"
        )
    compute, share = restorer.compute, workers or 1
    if compute.max_ram is not None:
        compute = replace(compute, max_ram=compute.max_ram // share)
    threads = None if workers is None else threads_for(workers)
    limit = decoder_memory(resources.max_ram // share)
    known = known_neutral(restorer.identity)
    return Station(output, compute, resources.frame_seconds, threads, limit, known)


def line_of(restored: Restored) -> dict[str, Any]:
    """Return the line of the manifest for a picture."""
    values = asdict(restored)
    note: dict[str, Any] = values.pop("note")
    return {**values, "picture": restored.picture, "plain": restored.plain, **note}


def _wanted(
    plan: dict[Item, list[Location]], output: Output, restorer: Restorer, report: RestoreReport
) -> list[Item]:
    if not output.skip_existing:
        return list(plan)
    there = existing(plan, output, restorer.identity)
    report.skipped += [item.where for item in plan if item in there]
    return [item for item in plan if item not in there]


def _sweep(folders: Iterable[Path]) -> None:
    """Remove what runs that were killed have left half written."""
    for folder in folders:
        for path in folder.glob("*.part"):
            match = _PART.search(path.name)
            if match is not None and not _alive(int(match[1])):
                with suppress(OSError):
                    path.unlink()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
