"""The lock that keeps two writers apart."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from rawkit.errors import StoreLockedError
from rawkit.files import output_errors, write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["HEARTBEAT", "HEARTBEAT_LOST", "lock", "output_errors", "write_atomically"]

HEARTBEAT = 10.0
"""Seconds between two touches of a lock."""
HEARTBEAT_LOST = 60.0
"""Seconds after which a lock of another machine counts as left behind."""


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold the lock file `path` for as long as the block runs.

    The file names host and process and is touched every few seconds. On one machine the kernel
    itself knows whether the holder lives; a lock that another machine has not touched for a
    minute, and one whose process here is dead, is taken over.

    Raises
    ------
    StoreLockedError
        If another process holds it.
    OutputError
        If it cannot be written.
    """
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = _take(path)
    stop = threading.Event()
    pulse = threading.Thread(target=_beat, args=(path, stop), daemon=True)
    pulse.start()
    try:
        yield
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
                mine = json.dumps({"host": socket.gethostname(), "pid": os.getpid()}).encode()
                os.ftruncate(handle, 0)
                os.pwrite(handle, mine, 0)
                return handle
        except BlockingIOError:
            error = _locked(handle, path)
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
    if holder is None or holder[0] == socket.gethostname():
        return  # new, unreadable, or of a process here that the kernel says is dead
    if time.time() - os.fstat(handle).st_mtime < HEARTBEAT_LOST:
        raise _locked(handle, path)


def _holder(handle: int) -> tuple[str, int] | None:
    try:
        found = json.loads(os.pread(handle, 4096, 0) or b"null")
        return str(found["host"]), int(found["pid"])
    except (ValueError, KeyError, TypeError):
        return None


def _locked(handle: int, path: Path) -> StoreLockedError:
    host, pid = _holder(handle) or ("this machine", 0)
    return StoreLockedError(
        f"process {pid} on {host} is writing to it",
        expected="one writer at a time",
        where=path,
        fix=f"Wait for it; a process that has died loses it within {HEARTBEAT_LOST:.0f} seconds.",
    )


def _beat(path: Path, stop: threading.Event) -> None:
    """Touch the lock file until told to stop."""
    while not stop.wait(HEARTBEAT):
        with suppress(OSError):
            os.utime(path)
