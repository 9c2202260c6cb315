"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from pathlib import Path

from rawkit.errors import OutputError

_DEFAULT_MODE = 0o644
_REMEDIES = {
    errno.ENOSPC: "Free some space, or ask for fewer scenes or a smaller size; "
    "what is written is kept and the next run goes on from there.",
    errno.EDQUOT: "The quota is used up: free some space; the next run goes on from there.",
    errno.EACCES: "Choose a folder you may write to.",
    errno.EPERM: "Choose a folder you may write to.",
    errno.EROFS: "Choose a folder on a file system that can be written to.",
    errno.ENOTDIR: "A part of the path is a file: choose another folder.",
    errno.EEXIST: "A file lies where a folder is needed: choose another folder.",
}


def output_error(error: OSError, where: Path) -> OutputError:
    """Turn what the operating system says into rawkit's words, with the remedy for its cause."""
    return OutputError(
        f"cannot be written: {error.strerror or error}",
        where=where,
        fix=_REMEDIES.get(error.errno or 0),
    )


def make_folder(path: Path) -> None:
    """Make a folder and those above it.

    Raises
    ------
    OutputError
        If that is not possible.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(error, path) from error


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file through a temporary one beside it.

    Raises
    ------
    OutputError
        If it cannot be written; the temporary file is removed then.
    """
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(
            prefix=f".{path.name}.", suffix=".part", dir=path.parent
        )
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).chmod(_DEFAULT_MODE)  # mkstemp makes files that only their owner reads
        Path(temporary).replace(path)
    except OSError as error:
        raise output_error(error, path) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(FileNotFoundError):
                Path(temporary).unlink()
