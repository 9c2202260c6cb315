"""The files of a plan into their folder, several at once; safe to stop at any moment."""

from __future__ import annotations

import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import TYPE_CHECKING

from rawkit.catalog import LeftOut, open_collection
from rawkit.errors import MissingError, UnreadableError
from rawkit.fetch.checksums import read_checksums
from rawkit.fetch.one import Stopped, fetch_member, put_down
from rawkit.fetch.plan import plan_fetch
from rawkit.fetch.record import Record, alone
from rawkit.interrupt import deferred_interrupt
from rawkit.progress import SILENT
from rawkit.source import Transfer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future
    from pathlib import Path

    from rawkit.catalog import Definition, Selection
    from rawkit.fetch.checksums import Checksums
    from rawkit.fetch.plan import FetchPlan, Wanted
    from rawkit.progress import Progress
    from rawkit.source import SourceSpec

CONNECTIONS = 4
"""Files on their way at once, unless told otherwise."""
_LOST = (UnreadableError.kind, "list")
"""Kinds of files, and of lines of a list, that the scan could not use."""
_LOOK = 0.2
"""Seconds between two looks at whether to stop."""


@dataclass(slots=True)
class FetchReport:
    """What a fetch did."""

    plan: FetchPlan
    """What it set out to do."""
    fetched: int = 0
    """Files that came, whole and checked."""
    bytes_in: int = 0
    """Bytes read from the source."""
    checked: int = 0
    """Files compared with a published checksum; the others with those that archives hold."""
    failed: list[LeftOut] = field(default_factory=list)
    """Files that could not be fetched, and why."""
    seconds: float = 0.0
    """Time it took."""
    interrupted: bool = False
    """Whether it was stopped; the same command goes on."""


@dataclass(slots=True)
class _Counter:
    """Bytes that have come since they were last asked for, from all threads."""

    total: int = 0
    lock: Lock = field(default_factory=Lock)

    def add(self, count: int) -> None:
        with self.lock:
            self.total += count


def fetch_collection(
    definition: Definition,
    source: SourceSpec | None,
    folder: Path,
    selection: Selection,
    progress: Progress = SILENT,
    *,
    table: Path | None = None,
    replace: bool = False,
    connections: int = CONNECTIONS,
) -> FetchReport:
    """Open a source, by default the first place where a collection is offered; plan and fetch.

    Raises what `open_collection`, `plan_fetch` and `run_fetch` raise.
    """
    opened = open_collection(definition, source, selection)
    plan = plan_fetch(definition, opened, folder, selection, progress, table=table, replace=replace)
    return run_fetch(plan, connections=connections, progress=progress)


def run_fetch(
    plan: FetchPlan,
    *,
    connections: int = CONNECTIONS,
    transfer: Transfer | None = None,
    progress: Progress = SILENT,
) -> FetchReport:
    """Fetch the files of a plan, at most `connections` at once.

    A file gets its name only once it is whole, on disk, and has the checksums that its archive and
    the lists of the definition say. What has come of others stays beside it, hidden, and the next
    run goes on there. Files that cannot be read are in the report, and the others are fetched. Of
    each file on its way some blocks of 4 MB are held in memory, never the whole.

    Raises
    ------
    MissingError
        If a server goes away for good; says where else the collection is offered.
    OutputError
        If there is no room, the folder cannot be written, or another process fetches into it.
    """
    plan.check_room(connections)
    # What could not even be looked at is missed as much as what does not come.
    lost = [one for one in plan.catalog.left_out if one.kind in _LOST]
    report = FetchReport(plan, failed=lost)
    begun = time.monotonic()
    try:
        lists = _lists(plan.definition, transfer or Transfer())
        with alone(plan.folder), deferred_interrupt() as wished:
            _fetch_all(plan, report, lists, connections, wished, progress)
    except MissingError as error:
        raise _with_others(plan, error) from error
    finally:
        report.seconds = time.monotonic() - begun
    return report


def _lists(definition: Definition, transfer: Transfer) -> list[Checksums]:
    named = dict.fromkeys(place.checksums for place in definition.places if place.checksums)
    return [read_checksums(one, transfer) for one in named]


def _fetch_all(
    plan: FetchPlan,
    report: FetchReport,
    lists: Iterable[Checksums],
    connections: int,
    wished: Callable[[], bool],
    progress: Progress,
) -> None:
    record, stop, counter, shown = Record(plan.folder), Event(), _Counter(), 0
    published = {
        one.path: next(
            (found for sums in lists if (found := sums.of(one.file.path, one.path))),
            one.listed,
        )
        for one in plan.wanted
    }
    streamed = [one for one in plan.wanted if plan.source.sequential(one.file)]
    coming = iter([one for one in plan.wanted if not plan.source.sequential(one.file)])

    def fetch(one: Wanted) -> None:
        fetch_member(plan, one, record, published[one.path], stop, counter.add)

    with (
        progress.stage(
            f"Fetching {len(plan.wanted)} files", plan.bytes_to_fetch // 1_000_000, "MB"
        ) as advance,
        ThreadPoolExecutor(connections) as pool,
    ):
        running: dict[Future[None], Wanted] = {}
        try:
            while True:
                while len(running) < connections and (one := next(coming, None)) is not None:
                    running[pool.submit(fetch, one)] = one
                if not running:
                    break
                done, _ = wait(running, _LOOK, FIRST_COMPLETED)
                for future in done:
                    _take(report, running.pop(future), future, published)
                advance(counter.total // 1_000_000 - shown)
                shown = counter.total // 1_000_000
                if wished():
                    report.interrupted = True
                    return
            for one in put_down(plan, streamed, record, published, counter.add, report.failed):
                report.fetched += 1
                report.checked += published[one.path] is not None
                advance(counter.total // 1_000_000 - shown)
                shown = counter.total // 1_000_000
                if wished():
                    report.interrupted = True
                    return
        finally:
            stop.set()
            report.bytes_in = counter.total


def _take(
    report: FetchReport,
    one: Wanted,
    future: Future[None],
    published: dict[str, tuple[str, str] | None],
) -> None:
    try:
        future.result()
    except Stopped:
        return
    except UnreadableError as error:
        report.failed.append(LeftOut(one.path, error.kind, error.reason))
        return
    report.fetched += 1
    report.checked += published[one.path] is not None


def _with_others(plan: FetchPlan, error: MissingError) -> MissingError:
    """Say of a server that is gone what else there is."""
    definition = plan.definition
    dead = error.where or ""
    others = [
        f"{url} ({place.name})"
        for place in definition.places
        for url in place.urls
        if url not in dead
    ]
    more = f" It is also offered at {', '.join(others)}." if others else ""
    obtain = f"\n{definition.obtain}" if definition.obtain else ""
    return MissingError(
        error.found,
        expected=error.expected,
        where=error.where,
        fix=f"{error.fix or ''} What has come is in {plan.folder}.{more}{obtain}".strip(),
    )
