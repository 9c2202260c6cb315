"""What may be there again later, and how long to wait for it."""

from __future__ import annotations

from rawkit.errors import (
    MissingError,
    OutputError,
    RawkitError,
    StoreLockedError,
    StoreUnreachableError,
)
from rawkit.source import TransferError

PAUSES = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
"""Seconds before the next try where something is away; the last one again and again."""


def pause_before(tries: int) -> float:
    """Return the seconds to wait after so many vain tries, from 0."""
    return PAUSES[min(tries, len(PAUSES) - 1)]


def passes(error: BaseException) -> bool:
    """Tell whether something may be there again later: a server, room on a disk, a store's lock."""
    if isinstance(error, OutputError | StoreLockedError | StoreUnreachableError):
        return True
    cause: BaseException | None = error
    while isinstance(cause, MissingError):
        cause = cause.__cause__
    return isinstance(cause, TransferError)


def reason_of(error: RawkitError) -> str:
    """Say in one line what is away."""
    return error.reason if error.where is None else f"{error.where}: {error.reason}"
