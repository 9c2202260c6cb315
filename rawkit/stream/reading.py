"""Windows on their way: planned, ready to be read, done; and which frames they use meanwhile."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from rawkit.stream.holding import Need


class Reading:
    """Windows that are planned and not done. Whoever uses it holds a lock."""

    def __init__(self) -> None:
        self.planned: deque[Need] = deque()
        """What the windows need that are planned and not ready."""
        self.ready = 0
        """Windows that have what they need: all before this one."""
        self.first = 0
        """The first window that is not done."""
        self.bytes_in_use = 0
        """Bytes of the frames in use that come and go."""
        self._open: deque[Need] = deque()
        self._in_use: Counter[str] = Counter()
        self._weights: dict[str, int] = {}
        self._done: set[int] = set()

    def uses(self, frame: str) -> bool:
        """Tell whether a window that is planned and not done reads a frame."""
        return self._in_use[frame] > 0

    @property
    def awaited(self) -> Need:
        """What the first window needs that is not ready, where all before it are done."""
        return self.planned[0] if self.planned and self.ready <= self.first else frozenset()

    def plan(self, weights: dict[str, int]) -> None:
        """Plan the next window: bytes of the frames that it needs, 0 for those that stay."""
        for frame, size in weights.items():
            if not self._in_use[frame]:
                self._weights[frame] = size
                self.bytes_in_use += size
            self._in_use[frame] += 1
        need = frozenset(weights)
        self.planned.append(need)
        self._open.append(need)

    def take_in(self, here: Collection[str]) -> bool:
        """Take note of what is there; tells whether more windows are ready."""
        before = self.ready
        while self.planned and all(one in here for one in self.planned[0]):
            self.planned.popleft()
            self.ready += 1
        return self.ready > before

    def done(self, number: int) -> None:
        """Take note of a window that has been read."""
        self._done.add(number)
        while self.first in self._done:
            self._done.remove(self.first)
            self.first += 1
            for frame in self._open.popleft() if self._open else ():
                self._in_use[frame] -= 1
                if not self._in_use[frame]:
                    del self._in_use[frame]
                    self.bytes_in_use -= self._weights.pop(frame)
