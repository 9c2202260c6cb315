"""The process beside a training: it scans, fetches in the order of need, decodes and commits.

It says all that happens, waits for what is away, and ends with the training.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rawkit.catalog import LeftOut
from rawkit.errors import RawkitError, UnreadableError
from rawkit.ingest import (
    Exchange,
    Pool,
    passes,
    pause_before,
    prepare_frame,
    read_ahead,
    reason_of,
    run_ingest,
)
from rawkit.store import staging_of
from rawkit.supply.messages import (
    STOP,
    Away,
    Bad,
    Begun,
    Committed,
    Decoded,
    Ended,
    Fetched,
    Landed,
    Rests,
    Scanning,
)
from rawkit.supply.planned import planned, stored_bytes, wanted_of, without_those_there
from rawkit.supply.within import Within
from rawkit.workers import give_back, silence_c_libraries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future
    from multiprocessing.connection import Connection

    from rawkit.catalog import Entry
    from rawkit.ingest import FrameJob, IngestPlan, IngestReport, Prepared
    from rawkit.progress import Advance
    from rawkit.store import FrameRow, StoreWriter
    from rawkit.supply.messages import Message, Order, Told

_AHEAD = 3
"""Frames under way for each thread that decodes."""
_FETCHERS = 2
"""Threads beyond those that decode, which fetch meanwhile, where frames wait for room."""
_LOOK_SECONDS = 0.5
_SAY_SECONDS = 0.3
"""Seconds between two words on bytes that have come."""
_HUNG_SECONDS = 600.0
"""Seconds after which a frame is taken to hang: decoding gives way to training, and may be slow."""
_COMMIT_SHARE = 20
"""How many times as long as a commit takes it is to the next one, at least."""
_COMMIT_SECONDS = (2.0, 15.0)
"""Seconds between two commits, at least and at most."""
_NICENESS = 19


def serve(connection: Connection) -> None:
    """Do an ingest for the process at the other end, in this one."""
    order: Order = connection.recv()
    silence_c_libraries()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    talk = _Talk(connection)
    beside = _Beside(order, talk)
    threading.Thread(target=_obey, args=(connection, beside), daemon=True).start()
    try:
        ended = beside.run()
    except KeyboardInterrupt:
        ended = Ended(stopped=True)
    beside.close()
    talk.say(ended)


def _obey(connection: Connection, beside: _Beside) -> None:
    """End with the other process, when it says so, or when a frame hangs."""
    while True:
        try:
            if connection.poll(1.0):
                told = connection.recv()
                if told == STOP:
                    os.kill(os.getpid(), signal.SIGINT)
                else:
                    beside.hear(told)
            elif beside.hangs():
                os._exit(1)
        except (EOFError, OSError):
            os._exit(1)  # whoever asked for it is gone; the next writer sweeps up


class _Talk:
    """Says things from any thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._lock = connection, threading.Lock()
        self._bytes, self._said = 0, 0.0

    def say(self, message: Message) -> None:
        """Say it, unless nobody listens any more."""
        with self._lock, suppress(OSError):
            self._connection.send(message)

    def count(self, count: int) -> None:
        """Say now and then how many bytes have come."""
        with self._lock:
            self._bytes += count
            if time.monotonic() - self._said < _SAY_SECONDS:
                return
            message, self._bytes, self._said = Fetched(self._bytes), 0, time.monotonic()
        self.say(message)

    @contextmanager
    def stage(self, label: str, total: int | None, unit: str) -> Iterator[Advance]:
        """Tell of a stage of the scan."""
        seen, said = 0, 0.0
        self.say(Scanning(label, 0, total, unit))

        def advance(done: int = 1, note: str = "") -> None:  # noqa: ARG001 - the protocol's
            nonlocal seen, said
            seen += done
            if time.monotonic() - said > _SAY_SECONDS:
                said = time.monotonic()
                self.say(Scanning(label, seen, total, unit))

        yield advance


