"""Files that are replaced whole or not at all, and what is in them."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from hashlib import file_digest
from typing import TYPE_CHECKING

from rawkit.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import BinaryIO


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal, without holding it.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def write_atomically(path: Path, data: bytes) -> None:
    """Replace `path` by `data`: a reader sees the old bytes or the new, never a mixture.

    A file that already holds these bytes is left alone.

    Raises
    ------
    OutputError
        If it cannot be written; what was there before is still there.
    """
    write_together([(path, data)])


def write_together(files: Iterable[tuple[Path, bytes]]) -> None:
    """Replace several files as `write_atomically` does, one after the other, in this order.

    All new bytes are on disk before the first file is replaced: on a full disk none is.

    Raises
    ------
    OutputError
        If one cannot be written; what was there before is still there.
    """
    ready: list[tuple[Path, Path]] = []
    try:
        for path, data in files:
            with output_errors(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                if (
                    path.is_file()
                    and path.stat().st_size == len(data)
                    and path.read_bytes() == data
                ):
                    continue
                temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
                ready.append((temporary, path))
                with temporary.open("wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
        for temporary, path in ready:
            with output_errors(path):
                temporary.replace(path)
    except BaseException:
        for temporary, _ in ready:
            with suppress(OSError):
                temporary.unlink()
        raise


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file, seekable, that takes the place of `path` once the block ends without an error.

    Raises
    ------
    OutputError
        If it cannot be written; what was there before is still there.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("w+b") as file:
                yield file
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
