"""Ctrl-C between steps: a network whose step was left half done could not be resumed exactly."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def deferred_interrupt() -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C into a wish to stop that the caller asks for; a second one interrupts at once.

    Outside the main thread, where signals do not arrive, nothing changes.
    """
    wished = False

    def wish(*_: object) -> None:
        nonlocal wished
        if wished:
            raise KeyboardInterrupt
        wished = True

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = signal.signal(signal.SIGINT, wish)
    try:
        yield lambda: wished
    finally:
        signal.signal(signal.SIGINT, before)