class _Beside:
    """One order, until all has landed."""

    def __init__(self, order: Order, talk: _Talk) -> None:
        self._order, self._talk = order, talk
        self._away = False
        self._begun: dict[str, float] = {}
        self._first: frozenset[str] = frozenset()
        """Shorts that training waits for before it begins."""
        self._awaited: dict[str, str] = {}
        """Shorts that are committed as soon as they are there, and their longs."""
        self._eager = True
        """Whether training has not begun yet, so that all cores are free."""
        self._turns = threading.Semaphore(max(order.threads, order.eager))
        self._committed_at, self._commit_took = time.monotonic(), 0.0
        self._unsaid = 0
        """Frames that were added since the last commit."""
        self._writer: StoreWriter | None = None
        self._within = None if order.disk is None else Within(order, talk.say, self._turns)
        self._there: set[str] | None = None
        """Of the frames that are awaited, those the store has; None until one of a run has come."""

    def run(self) -> Ended:
        """Fetch all; returns how it ended."""
        plan: IngestPlan | None = None
        tries = 0
        while True:
            here = 0 if plan is None else len(plan.wanted)
            try:
                plan = self._planned() if plan is None else without_those_there(plan)
                if len(plan.wanted) < here:
                    tries = 0
                report = self._ingest(plan)
            except RawkitError as error:
                self._talk.say(Committed())
                if not passes(error) or (plan is None and not self._order.patient):
                    return Ended(error)
                self._say_away(error)
                time.sleep(pause_before(tries))
                tries += 1
            else:
                self._talk.say(Committed())
                if self._within is not None and not report.interrupted:
                    self._talk.say(Rests())
                    threading.Event().wait()  # until Ctrl-C
                return Ended(stopped=report.interrupted)

    def hear(self, told: Told) -> None:
        """Take what the training says."""
        if self._within is not None:
            self._within.hear(told)

    def close(self) -> None:
        """Have the store be as it says it is."""
        if self._within is not None:
            self._within.close()

    def hangs(self) -> bool:
        """Tell whether a frame has been under way for too long."""
        now = time.monotonic()
        return any(now - begun > _HUNG_SECONDS for begun in list(self._begun.values()))

    def _planned(self) -> IngestPlan:
        """Scan the source, and say what is wanted of it."""
        plan, arranged = planned(self._order, self._talk, self._talk.count)
        self._first = frozenset((*self._order.urgent, *arranged.first))
        awaited = (*self._order.urgent, *arranged.first, *arranged.val)
        self._awaited = {name: arranged.longs[name] for name in awaited if name in arranged.longs}
        self._talk.say(wanted_of(plan, arranged))
        return plan

    def _ingest(self, plan: IngestPlan) -> IngestReport:
        self._unsaid, self._there, self._writer = 0, None, None
        if self._within is not None:
            self._within.begin(plan.catalog)
        return run_ingest(
            plan, staging=self._order.staging, pool=self._pool(), each=self._take,
            fetch_ahead=self._within is None,
        )  # fmt: skip

    @contextmanager
    def _pool(self) -> Iterator[Pool]:
        """Threads that decode; where LibRaw ends one, this process goes too, and is begun anew."""
        count = max(self._order.threads, self._order.eager)
        with ThreadPoolExecutor(count + (0 if self._within is None else _FETCHERS)) as threads:
            try:
                yield Pool(
                    lambda job: self._submit(threads, job),
                    lambda future, _: self._result(future),
                    lambda: _AHEAD * self._order.threads,
                    Exchange(staging_of(self._order.store, self._order.staging)),
                )
            finally:
                if self._within is not None:
                    self._within.release()

    def _submit(self, threads: ThreadPoolExecutor, job: FrameJob) -> Future[Prepared | LeftOut]:
        """Have a frame decoded. Frames ask for room in the order in which they will land.

        Asked by the threads, one could have the last room that waits for those before it to land.
        """
        if self._within is not None and job.entry.frame.name not in self._order.killers:
            self._within.ask(job.entry)
        return threads.submit(self._decode, job)

    def _result(self, future: Future[Prepared | LeftOut]) -> Prepared | LeftOut:
        """Wait for a frame; where it waits for room, those before it are committed."""
        while True:
            try:
                return future.result(_LOOK_SECONDS)
            except TimeoutError:
                if future.done():
                    raise
                if self._writer is not None and self._unsaid and self._due():
                    self._commit(self._writer)

    def _decode(self, job: FrameJob) -> Prepared | LeftOut:
        name = job.entry.frame.name
        killed = self._order.killers.get(name)
        if killed is not None:
            return LeftOut(name, "crashed", killed)
        if self._within is not None:
            self._within.wait_for_room(name)
            job = _fetched(job)
        with self._turns:
            self._begun[name] = time.monotonic()
            self._talk.say(Begun(name))
            try:
                found = prepare_frame(job)
                if self._within is not None and not isinstance(found, LeftOut):
                    self._within.learn(job.entry, found)
                return found
            finally:
                del self._begun[name]
                self._talk.say(Decoded(name))
                if not self._eager:
                    give_back()  # what more frames at once have taken before

    def _take(self, writer: StoreWriter, entry: Entry, result: Prepared | LeftOut) -> None:
        """Tell of a frame, and commit what somebody waits for, or what is due."""
        name, size = entry.frame.name, stored_bytes(entry)
        if self._away:
            self._away = False
            self._talk.say(Away(""))
        if isinstance(result, LeftOut):
            self._talk.say(Bad(name, result.kind, result.reason, size))
        else:
            self._talk.say(Landed(name, size, _shard_bytes(writer.last, result)))
            self._unsaid += 1
            self._writer = writer
        if self._there is None:
            self._there = {*self._awaited, *self._awaited.values()} & writer.names
        elif not isinstance(result, LeftOut):
            self._there.add(name)
        bad = isinstance(result, LeftOut)
        there = [
            short for short, long in self._awaited.items()
            if self._there >= {short, long} or (bad and name in {short, long})
        ]  # fmt: skip
        for short in there:
            del self._awaited[short]
        if self._unsaid and (there or self._due()):
            self._commit(writer)
        if self._eager and not self._awaited.keys() & self._first:
            self._settle_down()

    def _commit(self, writer: StoreWriter) -> None:
        started = time.monotonic()
        writer.commit()
        self._committed_at, self._unsaid = time.monotonic(), 0
        self._commit_took = self._committed_at - started
        self._talk.say(Committed())

    def _settle_down(self) -> None:
        """Take no more from now on than what is left beside a training."""
        self._eager = False
        for _ in range(self._order.eager - self._order.threads):
            # Each is waited for by the thread that decodes, not here.
            threading.Thread(target=self._turns.acquire, daemon=True).start()
        give_way()

    def _due(self) -> bool:
        if self._within is not None and self._within.wants_commit.is_set():
            return True
        least, most = _COMMIT_SECONDS
        pause = min(most, max(least, _COMMIT_SHARE * self._commit_took))
        return time.monotonic() - self._committed_at >= pause

    def _say_away(self, error: RawkitError) -> None:
        self._away = True
        self._talk.say(Away(reason_of(error)))


def _fetched(job: FrameJob) -> FrameJob:
    """Fetch the raw file of a job now, before it is its turn to be decoded."""
    try:
        return replace(job, source=read_ahead(job.source, job.file) or job.source)
    except UnreadableError:
        return job  # whoever reads it again says why


def _shard_bytes(row: FrameRow, prepared: Prepared) -> int:
    """Bytes of the shards of a frame that has just been added."""
    if row.duplicate_of is not None:
        return 0
    if row.packed_bytes is None:  # a store of an older version
        return prepared.written
    return row.packed_bytes + (row.target_bytes or 0)


def give_way() -> None:
    """Have this process take only what others leave of the cores, from now on.

    Being nice is not enough: threads that compute together wait for the one among them whose core
    was taken, if only for a moment. An idle thread gives its core back at once.
    """
    with suppress(OSError):
        for thread in Path("/proc/self/task").iterdir():
            os.setpriority(os.PRIO_PROCESS, int(thread.name), _NICENESS)
            os.sched_setscheduler(int(thread.name), os.SCHED_IDLE, os.sched_param(0))
