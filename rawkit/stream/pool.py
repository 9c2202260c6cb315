"""Threads that fill the batches to come.

A window is read chunk by chunk, and every crop that lies in a chunk takes its part from it while
the chunk is still in the core's cache. So nothing is kept but the batches that are being filled.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections import deque
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from rawkit.stream.buffers import Buffers
from rawkit.stream.cutting import native_bytes
from rawkit.stream.epochs import EpochShapes
from rawkit.stream.pairs import count_targets, layouts_of
from rawkit.stream.plan import longest_span
from rawkit.stream.reader import Scratch
from rawkit.stream.schedule import Ahead, jobs, open_batches
from rawkit.stream.window import WindowReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from rawkit.store import ArrayLayout
    from rawkit.stream.cache import ChunkCache
    from rawkit.stream.epochs import EpochSources
    from rawkit.stream.keeper import Keeper
    from rawkit.stream.pairs import PairSource
    from rawkit.stream.schedule import Job, RankShare, Use
    from rawkit.stream.settings import PlanSettings
    from rawkit.stream.shapes import Window
    from rawkit.stream.shorts import Shorts

READ_AHEAD = 4
"""Windows beyond those that the batch in turn may need; a thread more than that adds one."""


@dataclass(slots=True)
class Filled:
    """The crops of a batch."""

    packed: NDArray[np.uint16]
    """Packed planes, shape (B, 4, n, n), sensor units, augmented; (B, T, 4, n, n) of clips."""
    target: NDArray[Any]
    """Targets, shape (B, 3, 2n, 2n), augmented; (B, T, 3, 2n, 2n) of clips."""
    missing: int
    """Crops still to come."""
    crops: dict[int, tuple[Sequence[PairSource], Window, Use]] = field(default_factory=dict)
    """By place: the frame or those of the clip, the window, and which crop."""


class BatchPool:
    """Fills batches with a few threads, in memory that is used again."""

    def __init__(
        self,
        epochs: EpochSources,
        target: ArrayLayout,
        settings: PlanSettings,
        share: RankShare,
        *,
        threads: int,
        cache: ChunkCache | None = None,
        in_bursts: bool = False,
        pinned: bool = False,
        keeper: Keeper | None = None,
        shorts: Shorts | None = None,
    ) -> None:
        self.shorts = shorts
        """What makes shorts of those frames that are longs; None: there are none."""
        self.keeper = keeper
        """Sees to it that what a window reads is there; None: it is."""
        self._epochs, self._settings, self._share = epochs, settings, share
        self._shapes = EpochShapes(epochs)
        self._threads, self._cache = threads, cache
        self.in_bursts = in_bursts
        """Whether threads rest while no batch is waited for."""
        self.ahead = _ahead(settings, threads)
        """Windows that are read beyond those that the batch in turn may need."""
        self._most = open_batches(settings, share, self.ahead)
        n = settings.packed_side
        many = (share.size, settings.clip) if settings.clip > 1 else (share.size,)
        self._packed = Buffers((*many, 4, n, n), np.uint16, pinned=pinned)
        side = n if target.name == "packed" else 2 * n
        shape = (*many, target.planes, side, side)
        self._target = Buffers(shape, target.dtype, pinned=pinned)
        self.waited = 0.0
        """Seconds spent waiting for a batch that was not there in time."""
        self.waits_since: float | None = None
        """Since when a batch is waited for, by the monotonic clock; None while none is."""

    def batches(self, position: int) -> Iterator[Filled]:
        """Yield batches from sample `position` on, for ever.

        Raises
        ------
        StoreDamagedError
            If a shard is missing or damaged, at the first batch that needs it.
        """
        self._reach(position)
        if self.keeper is not None:
            most = self.keeper.batches
            left = None if most is None else max(0, most - position // self._share.batch_size)
            self.keeper.begin(Ahead(self._epochs, self._settings, self._share, position, left))
        run = _Run(self, jobs(self._shapes, self._settings, self._share, position))
        # A stream that is never closed must not keep the process from ending, nor may its threads
        # be caught in the middle of a library that is being taken down.
        atexit.register(run.stop)
        try:
            run.start(self._threads)
            while True:
                yield run.next()
                position += self._share.batch_size
                self._reach(position)
        finally:
            run.stop()
            atexit.unregister(run.stop)
            self._packed.clear()
            self._target.clear()

    def _reach(self, position: int) -> None:
        """Have all epochs fixed that threads may ask for while the batch at `position` is in turn.

        They go on to the next epoch once all of its last windows are taken, but those `ahead` that
        are announced and the one that is looked at: what these give, and what all batches under
        way hold, is how far the end of an epoch may be.
        """
        announced = (self.ahead + 1) * self._settings.crops_per_window * self._share.ranks
        self._epochs.reach(position + self._most * self._share.batch_size + announced)
        if self.keeper is not None:
            self.keeper.look()

    @property
    def most(self) -> int:
        """Batches that may be under way at once."""
        return self._most

    def new(self) -> Filled:
        """Return a batch that waits for all its crops."""
        return Filled(self._packed.take(), self._target.take(), self._share.size)

    def reader(self, job: Job) -> WindowReader:
        """Return what reads a window; nothing is opened yet."""
        pairs = self._epochs.sources(job.epoch)
        sources = tuple(pairs[frame] for frame in job.frames)
        return WindowReader(sources, job, self._settings.extent, self._cache)

    def hold(self, number: int) -> None:
        """Wait until what a window reads is there, `number` from 0 since the stream was started."""
        if self.keeper is not None:
            self.keeper.wait(number)

    def release(self, number: int) -> None:
        """Say that a window has been read."""
        if self.keeper is not None:
            self.keeper.done(number)


class _Run:
    """One pass of the threads: what they share."""

    def __init__(self, pool: BatchPool, todo: Iterator[Job]) -> None:
        self._pool, self._todo = pool, todo
        # Whoever is woken takes the interpreter's lock from whoever computes: so only those whose
        # turn it is.
        self._lock = threading.Lock()
        self._room, self._filled = threading.Condition(self._lock), threading.Condition(self._lock)
        self._batches: dict[int, Filled] = {}
        self._upcoming: deque[Job] = deque()
        self._turn = 0
        self._numbers = 0
        self._taken = 0
        """Windows that threads have taken and not yet done."""
        self._reading = not pool.in_bursts
        """Whether threads may take windows."""
        self._failed: dict[int, BaseException] = {}
        self._stopped = False
        self._workers: list[threading.Thread] = []

    def start(self, threads: int) -> None:
        """Start so many threads."""
        for number in range(threads):
            worker = threading.Thread(target=self.work, name=f"rawkit-read-{number}", daemon=True)
            self._workers.append(worker)
            worker.start()

    def next(self) -> Filled:
        """Wait for the batch whose turn it is."""
        with self._lock:
            if not self._ready():
                started = time.perf_counter()
                self._pool.waits_since = time.monotonic()
                self._reading = True
                self._room.notify_all()
                self._filled.wait_for(self._ready)
                if self._pool.in_bursts:
                    self._filled.wait_for(self._resting)
                self._pool.waited += time.perf_counter() - started
                self._pool.waits_since = None
            batch = self._batches.get(self._turn)
            if batch is None or batch.missing:
                raise self._failed[min(self._failed)]
            del self._batches[self._turn]
            self._turn += 1
            self._room.notify_all()
            return batch

    def stop(self) -> None:
        """End the threads after the window each is reading, and wait for them."""
        with self._lock:
            self._stopped = True
            self._room.notify_all()
        if self._pool.keeper is not None:
            self._pool.keeper.rest()
        for worker in self._workers:
            worker.join()

    def work(self) -> None:
        """Do what a thread does until it is stopped."""
        scratch = Scratch()
        following: WindowReader | None = None
        current: WindowReader | None = None
        try:
            while True:
                current, following = following or self._take(wait=False), None
                if current is None:
                    self._end_burst()
                    current = self._take(wait=True)
                if current is None:
                    return
                # One window is on its way from the disk while the one before is decoded.
                following = self._take(wait=False)
                if following is not None:
                    following.announce()
                with closing(current):
                    self._pool.hold(current.number)
                    self._fill(current, scratch)
                self._pool.release(current.number)
                self._done(current)
        except BaseException as error:  # noqa: BLE001 - raised again where the batch is awaited
            self._fail(current, error)
        finally:
            if following is not None:
                following.close()

    def _fill(self, window: WindowReader, scratch: Scratch) -> None:
        """Cut the crops of a window into their batches."""
        places = [(self._batches[use.batch], use.slot) for use in window.job.uses]
        packed = [batch.packed[slot] for batch, slot in places]
        targets = [batch.target[slot] for batch, slot in places]
        window.cut((packed, targets), scratch)
        if self._pool.shorts is not None:
            for use, planes, target in zip(window.job.uses, packed, targets, strict=True):
                self._pool.shorts.change(planes, target, window.sources, use)

    def _ready(self) -> bool:
        batch = self._batches.get(self._turn)
        failed = self._failed and min(self._failed) <= self._turn
        return bool(failed) or (batch is not None and not batch.missing)

    def _resting(self) -> bool:
        return bool(self._failed) or not (self._reading or self._taken)

    def _end_burst(self) -> None:
        """Rest until a batch is waited for, while the disk reads what comes then."""
        with self._lock:
            if not (self._pool.in_bursts and self._reading) or self._has_room():
                return
            self._reading = False
            self._filled.notify_all()
            missing = self._pool.ahead - len(self._upcoming)
            self._upcoming.extend(next(self._todo) for _ in range(missing))
            announced = tuple(self._upcoming)
        for job in announced:
            with closing(self._pool.reader(job)) as window:
                window.announce_all()

    def _has_room(self) -> bool:
        """Tell whether the batches of the next window may be begun."""
        if not self._upcoming:
            self._upcoming.append(next(self._todo))
        return self._upcoming[0].last < self._turn + self._pool.most

    def _take(self, *, wait: bool) -> WindowReader | None:
        """Take the next window as soon as its batches have room; None when there is no more."""
        with self._lock:
            while not self._stopped and not self._failed:
                if self._reading and self._has_room():
                    job = self._upcoming.popleft()
                    self._taken += 1
                    for use in job.uses:
                        if use.batch not in self._batches:
                            self._batches[use.batch] = self._pool.new()
                    reader = self._pool.reader(job)
                    reader.number, self._numbers = self._numbers, self._numbers + 1
                    return reader
                if not wait:
                    return None
                self._room.wait()
            return None

    def _done(self, window: WindowReader) -> None:
        job = window.job
        with self._lock:
            self._taken -= 1
            for use in job.uses:
                batch = self._batches[use.batch]
                batch.crops[use.slot] = (window.sources, job.window, use)
                batch.missing -= 1
            self._filled.notify_all()

    def _fail(self, window: WindowReader | None, error: BaseException) -> None:
        with self._lock:
            self._failed[self._turn if window is None else window.job.first] = error
            self._room.notify_all()
            self._filled.notify_all()


def _ahead(settings: PlanSettings, threads: int) -> int:
    """Windows that are read beyond those that the batch in turn may need; of clips one a thread."""
    return max(READ_AHEAD if settings.clip == 1 else 1, threads)


def _values(target: ArrayLayout) -> int:
    """Values of a target for each packed pixel."""
    return target.planes if target.name == "packed" else target.planes * 4


def pool_bytes(
    sources: Sequence[PairSource],
    settings: PlanSettings,
    ranks: int = 1,
    *,
    threads: int = 2,
) -> int:
    """Bytes of the crops that one rank's stream holds at most, besides a batch being filled.

    They are those of the live windows and of the windows read ahead, each as many times as large as
    a clip has frames; and each thread has a decoded chunk of each kind and an encoded one, and the
    memory of the native module.
    """
    n, crops = settings.packed_side, settings.crops_per_window
    layouts = layouts_of(sources)
    frame = max(4 * n * n * 2 + _values(target) * n * n * target.itemsize for _, target in layouts)
    crop = settings.clip * frame
    samples = longest_span(settings) // ranks + _ahead(settings, threads) * crops
    kinds = {layout for pair in layouts for layout in pair}
    chunks = {
        (layout.planes, layout.chunk, layout.dtype): layout.chunk_bytes for layout in kinds
    }.values()
    # The crops of all frames that share a long are cut from it at once.
    at_once = crops * (settings.clip if count_targets(sources) < len(sources) else 1)
    native = max(native_bytes(layout, at_once) for layout in kinds)
    return samples * crop + threads * (sum(chunks) + max(chunks) + native)
