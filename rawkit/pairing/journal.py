"""What has been measured of pairs, kept: JSON lines, each with a checksum.

A pair whose pixels and levels are the same is not measured again. Lines that were cut off or
damaged are passed over.
"""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Final, Self
from zlib import crc32

from rawkit.files import output_errors
from rawkit.pairing.measure import Measured

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_CRC_DIGITS: Final = 8


def journal_of(table: Path) -> Path:
    """Return the journal of a list of bad pairs: beside it."""
    return table.with_suffix(".measured")


class Journal:
    """A journal, opened to be gone on with; it may be added to from several threads.

    Raises
    ------
    OutputError
        If it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.measured: dict[str, Measured] = {}
        """What was measured, by the key of the pair."""
        with output_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            ends = self._read() if path.is_file() else True
            self._file = path.open("ab")
            if not ends:
                self._file.write(b"\n")  # after a line that was cut off

    def __enter__(self) -> Self:
        """Return the journal itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self._file.close()

    def add(self, key: str, measured: Measured) -> None:
        """Note a pair.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        text = json.dumps([key, asdict(measured)])
        line = f"{crc32(text.encode()):0{_CRC_DIGITS}x} {text}\n".encode()
        with self._lock, output_errors(self._path):
            self._file.write(line)
            self._file.flush()
            self.measured[key] = measured

    def _read(self) -> bool:
        """Read the lines that are whole; tells whether the last one is."""
        data = self._path.read_bytes()
        names = {field.name for field in fields(Measured)}
        for line in data.splitlines():
            crc, _, text = line.partition(b" ")
            if crc.decode("ascii", "replace") != f"{crc32(text):0{_CRC_DIGITS}x}":
                continue
            key, values = json.loads(text)
            if values.keys() == names:
                self.measured[key] = Measured(**values)
        return not data or data.endswith(b"\n")
