"""What is there of a video before it is whole: a folder beside it, of segments that are complete.

``out.mp4.parts/plan.json`` says of which video and by what settings they were made. Segments of
other settings are dropped.
"""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rawkit.errors import OutputError, UsageError
from rawkit.files import output_errors, write_atomically

if TYPE_CHECKING:
    from pathlib import Path

SEGMENT_FRAMES = 32
"""Frames of a segment, but for the last: what is lost at most when a process is killed."""
_PLAN, _VERSION = "plan.json", 1


@dataclass(frozen=True)
class Parts:
    """The folder of segments of a video."""

    folder: Path
    """The folder."""

    @classmethod
    def beside(cls, target: Path) -> Parts:
        """Name the folder of a file or folder that is to come."""
        return cls(target.with_name(f"{target.name}.parts"))

    def open(self, identity: str) -> bool:
        """Make the folder ready; return whether segments of this identity may be in it.

        Raises
        ------
        OutputError
            If it cannot be written to.
        UsageError
            If it is something else.
        """
        plan = self.folder / _PLAN
        text = json.dumps({"rawkit": "video", "version": _VERSION, "identity": identity}, indent=2)
        if plan.is_file():
            with output_errors(plan):
                known = plan.read_text("utf-8")
            if known == text:
                return True
            self.remove()
        elif self.folder.exists() and any(self.folder.iterdir()):
            raise UsageError(
                "a folder that is not of a video in work", expected="none, or an empty one",
                where=self.folder, fix="Move it away, or name another output.",
            )  # fmt: skip
        write_atomically(plan, text.encode())
        return False

    def remove(self) -> None:
        """Delete the folder, its plan last: what is deleted in part is known as ours.

        Raises
        ------
        OutputError
            If it cannot be deleted.
        """
        with output_errors(self.folder):
            for path in sorted(self.folder.iterdir()):
                if path.name == _PLAN:
                    continue
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            (self.folder / _PLAN).unlink(missing_ok=True)
            with suppress(OSError):  # somebody else's file came in between
                self.folder.rmdir()


def segments_of(count: int) -> int:
    """Return how many segments a video of so many frames has."""
    return -(-count // SEGMENT_FRAMES)


def span_of(number: int, count: int) -> range:
    """Return the frames of a segment, both from 0."""
    return range(number * SEGMENT_FRAMES, min(count, (number + 1) * SEGMENT_FRAMES))


def raise_if_taken(target: Path, *, folder: bool) -> None:
    """Check that a result can take its place.

    Raises
    ------
    OutputError
        If a folder is where a file is to be, or the other way round.
    """
    if target.exists() and target.is_dir() != folder:
        raise OutputError(
            "a folder" if target.is_dir() else "a file",
            expected="a folder of frames" if folder else "a video",
            where=target, fix="Name another output.",
        )  # fmt: skip
