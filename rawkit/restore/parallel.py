"""Whole files side by side: in several processes of this machine, or on a dask cluster.

Each process has its own network, and within it the pipeline of `rawkit.restore.pipeline`. It asks
for the next item when its decoder is free, so that a slow file holds up nobody else. One that dies
costs the file it was at; another takes its place.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections import deque
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from queue import Queue
from typing import TYPE_CHECKING
from uuid import uuid4

from rawkit.errors import (
    ClusterError,
    CrashedError,
    MissingError,
    RawkitError,
    StoreUnreachableError,
    UnreadableError,
)
from rawkit.interrupt import uninterrupted
from rawkit.restore.decoder import Decoder
from rawkit.restore.gallery import key_of
from rawkit.restore.inputs import Item
from rawkit.restore.outcome import Outcome
from rawkit.restore.output import Output
from rawkit.restore.pipeline import restore_stream
from rawkit.workers import Child, require_seen, scratch_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future
    from multiprocessing.connection import Connection

    from rawkit.restore.neutral import KnownNeutral
    from rawkit.restore.outcome import Restored
    from rawkit.restore.restorer import Compute, Restorer
    from rawkit.restore.sending import Sending
    from rawkit.workers import Cluster

_LINE = (StoreUnreachableError, MissingError, UnreadableError)
"""What a worker says whose line is cut, or whose server does not answer."""
_NEXT = "next"
_AHEAD = 2
"""Items under way for each thread of a cluster."""


@dataclass(frozen=True, slots=True)
class Station:
    """What a process needs to restore items."""

    output: Output
    """What is written."""
    compute: Compute
    """Which network, and how it computes."""
    frame_seconds: float
    """Time after which decoding a file counts as hung."""
    threads: int | None = None
    """Threads of the network; None: as many as there are cores."""
    decoder_bytes: int | None = None
    """What decoding a file may take; None: no limit."""
    neutral: KnownNeutral | None = None
    """The grey of the weights where it was probed, so that no other process need do it."""
    sending: Sending | None = None
    """How pictures and what they are made of pass, on a cluster that shares no folder."""

    def open(self) -> tuple[Restorer, Decoder]:
        """Load the network, start the decoder."""
        from rawkit.restore.network import load_restorer  # noqa: PLC0415 - torch, here alone

        if self.threads is not None:
            import torch  # noqa: PLC0415 - likewise

            torch.set_num_threads(self.threads)
        if self.neutral is not None:
            from rawkit.restore.neutral import remember  # noqa: PLC0415 - likewise

            remember(self.neutral)
        decoder = Decoder(self.frame_seconds, self.decoder_bytes)
        decoder.start()
        return load_restorer(self.compute.weights, self.compute), decoder


def restore_in_processes(
    items: Iterable[Item],
    station: Station,
    workers: int,
    done: Callable[[Outcome], None],
) -> None:
    """Restore items in so many processes; `done` is told of each as it ends, in this thread.

    If `done` raises, or the user interrupts, what is under way is finished and told of; then the
    error comes through.
    """
    queue = _Queue(items)
    outcomes: Queue[Outcome | None] = Queue()
    threads = [
        threading.Thread(target=_attend, args=(station, queue, outcomes), daemon=True)
        for _ in range(workers)
    ]
    for thread in threads:
        thread.start()
    running = workers
    raised: BaseException | None = None
    while running:
        try:
            outcome = outcomes.get()
            if outcome is None:
                running -= 1
            else:
                with uninterrupted():
                    done(outcome)
        except BaseException as error:
            if raised is not None:
                raise
            raised = error
            queue.stop()
    if raised is not None:
        raise raised


class _Queue:
    """Hands out items to threads until it is stopped."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._items = iter(items)
        self._again: deque[Item] = deque()
        self._lock = threading.Lock()
        self._stopped = False

    def next(self) -> Item | None:
        """Return the next item; None after the last."""
        with self._lock:
            if self._stopped:
                return None
            return self._again.popleft() if self._again else next(self._items, None)

    def give_back(self, items: Iterable[Item]) -> None:
        """Take items back that were handed out and not begun."""
        with self._lock:
            self._again.extend(items)

    def stop(self) -> None:
        """Hand out nothing more."""
        self._stopped = True


def _attend(station: Station, queue: _Queue, outcomes: Queue[Outcome | None]) -> None:
    """Serve one process after the other until there are no items left."""
    try:
        while _attend_one(station, queue, outcomes):
            pass
    finally:
        outcomes.put(None)


def _attend_one(station: Station, queue: _Queue, outcomes: Queue[Outcome | None]) -> bool:
    """Serve a process until its end; tell whether it died and another is needed."""
    environment = {"OMP_NUM_THREADS": str(station.threads)} if station.threads else {}
    child = Child(f"{__name__}:_serve", environment)
    given: deque[Item] = deque()
    try:
        child.send(station)
        while True:
            message = child.receive()
            if isinstance(message, Outcome):
                given.popleft()
                outcomes.put(message)
            elif isinstance(message, RawkitError):  # it could not even begin
                _fail_all(queue, message, outcomes)
                return False
            else:
                item = queue.next()
                if item is not None:
                    given.append(item)
                child.send(item)
                if item is None and not given:
                    return False
    except EOFError:
        if not given:
            return False
        how = child.ended_by()
        error = CrashedError(f"the process that restored it died ({how})", where=given[0].where)
        outcomes.put(Outcome(given.popleft(), error=error))
        queue.give_back(given)
        return True
    finally:
        child.close()


