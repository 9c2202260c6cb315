"""The epochs of a training whose pairs are still landing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawkit.errors import TrainingError
from rawkit.stream import epoch_length, shapes_of
from rawkit.supply.nearness import places

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rawkit.stream import PairSource, PlanSettings
    from rawkit.supply.notes import Generation, Notes
    from rawkit.supply.pairs import Pair


class Generations:
    """What each epoch draws from: the pairs that were there when it was fixed, noted at once.

    Parameters
    ----------
    notes
        Those of the run; epochs that are noted stand.
    find
        Returns pairs that are there by the names of their dark frames.
    there
        Returns the digests of all pairs that may be drawn from now, by name, the same in all
        processes; None where nothing is added any more, as when a run is replayed: epochs beyond
        the notes are then as the last one.
    settings
        What decides the samples.
    """

    def __init__(
        self,
        notes: Notes,
        find: Callable[[Sequence[str]], Mapping[str, Pair]],
        there: Callable[[], Mapping[str, str]] | None,
        settings: PlanSettings,
    ) -> None:
        self._notes, self._find, self._there = notes, find, there
        self._settings = settings
        self._fixed: list[Sequence[PairSource]] = []
        self._longs: list[tuple[str, ...]] = []
        self._new: list[frozenset[str]] = []
        self._ends: list[int] = []
        self._seen: Generation | None = None
        for one in notes.generations:
            self._append(one)

    @property
    def grows(self) -> bool:
        """Whether later epochs may have more pairs."""
        return self._there is not None

    def reach(self, sample: int) -> None:
        """Fix epochs up to that of a sample."""
        while not self._ends or self._ends[-1] <= sample:
            self._fix()

    def sources(self, epoch: int) -> Sequence[PairSource]:
        """Pairs of an epoch that has been reached."""
        return self._fixed[epoch]

    def known(self, epoch: int) -> bool:
        """Tell whether an epoch is fixed."""
        return epoch < len(self._ends)

    def places(self, epoch: int, *, guess: bool = False) -> NDArray[np.int64] | None:
        """Place of each pair, those first that the epoch before has not drawn from."""
        if self._settings.group is None:
            return None
        new: frozenset[str] = frozenset()
        at = epoch - 1 if guess else epoch
        return places(
            self._longs[at], seed=self._settings.seed, epoch=epoch,
            new=new if guess else self._new[epoch],
            new_before=self._new[epoch - 1] if epoch else new,
        )  # fmt: skip

    def at(self, sample: int) -> Sequence[PairSource]:
        """Pairs of the epoch that sample number `sample` is of, counted from 0 over all."""
        return self._fixed[self.epoch_at(sample)]

    def epoch_at(self, sample: int) -> int:
        """Epoch that a sample is of; the last one fixed for those beyond."""
        return next(
            (epoch for epoch, end in enumerate(self._ends) if sample < end),
            max(0, len(self._ends) - 1),
        )

    def _fix(self) -> None:
        if self._there is None:
            self._append(self._seen)
        else:
            self._append(self._notes.add(self._there()))

    def _append(self, one: Generation | None) -> None:
        if one is None or one is self._seen:
            self._fixed.append(self._fixed[-1])
            self._longs.append(self._longs[-1])
            self._new.append(frozenset())
        else:
            found = located_pairs(one.digests, self._find, str(self._notes.path))
            self._fixed.append(tuple(pair.source for pair in found))
            self._longs.append(tuple(pair.long for pair in found))
            before = {} if self._seen is None else self._seen.digests
            self._new.append(
                frozenset(
                    pair.long for name, pair in zip(one.digests, found, strict=True)
                    if name not in before
                )
            )  # fmt: skip
        self._seen = one
        self._ends.append((self._ends[-1] if self._ends else 0) + self._length())

    def _length(self) -> int:
        if len(self._fixed) > 1 and self._fixed[-1] is self._fixed[-2]:
            return self._ends[-1] - (self._ends[-2] if len(self._ends) > 1 else 0)
        return epoch_length(shapes_of(self._fixed[-1]), self._settings)


def located(
    digests: Mapping[str, str],
    find: Callable[[Sequence[str]], Mapping[str, Pair]],
    where: str,
) -> tuple[PairSource, ...]:
    """Return where the pairs lie that notes tell of; see `located_pairs`."""
    return tuple(pair.source for pair in located_pairs(digests, find, where))


def located_pairs(
    digests: Mapping[str, str],
    find: Callable[[Sequence[str]], Mapping[str, Pair]],
    where: str,
) -> tuple[Pair, ...]:
    """Return the pairs that notes tell of, in their order.

    Raises
    ------
    TrainingError
        If one is not there, or is another than it was; names the first.
    """
    pairs = find(list(digests))
    for name, digest in digests.items():
        pair = pairs.get(name)
        if pair is None or pair.digest != digest:
            others = sum(
                name not in pairs or pairs[name].digest != one for name, one in digests.items()
            )
            raise TrainingError(
                f"{name} is not in the stores"
                if pair is None
                else f"{name} has other pixels or levels than when it was drawn from",
                expected=f"the {len(digests)} pairs that the run has noted; {others} are not there",
                where=where,
                fix="Ingest them with the filters of the run: its supply.json names them.",
            )
    return tuple(pairs[name] for name in digests)
