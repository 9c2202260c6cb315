"""What a store that cannot hold all fetches and evicts, and when: pure functions of an order.

A need is the set of frames that a window reads; needs follow each other. A frame that is not held
is fetched, and room is made by evicting the frames that are needed last: with frames of one size
no other way fetches less (Belady). It is known, not guessed, for the order is. When a move may be
done follows, too: as soon as its victims have been used for the last time before it.
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from rawkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from rawkit.stream.pairs import PairSource

Need = frozenset[str]
"""Frames that must be there at once."""


@dataclass(frozen=True, slots=True)
class Move:
    """One frame fetched, after others are evicted."""

    frame: str
    """What is fetched."""
    victims: tuple[str, ...]
    """What is evicted before."""
    after: int
    """Needs, from the first, that must be done before the eviction."""
    before: int
    """Index of the need that it is fetched for, from 0."""


class Outlook:
    """When frames are needed, as far as it is known, and which of those held is needed last.

    Needs have numbers from 0. They are passed in their order; what is looked for is among those
    that are still to come. All it takes is some steps of a heap.
    """

    def __init__(self) -> None:
        self._needs: deque[Need] = deque()
        self._uses: dict[str, deque[int]] = defaultdict(deque)
        self._held: set[str] = set()
        self._heap: list[tuple[float, str]] = []
        self.passed = 0
        """Needs that have been passed: the number of the next one."""
        self.end = 0
        """Needs that are known: the number of the first that is not."""

    def extend(self, needs: Iterable[Need]) -> None:
        """Add needs at the end."""
        for need in needs:
            for frame in need:
                uses = self._uses[frame]
                uses.append(self.end)
                if len(uses) == 1 and frame in self._held:
                    heappush(self._heap, (-self.end, frame))
            self._needs.append(need)
            self.end += 1

    def cut(self, end: int) -> None:
        """Forget the needs from number `end` on: they will be others."""
        end = max(end, self.passed)
        while self.end > end:
            self.end -= 1
            for frame in self._needs.pop():
                self._uses[frame].pop()
                if not self._uses[frame]:
                    self._push(frame)

    def need(self, number: int) -> Need:
        """Return a need that has not been passed."""
        return self._needs[number - self.passed]

    def pass_one(self) -> None:
        """Pass the next need."""
        for frame in self._needs.popleft():
            self._uses[frame].popleft()
            self._push(frame)
        self.passed += 1

    def next_use(self, frame: str) -> float:
        """Return the number of the next need of a frame; infinity if there is none."""
        uses = self._uses.get(frame)
        return uses[0] if uses else math.inf

    def hold(self, frame: str) -> None:
        """Say that a frame is held, and may be evicted."""
        self._held.add(frame)
        self._push(frame)

    def drop(self, frame: str) -> None:
        """Say that it is not, or may not be."""
        self._held.discard(frame)

    def last(self, beside: Collection[str] = ()) -> str | None:
        """Return the held frame that is needed last, none of those `beside`; None if none is."""
        aside: list[tuple[float, str]] = []
        found = None
        while self._heap:
            key, frame = self._heap[0]
            if frame not in self._held or -key != self.next_use(frame):
                heappop(self._heap)  # of an earlier time
                continue
            if frame not in beside:
                found = frame
                break
            aside.append(heappop(self._heap))
        for one in aside:
            heappush(self._heap, one)
        return found

    def _push(self, frame: str) -> None:
        if frame in self._held:
            heappush(self._heap, (-self.next_use(frame), frame))


def needs_of(
    windows: Iterable[tuple[PairSource, ...]], frames: Callable[[PairSource], Need]
) -> list[Need]:
    """Return what each window needs, where `frames` says it of the pairs that it is cut from."""
    found: dict[tuple[int, ...], Need] = {}
    needs = []
    for sources in windows:
        key = tuple(map(id, sources))
        if key not in found:
            found[key] = frozenset().union(*map(frames, sources))
        needs.append(found[key])
    return needs


def least_budget(needs: Sequence[Need], sizes: Mapping[str, int], window: int = 1) -> int:
    """Return the bytes that suffice to have any `window` needs in a row there at once."""
    count: dict[str, int] = defaultdict(int)
    held = most = 0
    for index, need in enumerate(needs):
        for frame in need:
            held += 0 if count[frame] else sizes[frame]
            count[frame] += 1
        if index >= window:
            for frame in needs[index - window]:
                count[frame] -= 1
                held -= 0 if count[frame] else sizes[frame]
        most = max(most, held)
    return most


def most_new(needs: Sequence[Need], sizes: Mapping[str, int], room: int, budget: int) -> int:
    """Return the bytes that frames may take which no epoch has drawn from yet.

    Half of the room, or what is spare; there must be room for what a window reads.

    Parameters
    ----------
    needs
        What the windows of an epoch read.
    sizes
        Bytes of the frames that come and go.
    room
        Bytes for them.
    budget
        The same with frames that stay.

    Raises
    ------
    UsageError
        If a window does not have room; the smallest budget with which it does is named.
    """
    largest = max((sum(sizes.get(one, 0) for one in need) for need in set(needs)), default=0)
    if largest > room:
        raise UsageError(
            f"--disk of {budget} bytes",
            expected=f"at least {budget - room + largest}: the frames that stay, and what a window "
            "reads",
            fix="Give more, or choose fewer or smaller frames.",
        )
    return min(room - largest, max(room // 2, room - sum(sizes.values()), largest))


def moves(
    needs: Sequence[Need],
    sizes: Mapping[str, int],
    budget: int,
    held: frozenset[str] | set[str] = frozenset(),
    *,
    until: int | None = None,
) -> Iterator[Move]:
    """Yield what is fetched and evicted, in order, for the needs up to index `until`.

    Needs from there on are looked at alone: they tell what is needed last. Moves are done one after
    the other; the bytes that are held never exceed the budget, and are those of the last need that
    was served at any time, so moves may be done as early as `Move.after` says.

    Raises
    ------
    UsageError
        If a need does not fit into the budget; the smallest budget that does is named.
    """
    check_room(needs, sizes, budget)
    outlook, used = Outlook(), dict.fromkeys(held, 0)
    outlook.extend(needs)
    for frame in sorted(held):
        outlook.hold(frame)
    bytes_here = sum(sizes[frame] for frame in held)
    for index, need in enumerate(needs[:until]):
        for frame in sorted(need - used.keys()):
            victims: list[str] = []
            after = 0
            while bytes_here + sizes[frame] > budget:
                victim = outlook.last(beside=need)
                if victim is None:
                    raise AssertionError("a need that fits has no room")
                outlook.drop(victim)
                bytes_here -= sizes[victim]
                victims.append(victim)
                after = max(after, used.pop(victim))
            used[frame] = 0
            bytes_here += sizes[frame]
            outlook.hold(frame)
            yield Move(frame, tuple(victims), after, index)
        outlook.pass_one()
        used |= dict.fromkeys(need, index + 1)


def check_room(needs: Sequence[Need], sizes: Mapping[str, int], budget: int) -> None:
    """Refuse a budget that one of the needs does not fit into.

    Raises
    ------
    UsageError
        If so; the smallest budget that will do is named.
    """
    least = least_budget(needs, sizes)
    if least > budget:
        raise UsageError(
            f"room for {budget} bytes of frames",
            expected=f"at least {least}: what a window reads must be there at once",
            fix="Give more with --disk.",
        )


def belady(
    needs: Sequence[Need],
    sizes: Mapping[str, int],
    budget: int,
    costs: Mapping[str, int] | None = None,
) -> float:
    """Return the least bytes that must be fetched, beginning with nothing.

    A bound that no rule can beat where costs are in proportion to sizes: parts of frames may be
    evicted here, as if each byte were a frame of its own, so that whole frames of any sizes can
    only do worse. Where all frames have one size that divides the budget, it is attained.

    Parameters
    ----------
    needs
        All needs, in order.
    sizes
        Bytes that frames take where they are held.
    budget
        Bytes that can be held.
    costs
        Bytes that frames take to fetch; as they are held if None.
    """
    costs = sizes if costs is None else costs
    part: dict[str, float] = {}
    outlook = Outlook()
    outlook.extend(needs)
    fetched = held = 0.0
    for need in needs:
        for frame in need:
            missing = 1.0 - part.get(frame, 0.0)
            fetched += missing * costs[frame]
            held += missing * sizes[frame]
            part[frame] = 1.0
            if sizes[frame]:
                outlook.hold(frame)
        outlook.pass_one()
        while held > budget:
            victim = outlook.last(beside=need)
            if victim is None:
                break
            freed = min(held - budget, part[victim] * sizes[victim])
            held -= freed
            part[victim] -= freed / sizes[victim]
            if part[victim] <= _NOTHING:
                held -= part.pop(victim) * sizes[victim]
                outlook.drop(victim)
    return fetched


_NOTHING = 1e-12
"""A part of a frame that is none, but for rounding."""
