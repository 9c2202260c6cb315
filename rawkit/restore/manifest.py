"""``manifest.jsonl``: how each picture of a folder was made, one JSON object a line."""

from __future__ import annotations

import json
import math
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TextIO

from rawkit.errors import OutputError, WeightsError
from rawkit.files import output_errors

if TYPE_CHECKING:
    from collections.abc import Mapping

MANIFEST = "manifest.jsonl"


class Manifest:
    """Adds lines to the manifest of a folder; the folder is made if need be.

    Raises
    ------
    OutputError
        If it cannot be written: then nothing else in the folder can, either.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / MANIFEST
        with output_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        with output_errors(self.path):
            self._file: TextIO = self.path.open("a", encoding="utf-8")

    def add(self, values: Mapping[str, Any]) -> None:
        """Add a line at once; numbers that JSON has no word for become null."""
        line = json.dumps({key: _plain(value) for key, value in values.items()})
        with output_errors(self.path):
            self._file.write(line + "\n")
            self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with output_errors(self.path):
            self._file.close()


def identity_of(weights: Path) -> str:
    """Return what lines call a file of weights: its SHA-256, hexadecimal.

    Raises
    ------
    WeightsError
        If it cannot be read.
    """
    try:
        return sha256(weights.read_bytes()).hexdigest()
    except OSError as error:
        raise WeightsError(f"cannot be read ({error.strerror})", where=weights) from error


def read_manifest(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the last line of each picture, by its path; lines that were cut off are passed over.

    Raises
    ------
    OutputError
        If there is one that cannot be read.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return {}
    found: dict[str, dict[str, Any]] = {}
    try:
        text = path.read_text("utf-8", errors="replace")
    except OSError as error:
        raise OutputError(f"cannot be read ({error.strerror})", where=path) from error
    for line in text.splitlines():
        try:
            values = json.loads(line)
            name = values["picture"]
            found.pop(name, None)  # so that they come in the order of their making
            found[name] = values
        except (ValueError, TypeError, KeyError):
            continue
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
