"""``manifest.jsonl``: how each picture of a folder was made, one JSON object a line."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, TextIO

from rawkit.errors import OutputError, WeightsError
from rawkit.files import output_errors, sha256_of
from rawkit.locations import Location
from rawkit.store import ObjectPlace, open_place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rawkit.locations import Url

MANIFEST = "manifest.jsonl"
_PUT_SECONDS = 15.0
"""Seconds between two writes of a manifest in a bucket, at least."""
_PUT_SHARE = 20
"""The same, as a multiple of what the last one took."""


class Lines(Protocol):
    """A manifest that takes lines until its block ends."""

    def add(self, values: Mapping[str, Any]) -> None:
        """Add a line; numbers that JSON has no word for become null."""

    def settle(self) -> None:
        """See to it that all lines are there now. Raises as `open_manifest`."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(self, *_: object) -> None:
        """See to it that all lines are there."""


def open_manifest(folder: Location) -> Lines:
    """Open the manifest of a folder, here or in a bucket; lines come behind those it has.

    Raises
    ------
    OutputError, StoreUnreachableError
        If it cannot be written: then nothing else in the folder can, either.
    """
    return Manifest(folder) if isinstance(folder, Path) else RemoteManifest(folder)


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
        """Add a line at once."""
        with output_errors(self.path):
            self._file.write(_line(values))
            self._file.flush()

    def settle(self) -> None:
        """Do nothing: they are."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with output_errors(self.path):
            self._file.close()


class RemoteManifest:
    """Adds lines to the manifest of a folder in a bucket, where files are replaced as a whole.

    That is done every few seconds and at the end. Pictures whose lines a killed run has not
    written count as made with other weights.

    Raises
    ------
    StoreUnreachableError
        If it cannot be written.
    """

    def __init__(self, folder: Url) -> None:
        self._place = ObjectPlace(folder)
        try:
            self._text = bytearray(self._place.read(MANIFEST))
        except FileNotFoundError:
            self._text = bytearray()
        self._new, self._lost = True, False
        self.settle()

    def add(self, values: Mapping[str, Any]) -> None:
        """Add a line, and write those that wait if it is time to."""
        self._text += _line(values).encode()
        self._new = True
        if time.monotonic() >= self._due:
            self.settle()

    def settle(self) -> None:
        """Write all lines; the next time comes so that it stays a small part of the work."""
        if not self._new or self._lost:
            return
        begun, self._lost = time.monotonic(), True
        self._place.write(MANIFEST, bytes(self._text))
        self._lost = self._new = False
        now = time.monotonic()
        self._due = now + max(_PUT_SECONDS, _PUT_SHARE * (now - begun))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.settle()  # unless the server has been lost: then that has been told


def identity_of(weights: Path) -> str:
    """Return what lines call a file of weights: its SHA-256, hexadecimal.

    Raises
    ------
    WeightsError
        If it cannot be read.
    """
    try:
        return sha256_of(weights)
    except OSError as error:
        raise WeightsError(f"cannot be read ({error.strerror})", where=weights) from error


def read_manifest(folder: Location) -> dict[str, dict[str, Any]]:
    """Return the last line of each picture, by its path; lines that were cut off are passed over.

    Raises
    ------
    OutputError, StoreUnreachableError
        If there is one that cannot be read.
    """
    try:
        text = open_place(folder).read(MANIFEST).decode("utf-8", errors="replace")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise OutputError(f"cannot be read ({error.strerror})", where=folder / MANIFEST) from error
    found: dict[str, dict[str, Any]] = {}
    for line in text.splitlines():
        try:
            values = json.loads(line)
            name = values["picture"]
            found.pop(name, None)  # so that they come in the order of their making
            found[name] = values
        except (ValueError, TypeError, KeyError):
            continue
    return found


def _line(values: Mapping[str, Any]) -> str:
    return json.dumps({key: _plain(value) for key, value in values.items()}) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Location):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
