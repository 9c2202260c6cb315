"""All pairs of a store, measured and judged: pair by pair, resumed where it stopped."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from rawkit.catalog import BadPair, read_bad_pairs, write_bad_pairs
from rawkit.errors import RawkitError, StoreDamagedError, UsageError
from rawkit.pairing.journal import Journal, journal_of
from rawkit.pairing.judge import PairLimits, Verdict, judge
from rawkit.pairing.measure import Measured, PreparedLong, measure_pair
from rawkit.pairing.pairs import StoredPair, pairs_of
from rawkit.progress import SILENT
from rawkit.store import lock

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from rawkit.catalog import Selection
    from rawkit.progress import Advance, Progress
    from rawkit.store import ArrayLayout, Store

MAX_RAM: Final = 2_000_000_000
"""Bytes that measuring may take unless said otherwise."""
_BASE: Final = 250_000_000
"""Bytes of the process itself."""
_PIXEL_BYTES: Final = 160
"""Bytes that a pixel of a plane takes while a pair is measured, at most; as measured."""


@dataclass(frozen=True)
class CheckedPair:
    """A pair with what was found."""

    pair: StoredPair
    """The frames."""
    measured: Measured
    """What was measured."""
    verdict: Verdict
    """What follows of it."""


@dataclass(frozen=True)
class PairReport:
    """What was found of the pairs of a store."""

    pairs: tuple[CheckedPair, ...]
    """All that were looked at, by group and index."""
    kept: int
    """How many of them had been measured before."""
    damaged: tuple[tuple[str, str], ...]
    """Dark frames that could not be compared, each with the reason."""
    table: Path
    """The list of bad pairs."""
    listed: int
    """Entries of it that ``--without-excluded`` leaves out, those of earlier runs included."""

    def bad(self) -> list[CheckedPair]:
        """Those that are bad."""
        return [one for one in self.pairs if one.verdict.state == "bad"]

    def unsure(self) -> list[CheckedPair]:
        """Those of which something cannot be told, and nothing is bad."""
        return [one for one in self.pairs if one.verdict.state == "unsure"]


def verify_pairs(
    store: Store,
    table: Path,
    *,
    selection: Selection | None = None,
    limits: PairLimits | None = None,
    workers: int | None = None,
    max_ram: int = MAX_RAM,
    progress: Progress = SILENT,
) -> PairReport:
    """Measure the pairs of a store, judge them, and write the list of bad ones.

    A journal beside the list keeps what was measured: interrupted, the next call goes on; with
    other limits nothing is measured again. In the list, entries of pairs that are not looked at
    this time stay, and so does what people have written into it.

    Parameters
    ----------
    store
        The store, here or elsewhere.
    table
        The list to write, such as ``Workspace.bad_pairs`` of the collection.
    selection
        Filters on dark frames.
    limits
        From when on a pair is bad.
    workers
        Threads that measure; None: one for each core, as far as memory suffices.
    max_ram
        Bytes that the process may take.
    progress
        Told of each pair.

    Raises
    ------
    SelectionError
        If no pair passes the filters.
    UsageError
        If one pair alone needs more memory.
    StoreLockedError
        If another process measures for the same list.
    OutputError, DefinitionError
        If list or journal cannot be written, or the list is none.
    """
    limits = limits or PairLimits()
    pairs = pairs_of(store, selection)
    threads = _threads(pairs, workers, max_ram)
    read_bad_pairs(table)  # a mistake in it is found before anything is measured
    with lock(table.with_suffix(".lock")), Journal(journal_of(table)) as journal:
        todo = [one for one in pairs if one.key not in journal.measured]
        damaged: dict[str, str] = {}
        if todo:
            with progress.stage("Comparing", len(todo), "pairs") as advance:
                damaged = _measure(todo, journal, threads, advance)
        checked = [
            CheckedPair(one, found, judge(found, one.gain_ratio, limits))
            for one in pairs
            if (found := journal.measured.get(one.key)) is not None
        ]
        entries = _merged(read_bad_pairs(table)[1], checked)
        write_bad_pairs(table, store.collection, entries, asdict(limits))
    listed = sum(not one.keep for one in entries)
    told = tuple(sorted(damaged.items()))
    return PairReport(tuple(checked), len(pairs) - len(todo), told, table, listed)


def _threads(pairs: Sequence[StoredPair], workers: int | None, max_ram: int) -> int:
    """Choose how many threads measure within a budget of memory.

    Raises
    ------
    UsageError
        If it does not suffice for one.
    """
    if workers is not None and workers < 1:
        raise UsageError(f"{workers} workers", expected="1 or more")
    needed = max(_bytes_of(one.group.packed) for one in pairs)
    fitting = (max_ram - _BASE) // needed
    if fitting < 1:
        raise UsageError(
            f"a budget of {max_ram / 1e6:.0f} MB",
            expected=f"at least {(_BASE + needed) / 1e6:.0f} MB for pairs of this size",
            fix="Raise --max-ram.",
        )
    wanted = workers if workers is not None else _cores()
    return int(min(wanted, fitting))


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _bytes_of(layout: ArrayLayout) -> int:
    """Bytes that a pair of a layout takes while it is measured."""
    return _PIXEL_BYTES * layout.height * layout.width * max(4, layout.planes) // 4


def _measure(
    todo: Sequence[StoredPair], journal: Journal, threads: int, advance: Advance
) -> dict[str, str]:
    """Measure pairs, each long read once for its shorts; returns the damaged, with the reason."""
    by_long: dict[tuple[str, int], list[StoredPair]] = defaultdict(list)
    for one in todo:
        by_long[one.group.name, one.long.index].append(one)
    damaged: dict[str, str] = {}
    stop = threading.Event()

    def work(group: Iterable[StoredPair]) -> None:
        if stop.is_set():
            return
        try:
            damaged.update(_measure_shorts(list(group), journal, stop, advance))
        except BaseException:
            stop.set()  # at once: the next group would begin before the others are told
            raise

    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(work, group) for group in by_long.values()]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            stop.set()
            for future in futures:
                future.cancel()
            raise
    return damaged


def _measure_shorts(
    pairs: Sequence[StoredPair], journal: Journal, stop: threading.Event, advance: Advance
) -> list[tuple[str, str]]:
    """Measure the shorts of one long; returns those that are damaged, with the reason."""
    damaged = []
    try:
        long = PreparedLong(pairs[0].read_long())
    except StoreDamagedError as error:
        advance(len(pairs), pairs[0].long.name)
        return [(one.short.name, f"its long: {_said(error)}") for one in pairs]
    scale = 2 if long.exposed.count == 4 else 3  # noqa: PLR2004 - Bayer, or X-Trans
    for one in pairs:
        if stop.is_set():
            break
        try:
            journal.add(one.key, measure_pair(one.read_short(), long, scale))
        except StoreDamagedError as error:
            damaged.append((one.short.name, _said(error)))
        advance(1, one.short.name)
    return damaged


def _said(error: RawkitError) -> str:
    return str(error).splitlines()[0]


def _merged(before: Iterable[BadPair], checked: Iterable[CheckedPair]) -> list[BadPair]:
    """Put what was found into a list, beside what people wrote and what was not looked at."""
    entries = {one.frame: one for one in before}
    for one in checked:
        name = one.pair.short.name
        old = entries.get(name)
        if old is not None and (old.keep or not old.found):
            continue
        if one.verdict.state == "bad":
            entries[name] = BadPair(
                name, one.pair.long.name, tuple(one.verdict.reasons), one.verdict.text
            )
        else:
            entries.pop(name, None)
    return list(entries.values())
