"""The lock that keeps two writers apart."""

from __future__ import annotations

import fcntl
import os
import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from rawkit.files import output_errors, write_atomically
from rawkit.locations import Url
from rawkit.store.locks.holder import (
    HEARTBEAT,
    HEARTBEAT_LOST,
    Holder,
    locked_error,
    taken_over_error,
)
from rawkit.store.locks.lease import hold_lease

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rawkit.locations import Location

__all__ = ["HEARTBEAT", "HEARTBEAT_LOST", "lock", "lock_of", "output_errors", "write_atomically"]


@contextmanager
def lock(location: Location) -> Iterator[Callable[[], None]]:
    """Hold a lock for as long as the block runs; yields a check that it is still held.

    The lock, a file or an object elsewhere, names host and process and is touched every few
    seconds. Of a file the kernel itself knows whether a holder on this machine lives; a lock that
    another machine has not touched for a minute, and one whose process here is dead, is taken over.

    Raises
    ------
    StoreLockedError
        If another process holds it; by the check, if another has taken it over.
    OutputError, StoreUnreachableError
        If it cannot be written.
    """
    with hold_lease(location) if isinstance(location, Url) else _hold_file(location) as check:
        yield check


def lock_of(store: Location) -> Location:
    """Return where the lock of a store lies: beside it."""
    return store.with_name(store.name + ".lock")


@contextmanager
def _hold_file(path: Path) -> Iterator[Callable[[], None]]:
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = _take(path)
    stop = threading.Event()
    pulse = threading.Thread(target=_beat, args=(path, stop), daemon=True)
    pulse.start()

    def check() -> None:
        found = _holder(handle)
        if found != Holder.here():
            raise taken_over_error(found, path)

    try:
        yield check
    finally:
        stop.set()
        pulse.join()
        with suppress(OSError):
            path.unlink()
        os.close(handle)


def _take(path: Path) -> int:
    """Return a handle on the lock file, held by this process alone."""
    while True:
        handle = os.open(path, os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held = _same_file(handle, path)
            if held:
                _check_elsewhere(handle, path)
                os.ftruncate(handle, 0)
                os.pwrite(handle, Holder.here().encode(), 0)
                return handle
        except BlockingIOError:
            error = locked_error(_holder(handle), path)
            os.close(handle)
            raise error from None
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # its holder has removed it just now: take the next one


def _same_file(handle: int, path: Path) -> bool:
    """Tell whether the path still names the file that was opened."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _check_elsewhere(handle: int, path: Path) -> None:
    """Refuse a lock that another machine holds and still touches."""
    holder = _holder(handle)
    if holder is None or holder.host == socket.gethostname():
        return  # new, unreadable, or of a process here that the kernel says is dead
    if time.time() - os.fstat(handle).st_mtime < HEARTBEAT_LOST:
        raise locked_error(_holder(handle), path)


def _holder(handle: int) -> Holder | None:
    return Holder.parse(os.pread(handle, 4096, 0))


def _beat(path: Path, stop: threading.Event) -> None:
    """Touch the lock file until told to stop."""
    while not stop.wait(HEARTBEAT):
        with suppress(OSError):
            os.utime(path)
