"""A store that holds less than is trained on: frames are there when their window is read.

The order of windows is known, so a thread fetches what will be needed and evicts what is needed
last, see `holding`. Readers wait for it, and say when a window is done. Moves are done in order;
none waits for more than windows before the one it is for, so the first window that is not done can
always go on.
"""

from __future__ import annotations

import threading
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from rawkit.errors import UsageError
from rawkit.stream.holding import belady, least_budget, moves

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rawkit.stream.holding import Move, Need
    from rawkit.stream.pairs import PairSource
    from rawkit.stream.schedule import Job


class Shelf(Protocol):
    """Where frames are held."""

    def held(self) -> set[str]:
        """Return the names of the frames that are there."""

    def bring(self, frame: str) -> int:
        """Fetch a frame; returns the bytes that came from its source."""

    def evict(self, frames: Sequence[str]) -> None:
        """Make room."""


class Keeper:
    """Has frames fetched ahead of their windows, and evicted by who is needed last.

    Parameters
    ----------
    shelf
        Where frames are held.
    sources
        The pairs that windows are cut from.
    frames
        By the name of a pair, the frames that its windows read.
    sizes
        Bytes that each frame takes.
    budget
        Bytes that all of them may take at once.
    epoch
        Windows of an epoch: one epoch is looked ahead.
    batches
        Batches, from the first of all, after which nothing is read any more; None: for ever.

    Raises
    ------
    UsageError
        If a pair does not fit into the budget.
    """

    def __init__(
        self,
        shelf: Shelf,
        sources: Sequence[PairSource],
        frames: Mapping[str, Need],
        sizes: Mapping[str, int],
        budget: int,
        epoch: int,
        batches: int | None = None,
    ) -> None:
        self._shelf, self._sizes, self._budget = shelf, sizes, budget
        self._pairs = tuple(frames[source.name] for source in sources)
        self._epoch, self._batches = epoch, batches
        least = least_budget(self._pairs, sizes)
        if least > budget:
            raise UsageError(
                f"room for {budget} bytes of frames", expected=f"at least {least}",
                fix="Give more with --disk.",
            )  # fmt: skip
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._reset()
        self.fetched = 0
        """Bytes that have come from the source."""
        self.brought = 0
        """Frames that have come."""

    def _reset(self) -> None:
        self._planned = 0
        """Windows whose moves are known to be done, up to the first that lacks a frame."""
        self._here: set[str] = set()
        self._done: set[int] = set()
        self._first = 0
        """The first window that is not done."""
        self._error: BaseException | None = None
        self._stopped = False

    def begin(self, jobs: Iterator[Job], batch: int = 0) -> None:
        """Begin with an order of windows; `batch` is the number of its first one, of all."""
        self.stop()
        self._reset()
        self._here = self._shelf.held()
        most = None if self._batches is None else self._batches - batch
        self._thread = threading.Thread(
            target=self._work, args=(self.needs(jobs, most),), name="rawkit-keep", daemon=True
        )
        self._thread.start()

    def needs(self, jobs: Iterator[Job], batches: int | None) -> Iterator[Need]:
        """Yield what each window reads, of those that so many batches are cut from."""
        for job in jobs:
            if batches is not None and job.first >= batches:
                return
            yield frozenset().union(*(self._pairs[frame] for frame in job.frames))

    def least(self, jobs: Iterator[Job], batches: int, costs: Mapping[str, int]) -> float:
        """Return the least bytes that so many batches can be had with; see `belady`."""
        return belady(list(self.needs(jobs, batches)), self._sizes, self._budget, costs)

    def wait(self, number: int) -> None:
        """Wait until the frames of a window are there, or until `stop`.

        Raises whatever fetching them has raised.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._ready(number))
            if self._error is not None and number >= self._planned:
                raise self._error

    def done(self, number: int) -> None:
        """Say that a window has been read: its frames may go."""
        with self._changed:
            self._done.add(number)
            while self._first in self._done:
                self._done.remove(self._first)
                self._first += 1
            self._changed.notify_all()

    def stop(self) -> None:
        """End the thread, after the frame that is under way."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _ready(self, number: int) -> bool:
        return self._stopped or self._error is not None or number < self._planned

    def _work(self, needs: Iterator[Need]) -> None:
        try:
            base = 0
            known: deque[Need] = deque(islice(needs, 2 * self._epoch))
            while known and not self._stopped:
                here = min(len(known), self._epoch)
                found = moves(list(known), self._sizes, self._budget, self._here, until=here)
                for move in found:
                    self._say(base + move.before)
                    if not self._wait_for_done(base + move.after):
                        return
                    self._do(move)
                base += here
                self._say(base)
                for _ in range(here):
                    known.popleft()
                known.extend(islice(needs, here))
        except BaseException as error:  # noqa: BLE001 - raised again where a window waits
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _say(self, planned: int) -> None:
        """Tell the readers that all windows before this one have what they need."""
        with self._changed:
            self._planned = planned
            self._changed.notify_all()

    def _wait_for_done(self, windows: int) -> bool:
        """Wait until so many windows are done; tells whether to go on."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._first >= windows)
            return not self._stopped

    def _do(self, move: Move) -> None:
        if move.victims:
            self._shelf.evict(move.victims)
            self._here -= set(move.victims)
        self.fetched += self._shelf.bring(move.frame)
        self.brought += 1
        self._here.add(move.frame)
