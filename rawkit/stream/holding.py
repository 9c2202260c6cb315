"""What a store that cannot hold all fetches and evicts, and when: pure functions of an order.

A need is the set of frames that a window reads; needs follow each other. A frame that is not held
is fetched, and room is made by evicting the frames that are needed last: with frames of one size
no other way fetches less (Belady). It is known, not guessed, for the order is. When a move may be
done follows, too: as soon as its victims have been used for the last time before it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rawkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

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
    least = least_budget(needs, sizes)
    if least > budget:
        raise UsageError(
            f"room for {budget} bytes of frames",
            expected=f"at least {least}: what a window reads must be there at once",
            fix="Give more with --disk.",
        )
    here = {frame: sizes[frame] for frame in sorted(held)}
    uses = _uses(needs)
    bytes_here = sum(here.values())
    for index, need in enumerate(needs[:until]):
        for frame in sorted(need - here.keys()):
            victims: list[str] = []
            after = 0
            while bytes_here + sizes[frame] > budget:
                victim = max(
                    (one for one in here if one not in need),
                    key=lambda one: (_next(uses[one], index), one),
                )
                bytes_here -= here.pop(victim)
                victims.append(victim)
                past = bisect_left(uses[victim], index)
                after = max(after, uses[victim][past - 1] + 1 if past else 0)
            here[frame] = sizes[frame]
            bytes_here += sizes[frame]
            yield Move(frame, tuple(victims), after, index)


def _next(uses: Sequence[int], index: int) -> float:
    """Return the first use from `index` on; infinity if there is none."""
    found = bisect_left(uses, index)
    return uses[found] if found < len(uses) else float("inf")


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
    fetched = 0.0
    uses = _uses(needs)
    for index, need in enumerate(needs):
        for frame in need:
            missing = 1.0 - part.get(frame, 0.0)
            fetched += missing * costs[frame]
            part[frame] = 1.0
        spare = sum(share * sizes[one] for one, share in part.items()) - budget
        if spare <= 0:
            continue
        later = sorted(part.keys() - need, key=lambda one: -_next(uses[one], index))
        for one in later:
            if spare <= 0:
                break
            freed = min(spare, part[one] * sizes[one])
            part[one] -= freed / sizes[one]
            spare -= freed
    return fetched


def _uses(needs: Sequence[Need]) -> dict[str, list[int]]:
    """Return the indices of the needs that want each frame, ascending."""
    uses: dict[str, list[int]] = defaultdict(list)
    for index, need in enumerate(needs):
        for frame in need:
            uses[frame].append(index)
    return uses
