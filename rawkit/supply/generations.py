"""The epochs of a training whose pairs are still landing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawkit.errors import TrainingError
from rawkit.stream import epoch_length, shapes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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
        self._ends: list[int] = []
        self._seen: Generation | None = None
        for one in notes.generations:
            self._append(one)

    def reach(self, sample: int) -> None:
        """Fix epochs up to that of a sample."""
        while not self._ends or self._ends[-1] <= sample:
            self._fix()

    def sources(self, epoch: int) -> Sequence[PairSource]:
        """Pairs of an epoch that has been reached."""
        return self._fixed[epoch]

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
            self._fixed.append(self._fixed[-1])
            self._ends.append(self._ends[-1] + self._length())
            return
        self._append(self._notes.add(self._there()))

    def _append(self, one: Generation) -> None:
        if one is self._seen:
            self._fixed.append(self._fixed[-1])
        else:
            self._fixed.append(self._located(one))
        self._seen = one
        self._ends.append((self._ends[-1] if self._ends else 0) + self._length())

    def _length(self) -> int:
        if len(self._fixed) > 1 and self._fixed[-1] is self._fixed[-2]:
            return self._ends[-1] - (self._ends[-2] if len(self._ends) > 1 else 0)
        return epoch_length(shapes_of(self._fixed[-1]), self._settings)

    def _located(self, one: Generation) -> tuple[PairSource, ...]:
        return located(one.digests, self._find, str(self._notes.path))


def located(
    digests: Mapping[str, str],
    find: Callable[[Sequence[str]], Mapping[str, Pair]],
    where: str,
) -> tuple[PairSource, ...]:
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
    return tuple(pairs[name].source for name in digests)
