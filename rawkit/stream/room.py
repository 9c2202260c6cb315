"""The bytes that frames may take on a disk: who has them, who is coming, and who asks for some."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Ask:
    """A frame that would land if it had room."""

    name: str
    """Its name."""
    size: int
    """Bytes that its shards will take at most."""


class Room:
    """A budget of bytes. Safe for threads.

    Frames that land for the first time ask for room, and wait for it: while nobody manages the
    room they get what is free, then what the keeper of a stream makes free for them.

    Parameters
    ----------
    budget
        Bytes that all frames may take at any time, those that are being written among them.
    here
        Bytes that each frame takes that is there.
    grant
        Told of a frame that may land, from any thread.
    """

    def __init__(
        self, budget: int, here: Mapping[str, int], grant: Callable[[str], None] = lambda _: None
    ) -> None:
        self.budget = budget
        self.changed = threading.Condition(threading.RLock())
        """To be held for whatever is done in several steps."""
        self.here = dict(here)
        """Bytes of each frame that is there."""
        self.coming: dict[str, int] = {}
        """Bytes that are kept for each frame that is on its way."""
        self.asks: deque[Ask] = deque()
        """Frames that wait for room to land in, in their order."""
        self.new: dict[str, int] = {}
        """Frames that have landed, and are not drawn from yet: in how many epochs they were not."""
        self.managed = False
        """Whether somebody makes room for those who ask."""
        self.version = 0
        """How often all of it has become another."""
        self._grant = grant
        self._used = sum(self.here.values())

    @property
    def free(self) -> int:
        """Bytes that nobody has; below 0 where there is more than may be."""
        return self.budget - self._used

    def settle(self, here: Mapping[str, int]) -> None:
        """Begin again with what is there: whoever landed frames has died, or not begun yet."""
        with self.changed:
            self.here, self.coming = dict(here), {}
            self.asks.clear()
            self.new = {name: count for name, count in self.new.items() if name in self.here}
            self._used = sum(self.here.values())
            self.version += 1
            self.changed.notify_all()

    def ask(self, name: str, size: int) -> None:
        """Ask for room to land in."""
        with self.changed:
            self.asks.append(Ask(name, size))
            if not self.managed:
                self.grant_fitting()
            self.changed.notify_all()

    def grant_fitting(self) -> None:
        """Let those land that there is room for as it is, in their order."""
        while self.asks and self.asks[0].size <= self.free:
            self.let_land()

    def let_land(self) -> None:
        """Let the first of those land that ask; there must be room."""
        one = self.asks.popleft()
        self.reserve(one.name, one.size)
        self._grant(one.name)

    def reserve(self, name: str, size: int) -> None:
        """Keep room for a frame on its way."""
        with self.changed:
            self._take(self.here, name)
            self._take(self.coming, name)
            self.coming[name] = size
            self._used += size

    def arrive(self, name: str, size: int) -> None:
        """Say that a frame is there, and takes so many bytes."""
        with self.changed:
            self._take(self.coming, name)
            self._take(self.here, name)
            self.here[name] = size
            self._used += size
            self.changed.notify_all()

    def land(self, name: str, size: int) -> None:
        """Say the same of one that has landed for the first time."""
        with self.changed:
            self.arrive(name, size)
            self.new[name] = 0
            if not self.managed:
                self.grant_fitting()

    def leave(self, name: str) -> None:
        """Say that a frame is not there any more, or will not come."""
        with self.changed:
            self._take(self.here, name)
            self._take(self.coming, name)
            self.new.pop(name, None)
            if not self.managed:
                self.grant_fitting()
            self.changed.notify_all()

    @property
    def stuck(self) -> bool:
        """Whether somebody waits for room, nothing is on its way, and nobody makes any."""
        with self.changed:
            return bool(self.asks) and not self.coming and not self.managed

    def _take(self, held: dict[str, int], name: str) -> None:
        self._used -= held.pop(name, 0)
