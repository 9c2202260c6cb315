"""What a run has drawn from, epoch by epoch: noted before the first sample is drawn."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from rawkit.errors import TrainingError
from rawkit.files import output_errors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NOTES = "generations.jsonl"
"""Name of the file in a run's folder."""


@dataclass(frozen=True, slots=True)
class Generation:
    """The pairs that an epoch draws from."""

    digests: Mapping[str, str]
    """Digest of each pair by the name of its dark frame, in the order of names."""

    @property
    def mark(self) -> str:
        """SHA-256 of names and digests, hexadecimal."""
        return sha256(json.dumps(list(self.digests.items())).encode()).hexdigest()


@dataclass(slots=True)
class Notes:
    """The file of a run; made when the first line is written."""

    path: Path
    """Where it lies."""
    generations: list[Generation] = field(default_factory=list)
    """What each epoch draws from, by epoch from 0; the same object where nothing has been added."""
    validation: Mapping[str, str] | None = None
    """Digests of the pairs that are validated on, by name; None before the first validation."""
    writes: bool = True
    """Whether this process is the one that writes them down."""
    _whole: int = 0
    """Bytes of the lines that are whole."""

    def add(self, digests: Mapping[str, str]) -> Generation:
        """Note the generation of the next epoch; on disk when this returns.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        before = self.generations[-1].digests if self.generations else {}
        ordered = {name: digests[name] for name in sorted(digests)}
        same = self.generations[-1] if self.generations and before == ordered else None
        one = same or Generation(ordered)
        self._write(
            {
                "epoch": len(self.generations),
                "pairs": len(ordered),
                "added": [[name, ordered[name]] for name in ordered if name not in before],
                "sha256": one.mark,
            }
        )
        self.generations.append(one)
        return one

    def settle_validation(self, digests: Mapping[str, str]) -> None:
        """Note what is validated on, once for all.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        self._write({"validation": list(map(list, digests.items()))})
        self.validation = dict(digests)

    def copy_to(self, path: Path) -> Notes:
        """Write the same notes into another run's folder.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        other = Notes(path)
        for one in self.generations:
            other.add(one.digests)
        if self.validation is not None:
            other.settle_validation(self.validation)
        return other

    def _write(self, values: Mapping[str, Any]) -> None:
        if not self.writes:
            return
        line = (json.dumps(values) + "\n").encode()
        with output_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # What a death has left behind the last whole line goes.
            with self.path.open("r+b" if self.path.exists() else "w+b") as file:
                file.truncate(self._whole)
                file.seek(self._whole)
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        self._whole += len(line)


def read_notes(path: Path) -> Notes:
    """Read the notes of a run; none where there is no file. A last line that was cut off is none.

    Raises
    ------
    TrainingError
        If they are damaged.
    """
    notes = Notes(path)
    if not path.is_file():
        return notes
    with output_errors(path):
        data = path.read_bytes()
    lines = data.splitlines(keepends=True)
    for number, line in enumerate(lines, start=1):
        try:
            if not line.endswith(b"\n"):
                raise ValueError("cut off")  # noqa: TRY301 - handled as any line that is no note
            _take(notes, json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines):
                break  # the process died while it wrote it: nothing was drawn from it
            raise TrainingError(
                f"line {number} of the notes is none ({error})",
                expected="what the run has written",
                where=path,
                fix="The run cannot be gone on with: begin another one.",
            ) from error
        notes._whole += len(line)  # noqa: SLF001 - of this module
    return notes


def _take(notes: Notes, values: Mapping[str, Any]) -> None:
    if "validation" in values:
        notes.validation = {str(name): str(digest) for name, digest in values["validation"]}
        return
    if values["epoch"] != len(notes.generations):
        raise ValueError(f"epoch {values['epoch']} instead of {len(notes.generations)}")
    if not values["added"] and notes.generations:
        one = notes.generations[-1]
    else:
        before: Mapping[str, str] = notes.generations[-1].digests if notes.generations else {}
        names = {**before, **{str(name): str(digest) for name, digest in values["added"]}}
        one = Generation({name: names[name] for name in sorted(names)})
    if (len(one.digests), one.mark) != (values["pairs"], values["sha256"]):
        raise ValueError("its sum is another")
    notes.generations.append(one)
