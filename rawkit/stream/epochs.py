"""What each epoch draws from: the same pairs in all of them, or more in a later one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from rawkit.stream.pairs import Pairs, shapes_of
from rawkit.stream.shapes import FrameShapes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rawkit.stream.pairs import PairSource


class EpochSources(Protocol):
    """The pairs of every epoch, fixed before anything is drawn from it."""

    @property
    def grows(self) -> bool:
        """Whether later epochs may have more pairs."""

    def reach(self, sample: int) -> None:
        """See to it that all epochs up to that of a sample, counted from 0 over all, are fixed.

        Called by the consumer of a stream, before each of its batches, never by a thread that
        reads: so it may take its time, and speak with other processes.
        """

    def sources(self, epoch: int) -> Sequence[PairSource]:
        """Pairs of an epoch that has been reached; the same object where they are the same."""

    def known(self, epoch: int) -> bool:
        """Tell whether an epoch has been reached, or needs not be."""

    def places(self, epoch: int, *, guess: bool = False) -> NDArray[np.int64] | None:
        """Place of each pair in an epoch, where windows are shuffled among few.

        None where the plan chooses it. A `guess` is for an epoch that is not known, were it to
        have the pairs of the one before.
        """


class SameSources:
    """One list of pairs for all epochs."""

    grows = False
    """There are never more."""

    def __init__(self, sources: Sequence[PairSource]) -> None:
        self._sources = sources if isinstance(sources, Pairs) else tuple(sources)

    def reach(self, sample: int) -> None:
        """Do nothing: all is fixed."""

    def sources(self, epoch: int) -> Sequence[PairSource]:  # noqa: ARG002 - the protocol's
        """Return the list."""
        return self._sources

    def known(self, epoch: int) -> bool:  # noqa: ARG002 - the protocol's
        """All are."""
        return True

    def places(self, epoch: int, *, guess: bool = False) -> None:
        """Leave it to the plan."""


class EpochShapes:
    """What the plan must know of the frames of each epoch; worked out once for each list."""

    def __init__(self, epochs: EpochSources) -> None:
        self._epochs = epochs
        self._seen: Sequence[PairSource] | None = None
        self._shapes = FrameShapes((), np.zeros(0, np.int32))

    def __call__(self, epoch: int) -> FrameShapes:
        """Return the shapes of an epoch; the same object where the pairs are the same."""
        return self._placed(epoch, self._epochs.places(epoch))

    def guess(self, epoch: int) -> FrameShapes:
        """Return the shapes of an epoch that has the pairs of the one before."""
        return self._placed(epoch - 1, self._epochs.places(epoch, guess=True))

    def _placed(self, epoch: int, places: NDArray[np.int64] | None) -> FrameShapes:
        sources = self._epochs.sources(epoch)
        if sources is not self._seen:
            self._seen, self._shapes = sources, shapes_of(sources)
        return self._shapes if places is None else self._shapes.placed(places)
