"""Files replaced whole or not at all, and the lock that keeps two writers apart."""

from __future__ import annotations

import json
import os
import socket
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from rawkit.errors import OutputError, StoreLockedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def write_atomically(path: Path, data: bytes) -> None:
    """Replace `path` by `data`: a reader sees the old bytes or the new, never a mixture.

    A file that already holds these bytes is left alone.

    Raises
    ------
    OutputError
        If it cannot be written; what was there before is still there.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
            return
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise


@contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Turn failures to write into `OutputError`, with the way out."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"cannot be written ({error.strerror or error})",
            where=path,
            fix="What was written before is intact; make room or choose another place.",
        ) from error


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold the lock file `path` for as long as the block runs.

    A lock of a process of this machine that no longer runs is taken over.

    Raises
    ------
    StoreLockedError
        If another process holds it.
    """
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    mine = json.dumps({"host": socket.gethostname(), "pid": os.getpid()}).encode()
    for _ in range(2):
        try:
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            _remove_if_dead(path)
            continue
        except OSError as error:
            raise OutputError(f"cannot be written ({error.strerror})", where=path) from error
        os.write(handle, mine)
        os.close(handle)
        break
    else:
        raise StoreLockedError("locked by a process that has just started", where=path)
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()


def _remove_if_dead(path: Path) -> None:
    try:
        holder = json.loads(path.read_bytes() or b"{}")
        host, pid = str(holder["host"]), int(holder["pid"])
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError):
        host, pid = "an unknown host", 0
    if host == socket.gethostname() and not _runs(pid):
        with suppress(FileNotFoundError):
            path.unlink()
        return
    raise StoreLockedError(
        f"process {pid} on {host} is writing to it",
        expected="one writer at a time",
        where=path,
        fix="Wait for it; if it no longer runs, delete this lock file.",
    )


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    except OverflowError:  # no process has such a number
        return False
    return True