def _fail_all(queue: _Queue, error: RawkitError, outcomes: Queue[Outcome | None]) -> None:
    while (item := queue.next()) is not None:
        outcomes.put(Outcome(item, error=error))


def _serve(connection: Connection) -> None:
    """Run in the process: ask for items, send back what became of them."""
    station: Station = connection.recv()
    try:
        restorer, decoder = station.open()
    except RawkitError as error:
        connection.send(error)
        return

    def items() -> Iterator[Item]:
        while True:
            connection.send(_NEXT)
            item = connection.recv()
            if item is None:
                return
            yield item

    with decoder:
        restore_stream(items(), station.output, restorer, decoder, connection.send)


def restore_on_cluster(
    items: Iterable[Item],
    station: Station,
    cluster: Cluster,
    done: Callable[[Outcome], None],
) -> None:
    """Restore items on the workers of a dask cluster.

    They must see the same paths, unless the station says how things pass.

    Raises
    ------
    ClusterError
        If it is not fit for the work or is lost; `done` has been told of what was finished.
    StoreUnreachableError
        If the bucket for the pictures is lost.
    """
    waiting: dict[Future[Outcome], Item] = {}
    again = set[Item]()
    source = iter(items)

    def submit(item: Item) -> None:
        waiting[cluster.submit(_restore_one, item, station, item.origin)] = item

    try:
        while True:
            while (
                len(waiting) < _AHEAD * cluster.threads and (item := next(source, None)) is not None
            ):
                submit(item)
            if not waiting:
                return
            finished = cluster.wait(waiting)
            with uninterrupted():
                for future in finished:
                    item = waiting.pop(future)
                    outcome = _result(cluster, future, item, station)
                    if isinstance(outcome.error, _LINE) and item not in again:
                        again.add(item)  # it may have been the worker's line that was cut
                        submit(item)
                        continue
                    if station.sending is not None:
                        station.sending.done(item)
                    done(outcome)
    finally:
        for future in waiting:
            future.cancel()


def _result(cluster: Cluster, future: Future[Outcome], item: Item, station: Station) -> Outcome:
    """Wait for an item; its pictures get the names they have here."""
    try:
        outcome: Outcome = cluster.result(future)
    except ClusterError:
        raise
    except RawkitError as error:
        return Outcome(item, error=error, fatal=isinstance(error, StoreUnreachableError))
    except Exception as error:  # noqa: BLE001 - dask's own, of workers that died
        text = f"the worker that restored it failed ({type(error).__name__}: {error})"
        return Outcome(item, error=CrashedError(text, where=item.where))
    placed = [replace(one, source=item.where) for one in outcome.restored]
    if station.sending is not None:
        placed = [station.sending.adopted(one) for one in placed]
    else:
        placed = [_named(one, station.output, item) for one in placed]
    return replace(outcome, item=item, restored=tuple(placed))


def _named(restored: Restored, output: Output, item: Item) -> Restored:
    """Give pictures that the worker calls by absolute paths the names they have here."""
    names = {key_of(path): path for path in output.all_files(item.name)}
    plain = restored.plain
    return replace(
        restored,
        picture=names[key_of(restored.picture)],
        plain=None if plain is None else names[key_of(plain)],
    )


def _restore_one(item: Item, station: Station, origin: Path | None) -> Outcome:
    """Restore one item in a worker of a cluster, with the network that it keeps."""
    output, sent = station.output, station.sending
    if isinstance(output.folder, Path):
        require_seen(output.folder, "the folder for the pictures")
    if sent is not None:  # a folder of this try alone
        output = replace(output, folder=sent.objects.place.location / uuid4().hex)
    compute = station.compute
    if sent is None or sent.weights is None:
        require_seen(compute.weights, "the weights")
    else:
        scratch = scratch_folder() or Path(tempfile.gettempdir())
        compute = replace(compute, weights=sent.weights.fetched(scratch / "weights"))
    if origin is not None:
        require_seen(origin, "what the raw files lie in")
    # What is kept serves the next batch, too, wherever its pictures go.
    bare = replace(station, compute=compute, output=Output(Path()), sending=None)
    restorer, decoder = _kept(bare, threading.get_ident())
    outcomes: list[Outcome] = []
    restore_stream([item], output, restorer, decoder, outcomes.append, last=False)
    return outcomes[0]


@lru_cache(maxsize=8)
def _kept(station: Station, thread: int) -> tuple[Restorer, Decoder]:  # noqa: ARG001 - a decoder serves one thread
    return station.open()


def workers_that_fit(wanted: int, max_ram: int, each: int) -> int:
    """Return how many processes fit into memory, at least one and at most as many as wanted."""
    return max(1, min(wanted, max_ram // each))


def threads_for(workers: int) -> int:
    """Share the cores among so many processes."""
    return max(1, (os.cpu_count() or 1) // workers)
