"""What a scan finds: entries, files that are left out, and the catalog of both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rawkit.catalog.definition import Definition, Split
    from rawkit.catalog.rules import Role
    from rawkit.sensor import Exif, Frame, TiffMosaic
    from rawkit.source import Frames, NpyVideo, Source, SourceFile


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """Where one frame of a video lies."""

    number: int
    """Position in the video, from 0."""
    mosaic: str
    """Colours of the 2x2 cell whose places the channels are, in reading order: ``GBRG``."""
    dark: NpyVideo | None
    """The video, (frames, height, width, 4) of uint16; None where it cannot be used."""
    truth: Frames | None
    """A picture for each frame, (frames, 2 height, 2 width, 3) of uint8; None where there is
    none."""
    fault: tuple[str, str] | None = None
    """Kind and reason why the video cannot be used."""

    @property
    def parts(self) -> tuple[Frames, ...]:
        """What there is of both: the dark video, then its pictures."""
        return tuple(one for one in (self.dark, self.truth) if one is not None)

    @property
    def sequential(self) -> bool:
        """Whether a part of it is compressed: cheap only from frame to frame."""
        return any(one.sequential for one in self.parts)


@dataclass(frozen=True, slots=True)
class GivenPicture:
    """The picture that belongs to a raw file, which is a frame of a video."""

    frames: Frames
    """Pictures of the video, (frames, height, width, 3) of uint8, as large as the mosaics."""
    number: int
    """Which of them, from 0."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One frame of a catalog: what its name and its EXIF say."""

    frame: Frame
    """Identity and EXIF."""
    source: str
    """Path of the raw file within the source, with forward slashes."""
    role: Role
    """Short or long."""
    scene: str
    """What one split never divides."""
    view: str
    """Camera position of the scene; empty where there is one."""
    pair: str
    """What a short and its long share."""
    split: Split
    """Train, val or test."""
    file: SourceFile | None = None
    """The raw file as its source lists it: where it lies, and its stamp. None where an entry does
    not come from a source."""
    exif: Exif | None = None
    """What EXIF alone says; None where the file was not opened because its name leaves it out."""
    kind: str | None = None
    """Kind of its scene, such as indoor; None where the collection has none."""
    video: VideoFrame | None = None
    """Where it lies in a video; None for a raw file of its own."""
    picture: GivenPicture | None = None
    """The picture of a raw file that is a frame of a video; None where there is none."""
    mosaic: TiffMosaic | None = None
    """What the file holds, if it is a mosaic in a TIFF; None for a raw file."""

    @property
    def brings_truth(self) -> bool:
        """Whether it comes with its ground truth and needs no long."""
        given = self.video is not None and self.video.truth is not None
        return given or self.picture is not None

    @property
    def streamed(self) -> bool:
        """Whether it, or its picture, is cheap only after the frame before it."""
        video = self.video is not None and self.video.sequential
        return video or (self.picture is not None and self.picture.frames.sequential)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that is not used, and why."""

    name: str
    """Path below the source, or the frame's name."""
    kind: str
    """Stable word for the kind of reason, such as an error's kind."""
    reason: str
    """One line for people."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """All frames of a collection that a source holds, in the order of their names."""

    definition: Definition
    """The collection."""
    root: Path | str
    """What was scanned, for people."""
    entries: tuple[Entry, ...]
    """Frames, sorted by name; names are unique."""
    left_out: tuple[LeftOut, ...]
    """Raw files that do not belong to the collection or cannot be read."""
    source: Source | None = None
    """Where the bytes of the entries come from."""
    opened: int = 0
    """Files that were opened to read their EXIF."""
    frame_rates: Mapping[str, float] = field(default_factory=dict)
    """Frames a second of the videos that say so, by scene."""
