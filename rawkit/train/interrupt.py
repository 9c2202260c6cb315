"""Ctrl-C between steps: a network whose step was left half done could not be resumed exactly."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Ctrl-C, and what batch systems send before they take a machine away."""


@contextmanager
def deferred_interrupt(*, insistent: bool = True) -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C and SIGTERM into a wish to stop that the caller asks for.

    A second one interrupts at once, unless `insistent` is False: torchrun sends each process what
    the terminal has sent it already. Outside the main thread, where signals do not arrive, nothing
    changes.
    """
    wished = False

    def wish(*_: object) -> None:
        nonlocal wished
        if wished and insistent:
            raise KeyboardInterrupt
        wished = True

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = {one: signal.signal(one, wish) for one in _SIGNALS}
    try:
        yield lambda: wished
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
