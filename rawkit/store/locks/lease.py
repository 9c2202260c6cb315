"""The lock of a store elsewhere: an object that names its holder and is written anew all the time.

Object stores have no locks. Where the server knows conditions (``If-None-Match``), only one of two
processes can create the object; where it does not, whoever wrote last is found out by reading it
again after a pause. A holder that was taken for dead finds out before its next commit.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rawkit.errors import StoreError
from rawkit.store.locks.holder import (
    HEARTBEAT,
    HEARTBEAT_LOST,
    Holder,
    locked_error,
    taken_over_error,
)
from rawkit.store.places.objects import ObjectPlace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rawkit.locations import Url

_SETTLE = 2.0
"""Seconds after which two who write the same object at once see who was last."""
_CLOCK_SLACK = 1.2
"""Heartbeats for which a silent lock is watched, so that clocks that differ take nobody's lock."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """What a lock says."""

    holder: Holder | None
    """Its process; None where it says nothing."""
    time: float
    """When it was written, by the holder's clock, in seconds since 1970."""
    token: str
    """Different for every holder."""

    @classmethod
    def parse(cls, data: bytes) -> _Mark:
        try:
            found = json.loads(data)
            return cls(Holder.parse(data), float(found["time"]), str(found["token"]))
        except (ValueError, KeyError, TypeError):
            return cls(Holder.parse(data), 0.0, "")


class _Lease:
    """A lock object, and the token that makes it ours."""

    def __init__(self, location: Url) -> None:
        self.location = location
        self._place, self._key = ObjectPlace(location.parent), location.name
        self._token = uuid.uuid4().hex

    def _mine(self) -> bytes:
        return Holder.here().encode(time=time.time(), token=self._token)

    def _found(self) -> _Mark | None:
        try:
            return _Mark.parse(self._place.read(self._key))
        except FileNotFoundError:
            return None

    def take(self) -> None:
        """Make the lock ours, or say who has it."""
        while True:
            found = self._found()
            if found is None:
                if not self._create():
                    continue  # somebody was faster: see who
                return
            if found.token == self._token:
                return
            if not self._left_behind(found):
                raise locked_error(found.holder, self.location)
            self._place.write(self._key, self._mine())
            self._wait_for_others()
            return

    def _create(self) -> bool:
        """Create the lock; tells whether nobody else did."""
        if not self._place.create(self._key, self._mine()):
            return False
        # A server that lets us create it again knows no conditions.
        if self._place.create(self._key, self._mine()):
            self._wait_for_others()
        return True

    def _wait_for_others(self) -> None:
        time.sleep(_SETTLE)
        self.check()

    def _left_behind(self, found: _Mark) -> bool:
        """Tell whether the holder of a lock is dead; its clock may differ from ours."""
        if found.holder is not None and found.holder.has_died():
            return True
        if time.time() - found.time < HEARTBEAT_LOST:
            return False
        deadline = time.monotonic() + _CLOCK_SLACK * HEARTBEAT
        while time.monotonic() < deadline:
            time.sleep(min(1.0, HEARTBEAT / 4))
            if self._found() != found:
                return False
        return True

    def check(self) -> None:
        """Check that it is still ours."""
        found = self._found()
        if found is None or found.token != self._token:
            raise taken_over_error(None if found is None else found.holder, self.location)

    def beat(self, stop: threading.Event) -> None:
        """Write it anew until told to stop, or until it is somebody else's."""
        while not stop.wait(HEARTBEAT):
            with suppress(StoreError):
                found = self._found()
                if found is not None and found.token != self._token:
                    return
                self._place.write(self._key, self._mine())

    def release(self) -> None:
        """Remove it if it is ours."""
        with suppress(StoreError):
            found = self._found()
            if found is not None and found.token == self._token:
                self._place.delete(self._key)


@contextmanager
def hold_lease(location: Url) -> Iterator[Callable[[], None]]:
    """Hold a lock object for as long as the block runs; yields a check that it is still ours.

    It names host, process and the time of its last writing. One whose process here is dead, and
    one that has not been written for a minute, is taken over.

    Raises
    ------
    StoreLockedError
        If another process holds it; by the check, if another has taken it over.
    StoreUnreachableError
        If its server does not answer, or refuses.
    """
    lease = _Lease(location)
    lease.take()
    stop = threading.Event()
    pulse = threading.Thread(target=lease.beat, args=(stop,), daemon=True)
    pulse.start()
    try:
        yield lease.check
    finally:
        stop.set()
        pulse.join()
        lease.release()
