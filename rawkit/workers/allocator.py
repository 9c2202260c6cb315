"""Memory that a step, a tile or a frame frees is kept for the next one."""

from __future__ import annotations

import ctypes
import os
import platform
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

# Numbers of parameters in glibc's malloc.h; values are 32-bit integers.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT: Final = {_TRIM_THRESHOLD: 2**31 - 1, _MMAP_THRESHOLD: 2**30}
"""Bytes: nothing that training allocates is as large, so nothing is given back."""
_USUAL: Final = {_TRIM_THRESHOLD: 2**26, _MMAP_THRESHOLD: 2**25}
"""Bytes: what glibc comes to by itself in a process that allocates large arrays."""
_ENVIRONMENT: Final = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


@dataclass(slots=True)
class _Holders:
    """Who wants memory kept; the setting itself is the process's, and the C library's."""

    count: int = 0
    """How many blocks are open."""
    lock: Lock = field(default_factory=Lock)
    """Held while the setting changes."""


_HOLDERS: Final = _Holders()


@contextmanager
def kept_memory(*, wanted: bool = True) -> Iterator[bool]:
    """Have glibc keep freed memory within the block, and give it back at its end.

    Else each of the large tensors of a step goes back to the system, which clears its pages anew
    for the next one: a million page faults in three steps of a training, a fifth of the time with
    MS-SSIM, and an eighth of restoring a picture tile by tile. Restoring a picture keeps memory to
    its end; who restores one frame after the other holds a block of this around them. Blocks may
    lie within each other, and beside each other in several threads: the last one gives back.

    The setting is the whole process's. Where the C library is another one, or the user has set its
    thresholds, nothing is changed; nor where it is not `wanted`, as the largest tensors of a step
    may then leave holes as large as themselves.

    Yields
    ------
    bool
        Whether memory is kept.
    """
    others = platform.libc_ver()[0] != "glibc" or any(name in os.environ for name in _ENVIRONMENT)
    if others or not wanted:
        yield False
        return
    library = ctypes.CDLL(None)
    with _HOLDERS.lock:
        _HOLDERS.count += 1
        taken = min(library.mallopt(number, value) for number, value in _KEPT.items()) == 1
    try:
        yield taken
    finally:
        with _HOLDERS.lock:
            _HOLDERS.count -= 1
            if not _HOLDERS.count:
                for number, value in _USUAL.items():
                    library.mallopt(number, value)
                library.malloc_trim(0)
