"""Live windows: read ahead by threads, handed out in the plan's order, buffers used again."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from rawkit.stream.plan import EpochPlan, PlanSettings, Sample, window_chunks
from rawkit.stream.reader import read_window, window_shape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from rawkit.store import ArrayLayout
    from rawkit.stream.pairs import PairSource

READ_AHEAD = 8
"""Windows read before their first crop is wanted."""


@dataclass(frozen=True, slots=True)
class LoadedWindow:
    """A window in memory; its arrays are valid until its last crop was handed out."""

    packed: NDArray[np.uint16]
    """Packed planes, shape (4, h, w), sensor units."""
    target: NDArray[np.generic]
    """Target, shape (3, 2h, 2w), uint8 or uint16."""


@dataclass(frozen=True, slots=True)
class Crop:
    """A sample with the window it is cut from."""

    sample: Sample
    """Where in the window."""
    window: LoadedWindow
    """The pixels; they may be overwritten once the next crop is asked for."""
    source: PairSource
    """The frame."""


class WindowPool:
    """Reads windows with a few threads into buffers that are used again and again."""

    def __init__(
        self,
        sources: Sequence[PairSource],
        settings: PlanSettings,
        *,
        threads: int,
        ranks: int = 1,
    ) -> None:
        self._sources, self._settings = sources, settings
        self._threads, self._room = threads, settings.live_windows // ranks + READ_AHEAD
        self._free: dict[tuple[object, ...], list[LoadedWindow]] = {}
        self._lock = threading.Lock()
        self._scratch = threading.local()
        self.waited = 0.0
        """Seconds spent waiting for a window that was not there in time."""

    def crops(self, plan: EpochPlan, indices: range) -> Iterator[Crop]:
        """Yield the samples `indices` of an epoch, in order: those of one rank.

        At most the rank's live windows of the plan and a few read ahead are in memory.
        """
        numbers = [plan.window_of(index) for index in indices]
        uses = Counter(numbers)
        upcoming = iter(dict.fromkeys(numbers))
        loading: dict[int, Future[LoadedWindow]] = {}
        with ThreadPoolExecutor(self._threads, "rawkit-read") as threads:
            try:
                for number in islice(upcoming, self._room):
                    loading[number] = threads.submit(self._load, plan, number)
                for index, number in zip(indices, numbers, strict=True):
                    window = self._wait(loading[number])
                    yield Crop(plan[index], window, self._sources[plan.windows[number].frame])
                    uses[number] -= 1
                    if uses[number] == 0:
                        del loading[number]
                        self._release(window)
                        following = next(upcoming, None)
                        if following is not None:
                            loading[following] = threads.submit(self._load, plan, following)
            finally:
                for future in loading.values():
                    future.cancel()

    def _wait(self, future: Future[LoadedWindow]) -> LoadedWindow:
        if future.done():
            return future.result()
        started = time.perf_counter()
        try:
            return future.result()
        finally:
            self.waited += time.perf_counter() - started

    def _load(self, plan: EpochPlan, number: int) -> LoadedWindow:
        window = plan.windows[number]
        source = self._sources[window.frame]
        loaded = self._buffers(
            window_shape(source.packed.layout, window.rows, window.columns),
            window_shape(source.target.layout, window.rows, window.columns),
            source.target.layout.dtype,
        )
        for shard, out in ((source.packed, loaded.packed), (source.target, loaded.target)):
            read_window(shard, window, out, self._chunk(shard.layout))
        return loaded

    def _buffers(
        self, packed: tuple[int, int, int], target: tuple[int, int, int], dtype: str
    ) -> LoadedWindow:
        """Take free buffers of these shapes, or give up all free ones and make new ones.

        So there are never more buffers, free and in use, than windows may be in memory.
        """
        with self._lock:
            free = self._free.get((packed, target, dtype))
            if free:
                return free.pop()
            self._free.clear()
        return LoadedWindow(np.empty(packed, np.uint16), np.empty(target, dtype))

    def _release(self, window: LoadedWindow) -> None:
        key = (window.packed.shape, window.target.shape, str(window.target.dtype))
        with self._lock:
            self._free.setdefault(key, []).append(window)

    def _chunk(self, layout: ArrayLayout) -> NDArray[np.generic]:
        """Scratch memory of this thread for one decoded chunk."""
        shape = (layout.planes, *layout.chunk)
        cache: dict[object, NDArray[np.generic]] = self._scratch.__dict__.setdefault("chunks", {})
        key = (shape, layout.dtype)
        if key not in cache:
            cache[key] = np.empty(shape, layout.dtype)
        return cache[key]


def pool_bytes(sources: Sequence[PairSource], settings: PlanSettings, ranks: int = 1) -> int:
    """Bytes of all buffers of a pool at their most: one rank's live windows and those read ahead.

    One more counts: whoever took the last crop of a window may hold it while the next is read.
    """
    largest = 0
    for packed, target, shape in {
        (source.packed.layout, source.target.layout, source.shape) for source in sources
    }:
        rows, columns = window_chunks(shape, settings)
        window = sum(
            int(np.prod(window_shape(layout, rows, columns))) * layout.itemsize
            for layout in (packed, target)
        )
        largest = max(largest, window)
    return largest * (settings.live_windows // ranks + READ_AHEAD + 1)
