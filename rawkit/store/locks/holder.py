"""Who holds a lock, as the lock itself says."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict, dataclass

from rawkit.errors import StoreLockedError

HEARTBEAT = 10.0
"""Seconds between two touches of a lock."""
HEARTBEAT_LOST = 60.0
"""Seconds after which a lock of another machine counts as left behind."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A process."""

    host: str
    """Name of its machine."""
    pid: int
    """Its number there."""

    @classmethod
    def here(cls) -> Holder:
        """Return this process."""
        return cls(socket.gethostname(), os.getpid())

    @classmethod
    def parse(cls, data: bytes) -> Holder | None:
        """Read a lock; None if it says nothing."""
        try:
            found = json.loads(data or b"null")
            return cls(str(found["host"]), int(found["pid"]))
        except (ValueError, KeyError, TypeError):
            return None

    def encode(self, **more: object) -> bytes:
        """Encode for a lock: the inverse of `parse`, whatever else is said."""
        return json.dumps({**asdict(self), **more}).encode()

    def has_died(self) -> bool:
        """Tell whether it is a process of this machine that no longer runs."""
        if self.host != socket.gethostname():
            return False
        try:
            os.kill(self.pid, 0)
        except (ProcessLookupError, OverflowError):
            return True
        except PermissionError:
            return False  # it runs, as somebody else
        return False


def locked_error(holder: Holder | None, where: object) -> StoreLockedError:
    """Return the error for a lock that is held."""
    host, pid = ("this machine", 0) if holder is None else (holder.host, holder.pid)
    return StoreLockedError(
        f"process {pid} on {host} is writing to it",
        expected="one writer at a time",
        where=where,
        fix=f"Wait for it; a process that has died loses it within {HEARTBEAT_LOST:.0f} seconds.",
    )


def taken_over_error(holder: Holder | None, where: object) -> StoreLockedError:
    """Return the error for a lock that was ours."""
    who = "another process" if holder is None else f"process {holder.pid} on {holder.host}"
    return StoreLockedError(
        f"{who} has taken the lock over: this one had shown no sign of life for too long",
        expected="one writer at a time",
        where=where,
        fix="What was committed is in the store; run the same command again when it is done.",
    )
