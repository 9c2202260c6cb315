"""What was fetched: a line for each file, so that a later fetch finds those that have changed."""

from __future__ import annotations

import fcntl
import json
import os
import threading
import zlib
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import new as new_hash
from typing import TYPE_CHECKING

from rawkit.errors import OutputError
from rawkit.files import output_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "fetched.jsonl"
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file as it was when it had come."""

    path: str
    """Path below the folder, with forward slashes."""
    size: int
    """Bytes."""
    crc32: str
    """CRC-32 of its contents, eight hexadecimal digits."""
    sha256: str
    """SHA-256 of its contents, in hexadecimal."""
    origin: str
    """Archive or folder it came from."""
    stamp: str
    """What the source calls its version: CRC, ETag or time; empty where it says none."""
    tag: str
    """ETag or date of the archive it came from; empty where its server gives none."""
    mtime_ns: int
    """Time of its last change on this machine, in nanoseconds."""

    def untouched(self, path: Path) -> bool:
        """Tell whether a file looks as it was put down: same size and time."""
        status = path.stat()
        return (status.st_size, status.st_mtime_ns) == (self.size, self.mtime_ns)


class Record:
    """The file of a folder in which it is written down what came; safe in threads."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._lock = threading.Lock()
        self.files = self._read()

    def _read(self) -> dict[str, Fetched]:
        """Read it; the last line of a path counts, and a line that was cut off does not."""
        found: dict[str, Fetched] = {}
        if not self.path.exists():
            return found
        for line in self.path.read_text("utf-8", "replace").splitlines():
            try:
                one = Fetched(**json.loads(line))
            except (ValueError, TypeError):
                continue
            found[one.path] = one
        return found

    def add(self, one: Fetched) -> None:
        """Write a file down, for good."""
        line = json.dumps(asdict(one), ensure_ascii=False) + "\n"
        with self._lock, output_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab+") as file:
                if file.tell():
                    file.seek(-1, os.SEEK_END)
                    if file.read(1) != b"\n":  # a run that was killed left half a line
                        line = "\n" + line
                file.write(line.encode())
                file.flush()
                os.fsync(file.fileno())
            self.files[one.path] = one


def sums(path: Path, algorithm: str = "sha256") -> tuple[str, str]:
    """Return CRC-32 and another checksum of a file, in hexadecimal, a block at a time."""
    crc, other = 0, new_hash(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            crc = zlib.crc32(block, crc)
            other.update(block)
    return f"{crc:08x}", other.hexdigest()


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Be the only process that fetches into a folder; a process that dies lets go of it.

    Raises
    ------
    OutputError
        If another one does.
    """
    with output_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle = (folder / ".fetching").open("wb")
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise OutputError(
                "another process fetches into it",
                where=folder,
                fix="Wait for it; a process that has died is not waited for.",
            ) from error
        yield
