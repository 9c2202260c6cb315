"""What work may cost a process: memory and seconds, enforced by the system itself.

The clock is a thread of the C library's kind that needs nothing of Python: a decoder that hangs
inside LibRaw is ended with its process.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import resource
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_STATUS = Path("/proc/self/status")


def limit_memory(count: int) -> None:
    """Let this process take `count` bytes more than it has now; later calls change nothing.

    Where the system does not say what a process has, there is no limit.
    """
    if os.getpid() in _limited:
        return
    _limited.add(os.getpid())
    now = _data_bytes()
    if now is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (now + count, hard))


_limited: set[int] = set()
"""This process, once its memory is limited."""


def _data_bytes() -> int | None:
    """Bytes that count towards RLIMIT_DATA now; None where the system does not say."""
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("VmData:")]
    return 1024 * int(found[0]) if found else None


@contextlib.contextmanager
def time_limit(seconds: float, note: Path | None) -> Iterator[None]:
    """End this process if the block takes longer.

    Parameters
    ----------
    seconds
        Time from now.
    note
        A file that is empty while the block runs and gone after it; of a process that was ended it
        holds what every thread was at. So others know one that hung from one that crashed. None:
        nobody looks.
    """
    with tempfile.TemporaryFile("w") if note is None else note.open("w") as file:
        faulthandler.dump_traceback_later(seconds, exit=True, file=file)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
    if note is not None:
        note.unlink(missing_ok=True)
