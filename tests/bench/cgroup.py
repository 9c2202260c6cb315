"""Run a command in a memory cgroup, where this machine lets one be made (as root)."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_V1 = Path("/sys/fs/cgroup/memory")
_V2 = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a command used."""

    returncode: int
    """Its exit status; -9 where the kernel ended it for lack of memory."""
    stdout: str
    """What it printed."""
    stderr: str
    """What it said about itself."""
    peak: int
    """Highest memory of the group in bytes: resident and page cache together."""


class MemoryGroup:
    """A memory cgroup of version 1 or 2."""

    def __init__(self, folder: Path, *, version: int) -> None:
        self._folder, self._version = folder, version

    def run(self, command: Sequence[str], *, env: Mapping[str, str], timeout: float) -> Usage:
        """Run a command in the group from its first instruction on."""
        script = f'echo $$ > "{self._folder}/cgroup.procs" && exec "$@"'
        done = subprocess.run(
            ["sh", "-c", script, "sh", *command],
            capture_output=True, text=True, env=dict(env), timeout=timeout, check=False,
        )  # fmt: skip
        name = "memory.max_usage_in_bytes" if self._version == 1 else "memory.peak"
        return Usage(done.returncode, done.stdout, done.stderr, self._number(name))

    def _number(self, name: str) -> int:
        return int((self._folder / name).read_text())


@contextmanager
def memory_group(limit: int) -> Iterator[MemoryGroup | None]:
    """Make a group with so many bytes for resident memory and page cache together.

    None where this process may not make one.
    """
    version, root = (1, _V1) if (_V1 / "cgroup.procs").exists() else (2, _V2)
    folder = root / f"rawkit-bench-{os.getpid()}"
    name = "memory.limit_in_bytes" if version == 1 else "memory.max"
    try:
        folder.mkdir()
        (folder / name).write_text(str(limit))
    except OSError:
        with suppress(OSError):
            folder.rmdir()
        yield None
        return
    try:
        yield MemoryGroup(folder, version=version)
    finally:
        for _ in range(50):
            with suppress(OSError):
                folder.rmdir()
            if not folder.exists():
                break
            time.sleep(0.1)
