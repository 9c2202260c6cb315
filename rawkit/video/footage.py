"""A raw video: frames that can be read one by one, wherever they lie."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rawkit.pictures import Capture
    from rawkit.sensor import RawImage


@dataclass(frozen=True, slots=True)
class RawFrame:
    """One decoded frame of a video."""

    number: int
    """Its place in the video, from 0."""
    image: RawImage
    """Its mosaic."""
    base: float
    """The amplifier's estimate."""
    capture: Capture
    """What is known of the capture."""


class Footage(Protocol):
    """A raw video whose frames can be read one by one, in any order."""

    @property
    def where(self) -> str:
        """Path, for people."""

    @property
    def count(self) -> int:
        """Frames."""

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the mosaic of a frame, in pixels."""

    @property
    def fps(self) -> float | None:
        """Frames a second, where the files say so."""

    @property
    def missing(self) -> tuple[int, ...]:
        """Places of frames, from 0, for which there is no file."""

    def identity(self) -> str:
        """Return what changes if the video is another one."""

    def frame(self, number: int) -> RawFrame:
        """Read one frame, from 0; raises `RawFileError` if it cannot be used."""

    def close(self) -> None:
        """End what helps to read."""


def stamp(paths: Iterable[Path]) -> str:
    """Return a digest of the names, sizes and times of files."""
    digest = hashlib.sha256()
    for path in paths:
        about = path.stat()
        digest.update(f"{path.resolve()} {about.st_size} {about.st_mtime_ns}\n".encode())
    return digest.hexdigest()
