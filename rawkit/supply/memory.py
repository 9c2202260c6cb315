"""How the memory of a training is shared with the ingest beside it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from rawkit.errors import UsageError

PROCESS = 260 * 10**6
"""Bytes that the ingest takes before its first frame: Python, numpy, Arrow, LibRaw, the catalog."""
FRAME = 420 * 10**6
"""Bytes that a long of 12 MP takes while it is rendered, packed and encoded."""
COMING = 100 * 10**6
"""Bytes of files on their way over the network."""
BATCH_SIZE = 4
"""Pairs that a training begins with unless it asks for another batch."""
RECIPE_BATCHES = {
    "dark-video": 1, "eld": 1, "lamba2021": 8, "pmn": 1, "see-in-the-dark-gan": 16, "sid": 1,
}  # fmt: skip
"""The same of published trainings: known here, since their own module is loaded with torch."""
LOADED = 500 * 10**6
"""Bytes of a training before its first step: Python and torch."""
MOST_THREADS = 8
"""Frames that are decoded at once, at most."""


@dataclass(frozen=True, slots=True)
class Share:
    """What the ingest beside a training may take."""

    threads: int
    """Frames that are decoded at once."""
    eager: int
    """The same until training begins, which has loaded no more than torch by then."""
    ingest: int
    """Bytes that it takes beside the training, at most, with frames of 12 MP."""


def share_memory(max_ram: int, cores: int | None = None) -> Share:
    """Give the ingest at most a third of the memory: as many threads as fit, and at least one."""
    room = max_ram // 3 - PROCESS - COMING
    most = min(cores or os.cpu_count() or 1, MOST_THREADS)
    threads = max(1, min(most, room // FRAME))
    alone = (max_ram - LOADED - PROCESS - COMING) // FRAME
    return Share(threads, max(threads, min(most, alone)), PROCESS + COMING + threads * FRAME)


def check_alone() -> None:
    """Refuse a budget of bytes where torchrun has started several processes.

    Raises
    ------
    UsageError
        If so.
    """
    count = int(os.environ["WORLD_SIZE"]) if "TORCHELASTIC_RUN_ID" in os.environ else 1
    if count > 1:
        raise UsageError(
            f"--disk with {count} processes",
            expected="one: a frame goes once the last window that reads it is done, and what other "
            "processes have read is known to them alone",
            fix="Leave --disk out, or train in one process.",
        )


def leads_here() -> bool:
    """Tell whether this process is the first of those that torchrun has started; it is without."""
    return "TORCHELASTIC_RUN_ID" not in os.environ or os.environ.get("RANK") == "0"
