"""How a critic and a network hold their own against each other, and a word where one does not."""

from __future__ import annotations

from typing import NamedTuple

_SMOOTH = 0.99
"""What a step before counts against the one after it: about 100 steps are seen."""
_WINS, _SLEEPS = 0.98, 0.53
"""Accuracy from which on a critic wins, and below which it tells nothing."""
LONG = 500
"""Steps in a row after which that is said."""


class Verdict(NamedTuple):
    """What came of a step, over all processes."""

    fooled: float
    """The adversarial loss of the network, not weighed."""
    critic: float
    """The loss of the critic, its penalty included."""
    accuracy: float
    """Share of real and restored places, or pictures, that the critic told right, 0 to 1."""


class Watch:
    """Smooths what comes of the steps, and notices a critic that wins or sleeps for long."""

    def __init__(self) -> None:
        self._smooth: Verdict | None = None
        self._state, self._since = "", 0

    def see(self, verdict: Verdict) -> None:
        """Take in what came of a step."""
        before = self._smooth or verdict
        self._smooth = Verdict(
            *(_SMOOTH * old + (1 - _SMOOTH) * new for old, new in zip(before, verdict, strict=True))
        )
        accuracy = self._smooth.accuracy
        state = "wins" if accuracy > _WINS else "sleeps" if accuracy < _SLEEPS else ""
        self._since = self._since + 1 if state == self._state else 1
        self._state = state

    def warning(self) -> str:
        """Say what is wrong, once, when it has been for long; empty else."""
        if not self._state or self._since != LONG or self._smooth is None:
            return ""
        share = f"{100 * self._smooth.accuracy:.0f}% right for {LONG} steps"
        if self._state == "wins":
            return (
                f"the critic wins ({share}): the network learns little from it. "
                "Try a lower --critic-lr, --critic-r1, or more of gan in --loss."
            )
        return (
            f"the critic sleeps ({share}): it cannot tell pictures apart, and what it says is "
            "noise. Try a higher --critic-lr, or less --critic-r1."
        )

    def metrics(self) -> dict[str, float | None]:
        """Return what is written down; nothing but its names before the critic's first step."""
        values = self._smooth or (None, None, None)
        names = ("gan_loss", "critic_loss", "critic_accuracy")
        return dict(zip(names, values, strict=True))
