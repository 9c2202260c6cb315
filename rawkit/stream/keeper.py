"""A store that holds less than is trained on: frames are there when their window is read.

The order of windows is known, so a thread has fetched what will be needed, and evicts what is
needed last, see `holding`. Readers wait for it, and say when a window is done. Room is made in the
order of windows, and none waits for one after it: the first that is not done goes on. What lands
for the first time counts as needed at the beginning of the next epoch that is not known yet.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from rawkit.errors import UsageError
from rawkit.stream.holding import Outlook, needs_of
from rawkit.stream.landing import Landing
from rawkit.stream.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Future

    from rawkit.stream.holding import Need
    from rawkit.stream.pairs import PairSource
    from rawkit.stream.room import Room
    from rawkit.stream.schedule import Ahead
    from rawkit.stream.shelf import Shelf

PARALLEL = 3
"""Frames that are on their way at once."""
_LOOK_SECONDS = 1.0
_EPOCHS_AHEAD = 2
"""Epochs that are looked ahead where all are known."""


class Keeper:
    """Has frames fetched ahead of their windows, and evicted by who is needed last.

    Parameters
    ----------
    shelf
        Where frames are held.
    room
        What they may take.
    frames
        Says which frames the windows of a pair read.
    kept
        Frames that stay.
    batches
        Batches, from the first of all, after which nothing is read any more; None: for ever.
    expected
        Says how many bytes a frame that stays and has not landed will take; as the shelf if None.
    """

    def __init__(
        self,
        shelf: Shelf,
        room: Room,
        frames: Callable[[PairSource], Need],
        *,
        kept: Iterable[str] = (),
        batches: int | None = None,
        expected: Callable[[str], int] | None = None,
    ) -> None:
        self._shelf, self._room, self._frames = shelf, room, frames
        self._expected = expected or shelf.size
        self.batches = batches
        """Batches after which nothing is read any more; None: for ever."""
        self.kept = set(kept)
        """Frames that stay."""
        self._changed = room.changed
        self._thread: threading.Thread | None = None
        self._stopped, self._resting = False, True
        self.fetched = 0
        """Bytes that have come from the source again."""
        self.brought = 0
        """Frames that have come again."""
        self.evicted = 0
        """Frames that have been evicted."""
        self._coming: dict[str, Future[int]] = {}
        self._arrived: deque[tuple[str, Future[int]]] = deque()
        self._wished: deque[str] = deque()
        self._wish(self.kept)
        self._reset()

    def _reset(self) -> None:
        self._outlook = Outlook()
        self._reading = Reading()
        self._known = 0
        """Windows that are known, not guessed."""
        self._epochs: deque[int] = deque()
        """The first window after each of the epochs that are known, from that of the next window
        on."""
        self._landing = Landing(self._room)
        self._error: BaseException | None = None
        self._version = -1

    def begin(self, ahead: Ahead) -> None:
        """Begin with an order of windows."""
        self._start(ahead)

    def rest(self) -> None:
        """Read no more windows; frames that stay still come."""
        self._start(None)

    def close(self) -> None:
        """End the thread; what is on its way comes."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _start(self, ahead: Ahead | None) -> None:
        self.close()
        with self._changed:
            self._reset()
            self._stopped, self._resting = False, ahead is None
            self._room.managed = True
            self._changed.notify_all()
        self._thread = threading.Thread(
            target=self._work, args=(ahead,), name="rawkit-keep", daemon=True
        )
        self._thread.start()

    def look(self) -> None:
        """See whether more epochs are known."""
        with self._changed:
            self._changed.notify_all()

    def keep(self, frames: Iterable[str]) -> None:
        """Have these frames stay from now on, and no others; those that were evicted come."""
        with self._changed:
            frames = set(frames)
            others, self.kept = self.kept - frames, frames
            for frame in sorted(others):
                self._offer(frame)
            for frame in sorted(frames):
                self._outlook.drop(frame)
                self._room.new.pop(frame, None)
            self._wish(frames)
            self._changed.notify_all()

    def _wish(self, frames: Iterable[str]) -> None:
        """Have frames come that were evicted; those that never landed still will."""
        with self._changed:
            for frame in sorted(set(frames)):
                gone = frame not in self._room.here and frame not in self._room.coming
                if gone and frame not in self._wished and self._shelf.size(frame):
                    self._wished.append(frame)

    def wait_for_kept(self) -> None:
        """Wait until all frames that stay are there. Raises whatever fetching them has raised."""
        if self._thread is None:
            self.rest()
        with self._changed:
            self._changed.wait_for(lambda: self._error is not None or not self._lacking())
            if self._error is not None:
                raise self._error

    def _lacking(self) -> bool:
        return bool(self._wished) or bool(self.kept & self._coming.keys())

    def wait(self, number: int) -> None:
        """Wait until the frames of a window are there, or until `rest`.

        Raises whatever fetching them has raised.
        """
        with self._changed:
            self._changed.wait_for(lambda: self.is_ready(number))

    def is_ready(self, number: int) -> bool:
        """Tell whether the frames of a window are there; raises as `wait`."""
        with self._changed:
            if number < self._reading.ready:
                return True
            if self._error is not None:
                raise self._error
            return self._resting

    def done(self, number: int) -> None:
        """Say that a window has been read: its frames may go."""
        with self._changed:
            self._reading.done(number)
            self._changed.notify_all()

    def text(self) -> str:
        """Say in a few words what the next window waits for, and how much has come again."""
        with self._changed:
            need = (
                self._reading.planned[0]
                if self._reading.planned and self._reading.ready <= self._reading.first
                else None
            )
            missing = sorted(one for one in need or () if one not in self._room.here)
            again = f"{self.fetched / 1e6:.0f} MB fetched again" if self.brought else ""
        waits = f"waiting for {missing[0]}" if missing else ""
        return ", ".join(filter(None, (waits, again)))

    def _work(self, ahead: Ahead | None) -> None:
        try:
            while True:
                if ahead is not None:
                    self._learn(ahead)
                with self._changed:
                    if self._stopped:
                        return
                    self._take_in()
                    if not self._step():
                        self._check_possible()
                        self._changed.wait(_LOOK_SECONDS)
        except BaseException as error:  # noqa: BLE001 - raised again where a window waits
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _learn(self, ahead: Ahead) -> None:
        """Look as far as epochs are fixed, or some epochs ahead; guess the one after those.

        Only this thread asks what is needed when, so nobody waits for it meanwhile.
        """
        learned = False
        while ahead.knows and (ahead.grows or len(self._epochs) < _EPOCHS_AHEAD):
            needs = needs_of(ahead.take(), self._frames)
            with self._changed:
                self._outlook.cut(self._known)
                self._outlook.extend(needs)
                self._known = self._outlook.end
                self._epochs.append(self._known)
                self._settle_new(needs)
            learned = True
        if learned and not ahead.knows:
            guessed = needs_of(ahead.guess(), self._frames)
            with self._changed:
                self._outlook.extend(guessed)
        self._landing.ends = ahead.ends
        self._landing.grows = ahead.grows and not ahead.ends

    def _settle_new(self, needs: Sequence[Need]) -> None:
        """Take frames that an epoch draws from for old, and say how much may be new after it."""
        drawn = frozenset().union(*needs)
        for name in self._landing.settle(drawn | self.kept):
            self._offer(name)
        sizes = {frame: self._shelf.size(frame) for frame in drawn - self.kept}
        self._landing.measure(needs, sizes, self._room.budget - self._kept_bytes())

    def _kept_bytes(self) -> int:
        room = self._room
        return sum(
            room.here.get(one) or room.coming.get(one) or self._expected(one) for one in self.kept
        )

    def _free(self) -> int:
        """Bytes that nobody has and that are not kept for frames that stay."""
        room = self._room
        missing = (one for one in self.kept if not (one in room.here or one in room.coming))
        return room.free - sum(map(self._expected, missing))

    def _offer(self, name: str) -> None:
        """Let a frame that is there be evicted when it is needed last."""
        if name in self._room.here and name not in self.kept and name not in self._room.new:
            self._outlook.hold(name)

    def _take_in(self) -> None:
        """Take note of what has come, and of what is there after the other process has died."""
        room = self._room
        while self._arrived:
            name, future = self._arrived.popleft()
            self._coming.pop(name, None)
            error = future.exception()
            if error is not None:
                room.leave(name)
                raise error
            self.fetched += future.result()
            self.brought += 1
            room.arrive(name, self._shelf.size(name))
            self._offer(name)
        if self._version != room.version:
            self._version = room.version
            for name in room.here:
                self._offer(name)
            for name in self._coming:
                room.reserve(name, self._shelf.size(name))
        if self._reading.take_in(room.here):
            self._changed.notify_all()

    def _step(self) -> bool:
        """Do one thing that can be done; tells whether there was one."""
        if self._free() < 0 and self._evict_last():
            return True
        while self._outlook.passed < self._known and not self._missing() and self._may_pass():
            self._pass_one()
        if self._landing.comes_first and not self._wished:
            return self._land()
        waits = self._reading.ready == self._outlook.passed
        steps = (self._bring, self._land) if waits else (self._land, self._bring)
        return steps[0]() or steps[1]()

    def _missing(self) -> list[str]:
        """Frames of the next window that are neither there nor on their way."""
        if self._outlook.passed >= self._known:
            return []
        need = self._outlook.need(self._outlook.passed)
        return sorted(one for one in need if one not in self._room.here and one not in self._coming)

    def _pass_one(self) -> None:
        number = self._outlook.passed
        need = self._outlook.need(number)
        self._outlook.pass_one()
        if self._epochs and self._epochs[0] <= number + 1:
            self._epochs.popleft()
            self._landing.end_epoch()
        self._reading.plan(
            {one: 0 if one in self.kept else self._shelf.size(one) for one in need}
        )  # fmt: skip
        self._take_in()

    def _may_pass(self) -> bool:
        """Tell whether one more window may be planned: what lands is to find its share of room.

        While everything has room, all windows that are known could be planned, and nothing could
        go before the last of them is done.
        """
        landing = self._landing
        if not landing.grows:
            return True
        if self._reading.first >= self._outlook.passed:
            return not landing.comes_first
        return landing.leaves_room(self._reading.bytes_in_use)

    def _bring(self) -> bool:
        """Have a frame come that stays, or that the next window lacks."""
        wished = bool(self._wished)
        missing = [self._wished[0]] if wished else self._missing()
        if not missing or len(self._coming) >= PARALLEL:
            return False
        frame, size = missing[0], self._shelf.size(missing[0])
        if (self._room.free if wished else self._free()) < size:
            beside = () if wished else self._outlook.need(self._outlook.passed)
            return self._evict_last(beside)
        if wished:
            self._wished.popleft()
        self._room.reserve(frame, size)
        future = self._coming[frame] = self._shelf.bring(frame)
        future.add_done_callback(lambda done: self._hear(frame, done))
        return True

    def _hear(self, frame: str, future: Future[int]) -> None:
        with self._changed:
            self._arrived.append((frame, future))
            self._changed.notify_all()

    def _land(self) -> bool:
        """Let a frame land that asks for room, if it is not more than may be new."""
        room = self._room
        if not room.asks:
            return False
        one = room.asks[0]
        if one.name not in self.kept:
            if not self._landing.may(one, self._new_bytes()):
                return False
            if self._free() < one.size and not self._landing.comes_first:
                # What the epoch that goes on still needs comes before.
                victim = self._outlook.last()
                end = self._epochs[0] if self._epochs else self._known
                if victim is None or self._outlook.next_use(victim) < end:
                    return False
        if (room.free if one.name in self.kept else self._free()) < one.size:
            return self._evict_last()
        room.let_land()
        self._landing.let(self._new_bytes())
        return True

    def _new_bytes(self) -> int:
        room = self._room
        landing = (
            size for name, size in room.coming.items()
            if name not in self._coming and name not in self.kept
        )  # fmt: skip
        return sum(landing) + sum(room.here[name] for name in room.new if name in room.here)

    def _evict_last(self, beside: Iterable[str] = ()) -> bool:
        """Evict what is needed last, once it has been read as often as it is needed before."""
        victim = self._outlook.last(frozenset(beside)) or self._spare_new(beside)
        if victim is None or self._reading.uses(victim):
            return False
        self._outlook.drop(victim)
        self._shelf.evict([victim])
        self._room.leave(victim)
        self.evicted += 1
        return True

    def _spare_new(self, beside: Iterable[str]) -> str | None:
        """Return one of those that are not drawn from yet, where nothing else is left to go."""
        return next((one for one in reversed(self._room.new) if one not in beside), None)

    def _check_possible(self) -> None:
        """Say that it cannot go on where nothing is on its way, and nothing can go."""
        waits = (
            bool(self._wished or self._missing()) and self._reading.first >= self._outlook.passed
        )
        if waits and not self._coming and not self._room.coming:
            raise UsageError(
                f"--disk of {self._room.budget} bytes",
                expected="room for frames that stay, and for what a window reads",
                fix="Give more: `rawkit train --resume --disk SIZE` goes on.",
            )
