"""Loss, speed and waiting of a training, with validation taken out of the time."""

from __future__ import annotations

import math
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rawkit.progress import Advance
    from rawkit.stream import BatchStream

_SMOOTH = 0.95
_NOTE_SECONDS = 0.5
_WAIT_SECONDS = 1.0
"""Seconds after which it is said that a step waits, and for what."""


class Meter:
    """Counts crops and seconds, and smooths the loss.

    Parameters
    ----------
    stream
        What crops come from.
    beside
        Says what goes on beside the training.
    """

    def __init__(self, stream: BatchStream, beside: Callable[[], str] | None = None) -> None:
        self._stream, self._beside = stream, beside
        self._started = time.monotonic()
        self._noted = 0.0
        self._crops = 0
        self._end: float | None = None
        self.loss = math.nan
        """Exponential mean of the losses of the steps; NaN before the first."""

    @property
    def seconds(self) -> float:
        """Seconds of training so far."""
        return max(1e-9, (self._end or time.monotonic()) - self._started)

    @property
    def crops_per_second(self) -> float:
        """Crops a second, over all processes."""
        return self._crops / self.seconds

    @property
    def waiting(self) -> float:
        """Share of the time spent waiting for data, 0 to 1."""
        return min(1.0, self._stream.waited / self.seconds)

    def update(self, loss: float, crops: int, advance: Advance) -> None:
        """Count a step, and tell of it now and then."""
        self.loss = loss if math.isnan(self.loss) else _SMOOTH * self.loss + (1 - _SMOOTH) * loss
        self._crops += crops
        note = ""
        if time.monotonic() - self._noted > _NOTE_SECONDS:
            self._noted = time.monotonic()
            note = (
                f"loss {self.loss:.4f}  {self.crops_per_second:.1f} crops/s  "
                f"{100 * self.waiting:.0f}% waiting for data"
            )
            if self._beside is not None:
                note = f"{note}  {self._beside()}"
        advance(1, note)

    @contextmanager
    def watched(self, advance: Advance) -> Iterator[None]:
        """Have it said, while a block runs, what a step waits for that does not come."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(_NOTE_SECONDS):
                seconds = self._stream.waiting
                if seconds > _WAIT_SECONDS:
                    what = self._beside() if self._beside is not None else ""
                    advance(0, f"waiting for data since {seconds:.0f} s" + (what and f": {what}"))

        watcher = threading.Thread(target=watch, name="rawkit-watch", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the clock for a block."""
        self._end = time.monotonic()
        try:
            yield
        finally:
            self._started += time.monotonic() - self._end
            self._end = None
