"""The folder of a run, on this machine or in an object store: the files a training keeps.

A file appears whole or not at all, wherever the folder lies. What belongs together is written in an
order of which every beginning can be gone on from: see `rawkit.train.loop`.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from rawkit.files import output_errors, write_atomically
from rawkit.locations import Url
from rawkit.source import Transfer
from rawkit.store import ObjectPlace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rawkit.locations import Location

_TRIES, _FIRST_PAUSE = 8, 1.0
"""How patient a write is: two minutes of pauses, each twice as long as the one before. By then a
server is back that was only started anew."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where the files of a run lie; each is named by its path in it, with slashes."""

    location: Location
    """Path or URL."""
    told: Callable[[str], None] | None = None
    """Told in words when a server does not take a file at once."""

    @property
    def name(self) -> str:
        """Name of the run."""
        return self.location.name

    @property
    def local(self) -> Path | None:
        """The folder, if it is one of this machine."""
        return None if isinstance(self.location, Url) else self.location

    def where(self, file: str) -> Location:
        """Return the path or URL of a file."""
        return self.location / file

    def exists(self, file: str) -> bool:
        """Tell whether a file is there.

        Raises
        ------
        StoreUnreachableError
            If its server does not answer, or refuses.
        """
        if isinstance(self.location, Url):
            return ObjectPlace(self.location).exists(file)
        return (self.location / file).is_file()

    def read(self, file: str) -> bytes | None:
        """Read a file; None where there is none.

        Raises
        ------
        OutputError, StoreUnreachableError
            If it cannot be read.
        """
        try:
            if isinstance(self.location, Url):
                return ObjectPlace(self.location).read(file)
            with output_errors(self.location / file):
                path = self.location / file
                return path.read_bytes() if path.is_file() else None
        except FileNotFoundError:
            return None

    def write(self, file: str, data: bytes, *, patient: bool = True) -> None:
        """Replace a file: readers see the old bytes or the new.

        A server that does not answer is asked again for two minutes and more, unless this is not
        to be `patient`.

        Raises
        ------
        OutputError, StoreUnreachableError
            If it cannot be written; what was there before is still there.
        """
        if isinstance(self.location, Url):
            place = _patient(self.location, self.told) if patient else ObjectPlace(self.location)
            place.write(file, data)
        else:
            write_atomically(self.location / file, data)

    def copy(self, file: str, to: str) -> None:
        """Keep what a file holds now under another name too; it takes no room here.

        Raises
        ------
        OutputError, StoreUnreachableError
            If that cannot be done; the file is intact.
        """
        if isinstance(self.location, Url):
            _patient(self.location, self.told).copy(file, to)
            return
        kept = self.location / to
        with output_errors(kept):
            partial = kept.with_name(f"{kept.name}.part")
            partial.unlink(missing_ok=True)
            os.link(self.location / file, partial)  # files are replaced, never written over
            partial.replace(kept)

    def files(self, pattern: str = "*") -> list[str]:
        """Names of files right in it that a pattern fits, in order.

        Raises
        ------
        StoreUnreachableError
            If its server does not answer, or refuses.
        """
        if isinstance(self.location, Url):
            found = [key for key in _patient(self.location, self.told).sizes() if "/" not in key]
        else:
            found = [path.name for path in self.location.glob("*") if path.is_file()]
        return sorted(name for name in found if fnmatchcase(name, pattern))

    def delete(self, file: str) -> None:
        """Delete a file; nothing happens where there is none.

        Raises
        ------
        OutputError, StoreUnreachableError
            If it cannot be deleted.
        """
        if isinstance(self.location, Url):
            _patient(self.location, self.told).delete(file)
            return
        with output_errors(self.location / file):
            (self.location / file).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Drop what a writer that was killed has begun to put into a bucket."""
        if isinstance(self.location, Url):
            ObjectPlace(self.location).sweep()

    @contextmanager
    def opened(self, file: str) -> Iterator[Path]:
        """Give the path of a file for a while: itself, or a copy of one that lies elsewhere.

        Raises
        ------
        OutputError, StoreUnreachableError
            If it cannot be read, or copied here. One that is missing has a path too.
        """
        if not isinstance(self.location, Url):
            yield self.location / file
            return
        with tempfile.TemporaryDirectory(prefix="rawkit-run-") as folder:
            path = Path(folder) / Path(file).name
            data = self.read(file)
            if data is not None:
                with output_errors(path):
                    path.write_bytes(data)
                del data
            yield path


def _patient(url: Url, told: Callable[[str], None] | None) -> ObjectPlace:
    """Return a place for what may cost work.

    The other processes of a training wait longer, see `rawkit.train.devices`.
    """
    return ObjectPlace(url, Transfer(tries=_TRIES, pause=_FIRST_PAUSE, told=told))
