"""A training that goes astray: its loss is no number any more, or leaps and goes on.

Nothing is wrong with a loss that leaps but its size, so that nobody is told unless somebody looks:
one step with a gradient too long is enough, and the weights do not come back by themselves.
"""

from __future__ import annotations

from collections import deque
from statistics import median_low
from typing import TYPE_CHECKING

from rawkit.errors import TrainingError
from rawkit.train.checkpoint import LAST

if TYPE_CHECKING:
    from rawkit.train.folder import RunFolder

RECENT = 10
"""Steps whose median counts as what the loss is now: a few bad batches are no leap."""
BEFORE = 200
"""Steps before these whose median counts as what it has been."""
FAR = 20.0
"""How many times that is far beyond it."""


class LeapWatch:
    """Notices a loss that is far beyond what it has been, and beyond what it began with.

    Losses of both kinds are needed: one that has become tiny may well grow twentyfold and mean
    nothing, and one that begins with large numbers is above its later median for long. A run that
    is resumed is watched anew.
    """

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._before: deque[float] = deque(maxlen=BEFORE)
        self._first = 0.0
        self._seen = 0
        self.since: int | None = None
        """Number of the first step of the leap, from 1; None as long as there was none."""

    def see(self, loss: float, step: int) -> str:
        """Take in the loss of step number `step`, from 1; says what is wrong, once, empty else."""
        if len(self._recent) == RECENT:
            self._before.append(self._recent[0])
        self._recent.append(loss)
        self._seen += 1
        if self._seen == RECENT:
            self._first = max(self._recent)
        if self.since is not None or len(self._before) < RECENT:
            return ""
        usual, now = median_low(self._before), median_low(self._recent)
        limit = max(FAR * abs(usual), self._first)  # losses of critics may be below 0
        if now <= limit:
            return ""
        beyond = next(number for number, one in enumerate(self._recent) if one > limit)
        self.since = step - RECENT + 1 + beyond
        return (
            f"the loss has leapt from {usual:.3g} to {now:.3g} since step {self.since}: what was "
            "learnt is lost. Stop, copy a checkpoint of an earlier step over last.pt, and go on by "
            "--resume --clip-norm 1, or with a lower --lr."
        )


def diverged(found: str, folder: RunFolder) -> TrainingError:
    """Return the error of a run whose numbers are none any more."""
    lower = "with a lower rate (--lr) or with --clip-norm 1."
    return TrainingError(
        found,
        expected="finite numbers",
        where=folder.location,
        fix=f"The last checkpoint is intact: go on from it by --resume {lower}"
        if folder.exists(LAST)
        else f"Begin again {lower}",
    )
