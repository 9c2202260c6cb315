"""Transfers over a network: time-outs, and trying again with growing pauses."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from rawkit.errors import MissingError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

_T = TypeVar("_T")
_LONGEST_PAUSE = 60.0
_LONGEST_PATIENT = 10.0
"""Seconds between tries while a server that is away is waited for."""
_DOUBLED = 8
"""Pauses after which none is longer than the one before."""
_MOVED = 1 << 16
"""New bytes after which a transfer that broke off counts as one that goes on."""
PATIENCE = 180.0
"""Seconds for which a server that has answered before is waited for, unless told otherwise."""
_QUIET = 5.0
"""Seconds after which it is said that a server is waited for."""
_AGAIN = 15.0
"""Seconds after which that is said again."""
_LOG = logging.getLogger("rawkit.source")


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
    patience: float = 0.0
    """Seconds for which a server that has answered before is tried again, however many tries."""

    def retried(
        self,
        action: Callable[[], _T],
        where: str,
        *,
        patient: bool = False,
        moved: Callable[[], int] = lambda: 0,
    ) -> _T:
        """Call `action` until it succeeds.

        With `patient` a server that is away is waited for as long as `patience` says, and a word of
        it goes to the log ``rawkit.source``. `moved` are the bytes that have come so far: tries and
        patience begin anew where an action that fails has brought some.

        Raises
        ------
        MissingError
            If the last try raises `TransferError`, too.
        """
        number, had, since, said = 0, moved(), time.monotonic(), 0.0
        begun = since
        while True:
            number += 1
            try:
                result = action()
            except TransferError as error:
                now = time.monotonic()
                if moved() - had >= _MOVED:
                    number, had, since = 1, moved(), now
                left = self.patience - (now - since) if patient else 0.0
                if number >= self.tries and left <= 0:
                    raise self._lost(error, where, number, now - since) from error
                if now - since >= _QUIET and now - said >= _AGAIN:
                    said = now
                    _say_waiting(where, error, now - since, left)
                seconds = self._seconds(number, error.pause, left)
                if self.told is not None:
                    self.told(f"{where}: {error}; trying again in {seconds:.0f} s")
                time.sleep(seconds)
            else:
                if said:
                    away = time.monotonic() - begun
                    _LOG.warning("%s answers again after %.0f s", where, away)
                return result

    def _lost(self, error: TransferError, where: str, tries: int, seconds: float) -> MissingError:
        waited = f" over {seconds:.0f} s" if tries > self.tries else ""
        each = f"in each of {tries} tries" if not waited else f"in {tries} tries"
        return MissingError(
            f"{error}, {each}{waited}",
            where=where,
            fix="Check the connection; the same command goes on where this one ends.",
        )

    def _seconds(self, number: int, asked: float | None, left: float) -> float:
        seconds = self.pause * 2 ** min(number - 1, _DOUBLED) if asked is None else asked
        if self.jitter is not None:
            seconds *= 1 + self.jitter.uniform(0, 0.5)
        if number >= self.tries:  # only patience goes on
            longest = _LONGEST_PATIENT if asked is None else _LONGEST_PAUSE
            return max(0.01, min(seconds, longest, left))
        return min(seconds, _LONGEST_PAUSE)


def _say_waiting(where: str, error: TransferError, seconds: float, left: float) -> None:
    if left > 0:
        until = time.strftime("%H:%M:%S", time.localtime(time.time() + left))
        _LOG.warning(
            "%s has not answered for %.0f s (%s); trying again until %s",
            where, seconds, error, until,
        )  # fmt: skip
    else:
        _LOG.warning("%s has not answered for %.0f s (%s); trying again", where, seconds, error)
