"""In which order an epoch goes through its pairs where a store cannot hold them all.

An epoch begins with the pairs that have landed since the one before, then with those that the one
before has ended with: what the disk holds at that moment. It follows from names, the seed and the
generations that are noted alone.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Set as AbstractSet

    from numpy.typing import NDArray


def places(
    longs: Sequence[str],
    *,
    seed: int,
    epoch: int,
    new: AbstractSet[str] = frozenset(),
    new_before: AbstractSet[str] = frozenset(),
) -> NDArray[np.int64]:
    """Return the place of each pair in an epoch, from 0; those of one long follow each other.

    Longs are parted into two halves by their names: epochs end with longs of one and of the other
    half in turn, so none is wanted at both ends.

    Parameters
    ----------
    longs
        Name of the long of each pair.
    seed, epoch
        Of the run, and which epoch, from 0.
    new
        Longs of pairs that the epoch before has not drawn from.
    new_before
        Longs that were new to the epoch before.
    """
    pairs: dict[str, list[int]] = {}
    for number, long in enumerate(longs):
        pairs.setdefault(long, []).append(number)

    def ending(which: int, beside: AbstractSet[str]) -> list[str]:
        """Longs that an epoch ends with, the last one first."""
        half = [one for one in pairs if one not in beside and _half(seed, one) == which % 2]
        return sorted(half, key=_rank(seed, which))

    known = ending(epoch - 1, new_before | new) if epoch else []
    first = [*sorted(new & pairs.keys(), key=_rank(seed, epoch)), *known]
    last = ending(epoch, new)[::-1]
    taken = {*first, *last}
    between = sorted((one for one in pairs if one not in taken), key=_rank(seed, epoch))
    found = np.empty(len(longs), np.int64)
    order = [number for long in (*first, *between, *last) for number in pairs[long]]
    found[order] = np.arange(len(longs))
    return found


def _half(seed: int, name: str) -> int:
    return sha256(f"{seed}/half/{name}".encode()).digest()[0] % 2


def _rank(seed: int, epoch: int) -> Callable[[str], bytes]:
    return lambda name: sha256(f"{seed}/{epoch}/{name}".encode()).digest()
