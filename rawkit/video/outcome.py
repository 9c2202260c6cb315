"""What came of a restoration of a video."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class HeldFrame:
    """A frame that could not be used, for which the one before it stands."""

    number: int
    """Its place, from 0."""
    kind: str
    """What is wrong, one word."""
    reason: str
    """What is wrong, for people."""


@dataclass(frozen=True, slots=True)
class VideoReport:
    """What was written of a video."""

    target: Path
    """The file or folder."""
    frames: int
    """Frames that it has."""
    size: tuple[int, int]
    """Rows and columns of a frame, upright."""
    stored: tuple[int, int]
    """The same as they are stored: an mp4 has even sides."""
    fps: float
    """Frames a second when it is played."""
    begun_at: int
    """Frame, from 0, at which this run has begun: what lies before was there."""
    alone: tuple[float, ...]
    """Amplification that each frame of this run would have had by itself."""
    amplification: tuple[float, ...]
    """Amplification that it had."""
    held: tuple[HeldFrame, ...]
    """Frames that could not be used."""
    colour: str | None
    """Whose colours it has; None if no frame was made in this run."""
    network_seconds: float
    """Seconds inside the network."""
    seconds: float
    """Seconds in all."""
    beside: tuple[Path, ...] = ()
    """What else was written: the mp4 of both sides, the contact sheet."""

    @property
    def made(self) -> int:
        """Frames that this run has made."""
        return self.frames - self.begun_at
