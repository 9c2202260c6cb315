"""LibRaw's own lines, kept from a worker's standard error.

The C library prints "data corrupted" for files that are refused with a reason a moment later, over
the progress bar and without the file's name. What Python writes goes on as before.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from typing import Any

_STDERR = 2


def silence_c_libraries() -> None:
    """Send what C libraries write to standard error nowhere, for the rest of this process.

    `sys.stderr` and the handlers of loggers that write to it get a descriptor of their own. Calls
    after the first change nothing.
    """
    if os.getpid() in _silenced:
        return
    _silenced.add(os.getpid())
    before = sys.stderr
    if before is None:  # a process without any
        return
    with suppress(OSError, ValueError, AttributeError):
        if before.fileno() != _STDERR:
            return  # it has been led elsewhere already
        before.flush()
        ours = os.fdopen(os.dup(_STDERR), "w", buffering=1, errors="backslashreplace")
        sys.stderr = ours
        for handler in _handlers():
            if handler.stream is before:
                handler.setStream(ours)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, _STDERR)
        os.close(nowhere)


def _handlers() -> list[logging.StreamHandler[Any]]:
    """Return the handlers of all loggers that write to a stream."""
    names = logging.root.manager.loggerDict
    loggers = [logging.getLogger(), *(logging.getLogger(name) for name in names)]
    return [
        handler
        for logger in loggers
        for handler in logger.handlers
        if isinstance(handler, logging.StreamHandler)
    ]


_silenced: set[int] = set()
"""This process, once it is silent."""
