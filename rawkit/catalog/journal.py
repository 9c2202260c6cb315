"""What a scan has read so far, beside the table of a collection: little is lost with its process.

One line for each file: a CRC-32 of the rest, then the file and its EXIF as JSON. Lines are appended
while the scan goes on, some at a time; once the table is written the journal is removed. A line
that is cut off or damaged is passed over.
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from zlib import crc32

from rawkit.catalog.scan import file_key
from rawkit.files import output_errors
from rawkit.sensor import Exif, Exposure

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.catalog.scan import FileKey
    from rawkit.source import SourceFile

_LINES = 64
_SECONDS = 1.0
_CRC_DIGITS = 8
_VALUES = 12
"""Values of a line."""


def journal_path(table: Path) -> Path:
    """Return the journal of a table: beside it."""
    return table.with_name(table.name + ".journal")


class Journal:
    """Appends what a scan reads to the journal of a table.

    Lines go to the file 64 at a time, or after a second: so many are lost with the process. It may
    be used from several threads.
    """

    def __init__(self, table: Path) -> None:
        self._path = journal_path(table)
        self._lines: list[str] = []
        self._lock = threading.Lock()
        self._flushed = time.monotonic()

    def add(self, file: SourceFile, exif: Exif) -> None:
        """Note the EXIF of a file; one whose source cannot tell a change is passed over.

        Raises
        ------
        OutputError
            If the journal cannot be written.
        """
        key = file_key(file)
        if key is None:
            return
        exposure = exif.exposure
        values = (
            *key, exif.make, exif.model, exposure.seconds, exposure.iso, exposure.f_number,
            exif.taken, exif.orientation, exif.frame_rate,
        )  # fmt: skip
        text = json.dumps(values)  # ASCII, so that any path can be written
        with self._lock:
            self._lines.append(f"{crc32(text.encode()):0{_CRC_DIGITS}x} {text}\n")
            if len(self._lines) >= _LINES or time.monotonic() - self._flushed >= _SECONDS:
                self._write()

    def flush(self) -> None:
        """Write what waits."""
        with self._lock:
            self._write()

    def _write(self) -> None:
        if self._lines:
            with output_errors(self._path):
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with self._path.open("a", encoding="ascii") as file:
                    file.write("".join(self._lines))
        self._lines, self._flushed = [], time.monotonic()

    def remove(self) -> None:
        """Remove the journal: the table has it all."""
        self._lines = []
        with suppress(OSError):
            self._path.unlink()


def read_journal(table: Path) -> dict[FileKey, Exif]:
    """Read what scans that did not come to their end have left; empty where there is nothing."""
    try:
        lines = journal_path(table).read_text("ascii", errors="replace").splitlines()
    except OSError:
        return {}
    found: dict[FileKey, Exif] = {}
    for line in lines:
        crc, _, text = line.partition(" ")
        if crc != f"{crc32(text.encode()):0{_CRC_DIGITS}x}":
            continue
        values: list[Any] = json.loads(text)
        if len(values) != _VALUES:
            continue  # of another version
        origin, path, size, stamp, make, model, seconds, iso, f_number, *rest = values
        taken, orientation, frame_rate = rest
        found[origin, path, size, stamp] = Exif(
            make, model, Exposure(seconds, iso, f_number), taken, orientation, frame_rate=frame_rate
        )
    return found
