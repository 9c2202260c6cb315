"""Ctrl-C between steps: what was left half done could not be gone on with exactly."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

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


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C back until the block has ended, and no longer.

    Outside the main thread, where signals do not arrive, and where Ctrl-C means something else to
    this process, nothing changes.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    came: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda *what: came.append(what))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            before(*came[0])
