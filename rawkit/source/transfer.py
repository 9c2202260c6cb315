"""Transfers over a network: time-outs, and trying again with growing pauses."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from rawkit.errors import MissingError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

_T = TypeVar("_T")
_LONGEST_PAUSE = 60.0


class TransferError(Exception):
    """A transfer failed in a way that may pass.

    Parameters
    ----------
    message
        What happened.
    pause
        Seconds that the server asks to wait; None where it does not say.
    """

    def __init__(self, message: str, pause: float | None = None) -> None:
        self.pause = pause
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Transfer:
    """How patient a transfer is."""

    tries: int = 3
    """How often each request is made before it counts as failed."""
    timeout: float = 30.0
    """Seconds without a byte after which a request counts as failed."""
    pause: float = 0.5
    """Seconds before the second try; each further pause is twice as long."""
    told: Callable[[str], None] | None = None
    """Told in words of each try that failed and has another one after it."""
    jitter: np.random.Generator | None = None
    """Lengthens each pause by up to half, so that many clients do not come back at once."""

    def retried(self, action: Callable[[], _T], where: str) -> _T:
        """Call `action` until it succeeds.

        Raises
        ------
        MissingError
            If the last try raises `TransferError`, too.
        """
        for number in range(1, self.tries + 1):
            try:
                return action()
            except TransferError as error:
                if number == self.tries:
                    raise MissingError(
                        f"{error}, in each of {self.tries} tries",
                        where=where,
                        fix="Check the connection; the same command goes on where this one ends.",
                    ) from error
                seconds = self._seconds(number, error.pause)
                if self.told is not None:
                    self.told(f"{where}: {error}; trying again in {seconds:.0f} s")
                time.sleep(seconds)
        raise AssertionError(self.tries)

    def _seconds(self, number: int, asked: float | None) -> float:
        seconds = self.pause * 2 ** (number - 1) if asked is None else asked
        if self.jitter is not None:
            seconds *= 1 + self.jitter.uniform(0, 0.5)
        return min(seconds, _LONGEST_PAUSE)
