"""What an evaluation has measured so far: JSON lines, one for each picture.

The first line names the evaluation. A line that a crash cut off is dropped when it is read.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Self

from rawkit.errors import StoreFormatError
from rawkit.evaluate.measure import PictureRow
from rawkit.evaluate.video_figures import FrameLight
from rawkit.files import output_errors

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from rawkit.evaluate.video_figures import Lights

JOURNAL = "journal.jsonl"
_LIGHTS = "lights"
"""Key of what is noted of frames of videos, beside the columns of a picture."""


class Journal:
    """A journal, opened to be gone on with.

    Raises
    ------
    StoreFormatError
        If it belongs to another evaluation.
    OutputError
        If it cannot be written.
    """

    def __init__(self, path: Path, evaluation: str) -> None:
        self._path = path
        self.rows: dict[tuple[str, str], PictureRow] = {}
        """Pictures measured, by collection and name."""
        self.lights: dict[tuple[str, str], Lights] = {}
        """How bright those of videos are, likewise."""
        with output_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            whole = self._read(evaluation) if path.is_file() else 0
            self._file = path.open("r+b" if path.is_file() else "w+b")
            self._file.truncate(whole)
            self._file.seek(whole)
        if not whole:
            self._write({"evaluation": evaluation})

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

    def add(self, row: PictureRow, lights: Lights | None = None) -> None:
        """Note a picture; of a frame of a video also how bright it is."""
        more = {} if lights is None else {_LIGHTS: lights}
        self._write({**asdict(row), **more})
        self._keep(row, lights)

    def _keep(self, row: PictureRow, lights: Lights | None) -> None:
        self.rows[row.collection, row.name] = row
        if lights is not None:
            self.lights[row.collection, row.name] = lights

    def _write(self, values: dict[str, object]) -> None:
        with output_errors(self._path):
            self._file.write(json.dumps(values).encode() + b"\n")
            self._file.flush()

    def _read(self, evaluation: str) -> int:
        """Read what is whole; returns the bytes it takes."""
        whole = 0
        for number, line in enumerate(self._path.read_bytes().splitlines(keepends=True)):
            try:
                if not line.endswith(b"\n"):
                    break
                values = json.loads(line)
                if number == 0:
                    if values.get("evaluation") != evaluation:
                        raise self._other(str(values.get("evaluation")), evaluation)
                else:
                    found = values.pop(_LIGHTS, None)
                    lights = found and {name: FrameLight(*one) for name, one in found.items()}
                    self._keep(PictureRow(**values), lights)
            except (ValueError, TypeError):
                break
            whole += len(line)
        return whole

    def _other(self, found: str, expected: str) -> StoreFormatError:
        return StoreFormatError(
            f"the journal of evaluation {found}",
            expected=f"evaluation {expected}",
            where=self._path,
            fix="Choose another --name, or delete its folder.",
        )
