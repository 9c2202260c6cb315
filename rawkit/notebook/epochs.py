"""A stream as a loop expects it: one turn through it is one epoch, and it knows where it stands."""

from __future__ import annotations

import math
from contextlib import closing
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from rawkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator


class _Positioned(Protocol):
    @property
    def position(self) -> int: ...


B = TypeVar("B", bound=_Positioned)


class Epochs(Generic[B]):
    """Batches, epoch after epoch.

    ``for batch in stream`` yields the rest of the epoch it stands in; the next loop is the next
    epoch. The samples and their order are a function of frames, settings and seed alone, so
    `position` is all there is to resume: it moves on as a batch is handed out.

    Parameters
    ----------
    batches
        Yields batches from a sample number on, for ever.
    epoch_length
        Samples of an epoch.
    batch_size
        Samples of a batch.
    about
        What it draws from, for people.
    position
        Number of samples already taken.
    """

    def __init__(
        self,
        batches: Callable[[int], Generator[B, None, None]],
        epoch_length: int,
        batch_size: int,
        about: str,
        position: int = 0,
    ) -> None:
        self._batches, self._about = batches, about
        self.epoch_length = epoch_length
        """Samples of an epoch."""
        self.batch_size = batch_size
        """Samples of a batch."""
        self.position = position
        """Number of samples handed out so far."""
        if position < 0:
            raise UsageError(f"position {position}", expected="a number of samples")

    @property
    def epoch(self) -> int:
        """The epoch it stands in, from 0; the last batch of one may reach into the next."""
        return self.position // self.epoch_length

    def __len__(self) -> int:
        """Batches of a whole epoch, the last of which may reach into the next."""
        return math.ceil(self.epoch_length / self.batch_size)

    def __iter__(self) -> Iterator[B]:
        """Yield batches up to and with the one that ends the epoch."""
        end = (self.epoch + 1) * self.epoch_length
        with closing(self._batches(self.position)) as batches:
            for batch in batches:
                self.position = batch.position
                yield batch
                if self.position >= end:
                    return

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs to go on from here."""
        return {"position": self.position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where another stream over the same frames stood.

        Raises
        ------
        UsageError
            If that is no state of a stream.
        """
        position = state.get("position")
        if not isinstance(position, int) or position < 0:
            raise UsageError(f"the state {state}", expected="one of state_dict()")
        self.position = position

    def __repr__(self) -> str:
        return (
            f"<batches of {self.batch_size} from {self._about}: {len(self)} an epoch, "
            f"epoch {self.epoch}, {self.position} samples taken>"
        )
