"""The training's end of the ingest beside it: what has landed, and what it waits for."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from rawkit.errors import CrashedError, MissingError
from rawkit.stream import Room
from rawkit.supply.messages import (
    STOP,
    Asks,
    Away,
    Bad,
    Begun,
    Bring,
    Brought,
    Committed,
    Decoded,
    Ended,
    Evict,
    Fetched,
    Grant,
    Held,
    Landed,
    Lost,
    Rests,
    Scanning,
    Wanted,
)
from rawkit.workers import ALLOCATOR, Child

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rawkit.errors import RawkitError
    from rawkit.supply.messages import Message, Order, Told

_DEATHS = 2
"""How often a frame may take its process along."""
_VAIN = 3
"""How often a process may die with no frame under way."""
_RATE_SECONDS = 10.0
"""Over how long the rate is taken."""
_CLOSE_SECONDS = 20.0
_LINES = 3
"""Frames that cannot be used of which a line is said each; more are counted."""


class Supply:
    """An ingest in a process of its own; begun at once, begun again if it dies.

    Parameters
    ----------
    order
        What is fetched.
    say
        Told of what people must know at once, a line each, from a thread of its own.
    """

    def __init__(self, order: Order, say: Callable[[str], None] = lambda _: None) -> None:
        self._order, self._say = order, say
        self._changed = threading.Condition()
        self._came: deque[tuple[float, int]] = deque()
        self._begun: set[str] = set()
        self._deaths: Counter[str] = Counter()
        self._vain = 0
        self._closing = False
        self.wanted: Wanted | None = None
        """What the order comes to; None until the source is scanned."""
        self.scanning: Scanning | None = None
        """The stage of the scan that is under way."""
        self.commits = 0
        """How often the store has changed."""
        self.landed = 0
        """Frames that have landed, those that were there before not counted."""
        self.landed_bytes = 0
        """Bytes of their raw files, as they are stored where they lie."""
        self.fetched = 0
        """Bytes that have come from the source."""
        self.fetched_again = 0
        """Bytes of raw files of frames that came again."""
        self.bad: dict[str, str] = {}
        """Frames that cannot be used, and why."""
        self.away: str = ""
        """What it waits for; empty while it goes on."""
        self.away_since = 0.0
        """Since when, by the monotonic clock."""
        self.ended: Ended | None = None
        """How it ended; None while it goes on."""
        self.rests = False
        """Whether all has landed, and it only brings frames again."""
        self.room = None if order.disk is None else Room(order.disk, {}, self._grant)
        """Bytes that the store's frames may take; None where they may take all there is."""
        self._aways: dict[str, str] = {}
        self._sizes: dict[str, int] = {}
        self._awaited: dict[str, Future[int]] = {}
        self._sending = threading.Lock()
        self._child = self._start()
        self._listener = threading.Thread(target=self._listen, name="rawkit-supply", daemon=True)
        self._listener.start()

    def wait(self, ready: Callable[[], bool], seconds: float) -> bool:
        """Wait until something is so, or for so long; tells whether it is."""
        with self._changed:
            return self._changed.wait_for(ready, seconds)

    @property
    def away_seconds(self) -> float:
        """How long it has been waiting; 0 while it goes on."""
        return time.monotonic() - self.away_since if self.away else 0.0

    @property
    def rate(self) -> float:
        """Bytes a second that come from the source, over the last ten seconds."""
        now = time.monotonic()
        with self._changed:
            while self._came and now - self._came[0][0] > _RATE_SECONDS:
                self._came.popleft()
            if not self._came:
                return 0.0
            return sum(count for _, count in self._came) / max(1.0, now - self._came[0][0])

    def text(self) -> str:
        """Say in a few words where it stands."""
        if self.error is not None:
            return f"no more frames land: {self.error.found}"
        if self.away:
            return f"waiting since {self.away_seconds:.0f} s: {self.away}"
        if self.wanted is None:
            scan = self.scanning
            if scan is None:
                return "starting"
            return f"{scan.label} {scan.done}" + (f"/{scan.total}" if scan.total else "")
        here, frames = self.wanted.here + self.landed, self.wanted.frames
        landed = f"{here}/{frames} frames landed"
        if self.ended is not None or (self.rests and not self._awaited):
            return landed
        return f"{landed}, {self.rate / 1e6:.1f} MB/s"

    @property
    def lands(self) -> bool:
        """Whether more frames may land."""
        return self.ended is None and not self.rests

    def size(self, frame: str) -> int:
        """Bytes of the shards of a frame, there or evicted; 0 where nobody knows."""
        return self._sizes.get(frame, 0)

    def expected(self, frame: str) -> int:
        """Bytes that a frame takes or will take: as the largest of its kind until it has landed."""
        known = self._sizes.get(frame)
        if known is not None or self.wanted is None:
            return known or 0
        longs = set(self.wanted.longs.values())
        alike = (size for name, size in list(self._sizes.items())
                 if (name in longs) == (frame in longs))  # fmt: skip
        return max(alike, default=0)

    def evict(self, frames: Sequence[str]) -> None:
        """Have frames go, before anything that is said later takes room."""
        self._tell(Evict(tuple(frames)))

    def bring(self, frame: str) -> Future[int]:
        """Have a frame come again; results in the bytes of its raw file, as they came.

        It raises what made that impossible.
        """
        with self._changed:
            future: Future[int] = Future()
            if self.ended is not None:
                future.set_exception(self._over(frame))
                return future
            self._awaited[frame] = future
        self._tell(Bring(frame))
        return future

    def _over(self, frame: str) -> RawkitError:
        return self.error or MissingError(
            f"{frame} was evicted, and nothing is fetched any more",
            expected="the ingest beside the training",
            fix="`rawkit train --resume` begins it again.",
        )

    def _grant(self, name: str) -> None:
        self._tell(Grant(name))

    def _tell(self, told: Told) -> None:
        """Tell the other process; one that has just died is told again what is still waited for."""
        with self._sending, suppress(EOFError):
            self._child.send(told)

    @property
    def error(self) -> RawkitError | None:
        """Why nothing lands any more; None while something does, and once all has."""
        return None if self.ended is None else self.ended.error

    @property
    def missing(self) -> int:
        """Frames that were asked for and have neither landed nor been found unusable."""
        if self.wanted is None:
            return 0
        unusable = {name for name, _, _ in self.wanted.left_out} | self.bad.keys()
        return max(0, self.wanted.frames - self.wanted.here - self.landed - len(unusable))

    def close(self) -> None:
        """Have it commit what is done and end; end it if it does not."""
        self._closing = True
        try:
            if self.ended is None:
                with self._sending:
                    self._child.send(STOP)
                self.wait(lambda: self.ended is not None, _CLOSE_SECONDS)
        except EOFError:
            pass
        finally:
            self._child.kill()
            self._listener.join(_CLOSE_SECONDS)

    def _start(self) -> Child:
        child = Child("rawkit.supply.child:serve", dict(ALLOCATOR))
        child.send(self._order)
        return child

    def _listen(self) -> None:
        while True:
            try:
                message: Message = self._child.receive()
            except (EOFError, OSError):
                if self.ended is not None or self._closing or not self._again():
                    break
                continue
            self._hear(message)
        with self._changed:
            self.ended = self.ended or Ended(stopped=True)
            over, self._awaited = self._awaited, {}
            self._changed.notify_all()
        for frame, future in over.items():
            future.set_exception(self._over(frame))

    def _hear_of_room(self, message: Message) -> None:
        """Take what concerns a store that holds only so much."""
        if self.room is None:
            return
        match message:
            case Held():
                self._sizes |= {**message.gone, **message.here}
                self.room.settle(message.here)
                for frame in list(self._awaited):
                    self._tell(Bring(frame))
            case Asks():
                self.room.ask(message.name, message.size)
            case Landed() if message.stored:
                self._sizes[message.name] = message.stored
                self.room.land(message.name, message.stored)
            case Landed() | Bad():
                self.room.leave(message.name)
            case Brought() | Lost():
                with self._changed:
                    future = self._awaited.pop(message.name, None)
                if future is None:
                    return
                if isinstance(message, Brought):
                    self.fetched_again += message.count
                    future.set_result(message.count)
                else:
                    future.set_exception(message.error)

    def _hear(self, message: Message) -> None:  # noqa: C901, PLR0912 - a case for each kind of message
        line = ""
        self._hear_of_room(message)
        with self._changed:
            match message:
                case Wanted():
                    self.wanted, self.scanning = message, None
                case Scanning():
                    self.scanning = message
                case Begun():
                    self._begun.add(message.name)
                case Decoded():
                    self._begun.discard(message.name)
                case Landed():
                    self.landed += 1
                    self.landed_bytes += message.size
                case Bad():
                    self.bad[message.name] = message.reason
                    line = self._line_of(message)
                case Committed():
                    self.commits += 1
                case Fetched():
                    self.fetched += message.count
                    self._came.append((time.monotonic(), message.count))
                case Away():
                    line = self._hear_away(message)
                case Rests():
                    self.rests = True
                case Ended():
                    self.ended = message
                    if message.error is not None:
                        line = f"no more frames will land: {message.error}"
            self._changed.notify_all()
        if line:
            self._say(line)

    def _hear_away(self, message: Away) -> str:
        if message.reason:
            self._aways[message.who] = message.reason
        else:
            self._aways.pop(message.who, None)
        reason = next(iter(self._aways.values()), "")
        if reason and not self.away:
            self.away, self.away_since = reason, time.monotonic()
            return f"waiting, and trying again: {reason}"
        if not reason and self.away:
            seconds, self.away = self.away_seconds, ""
            return f"frames land again, after {seconds:.0f} s"
        self.away = reason
        return ""

    def _line_of(self, bad: Bad) -> str:
        if len(self.bad) > _LINES:
            return ""
        more = "; further ones are only counted" if len(self.bad) == _LINES else ""
        return f"left out: {bad.name}: {bad.reason}{more}"

    def _again(self) -> bool:
        """Begin anew after a death; tells whether it makes sense."""
        how = self._child.ended_by()
        with self._changed:
            suspects, self._begun = frozenset(self._begun), set()
            self._vain = 0 if suspects else self._vain + 1
            if self._vain >= _VAIN:
                self.ended = Ended(
                    CrashedError(f"the ingest died {self._vain} times ({how})",
                                 fix="Run `rawkit ingest` with the same filters to see why.")
                )  # fmt: skip
                self._changed.notify_all()
                return False
            self._deaths.update(suspects)
            killers = {
                name: f"the process that decoded it died twice ({how})"
                for name in suspects
                if self._deaths[name] >= _DEATHS
            }
            # One at a time from now on: so the next death is one frame's.
            self._order = replace(
                self._order, threads=1, eager=1, killers={**self._order.killers, **killers}
            )
            self.landed = self.landed_bytes = 0
            self._aways.clear()
            self.rests = False
        child = self._start()
        with self._sending:
            self._child = child
        return True
