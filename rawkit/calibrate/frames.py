"""Frames to calibrate from: raw files of a folder or archive, or frames of a store."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from rawkit.sensor import (
    BAYER,
    XTRANS,
    Cell,
    Exposure,
    Mosaic,
    RawImage,
    WhiteBalance,
    open_raw,
    read_exif,
    unpack,
)
from rawkit.store import Store, exposure_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawkit.locations import Location
    from rawkit.source import Source, SourceFile
    from rawkit.store import FrameRow


@dataclass(frozen=True)
class ReadFrame:
    """A frame that was decoded."""

    image: RawImage
    """Mosaic and what belongs to it."""
    make: str
    """Camera maker as EXIF spells it; empty where it does not say."""
    model: str
    """Camera model, likewise."""
    exposure: Exposure
    """Exposure as EXIF tells it, or LibRaw where EXIF does not."""


class FrameToRead(Protocol):
    """Something that can be read as a frame, in whichever process."""

    @property
    def name(self) -> str:
        """Path within folder or collection."""

    def read(self) -> ReadFrame:
        """Decode it.

        Raises
        ------
        RawFileError, StoreDamagedError
            If it cannot be used.
        """


@dataclass(frozen=True)
class RawFrame:
    """A raw file."""

    source: Source
    """Where it comes from."""
    file: SourceFile
    """The file, as its source lists it."""

    @property
    def name(self) -> str:
        """Path within the source."""
        return self.file.path

    def read(self) -> ReadFrame:
        """Decode it; raises `RawFileError`."""
        path = self.source.local_path(self.file)
        contents = self.source.read(self.file) if path is None else path.read_bytes()
        with open_raw(contents, name=self.file.where) as raw:
            image = raw.image()
        exif = read_exif(io.BytesIO(contents))
        exposure = exif.exposure.or_else(image.exposure)
        return ReadFrame(image, exif.make or "", exif.model or "", exposure)


@dataclass(frozen=True)
class StoredFrame:
    """A frame of a store: its packed planes, laid back into a mosaic."""

    store: Location
    """The store."""
    row: FrameRow
    """What its table says of the frame."""

    @property
    def name(self) -> str:
        """Name of the frame."""
        return self.row.name

    def read(self) -> ReadFrame:
        """Read it; raises `StoreDamagedError`."""
        row = self.row
        planes = np.asarray(Store(self.store).groups[row.group].read("packed", row.index))
        cell = _cell_of(len(planes))
        pixels = unpack(planes.astype(np.uint16, copy=False), cell)
        mosaic = Mosaic.without_margins(
            cell.pattern() if cell.side > 2 else ((0, 1), (3, 2)),  # noqa: PLR2004 - Bayer
            (pixels.shape[0], pixels.shape[1]),
            tuple(float(one) for one in row.black_level),
            float(row.white_level),
        )
        balance = WhiteBalance((1.0,) * cell.planes, "unknown")
        image = RawImage(pixels, mosaic, balance, Exposure(None, None, None))
        return ReadFrame(image, row.make or "", row.model or "", exposure_of(row))


def _cell_of(planes: int) -> Cell:
    return XTRANS if planes == XTRANS.planes else BAYER


def frames_of_source(source: Source) -> tuple[list[RawFrame], list[tuple[str, str]]]:
    """Return all files of a source, and what of it cannot be used, each with the reason."""
    listing = source.files()
    refused = [(one.path, one.reason) for one in listing.refused]
    return [RawFrame(source, file) for file in listing.files], refused


def pairs_of_frames(frames: Sequence[StoredFrame]) -> list[tuple[str, str]]:
    """Return the names of shorts, each with that of its long; frames whose pixels repeat are out.

    Of several longs of a short the first is taken.
    """
    longs: dict[tuple[str, str], str] = {}
    for frame in frames:
        if frame.row.role == "long":
            longs.setdefault((frame.row.group, frame.row.pair), frame.name)
    return [
        (frame.name, longs[key])
        for frame in frames
        if frame.row.role == "short" and frame.row.duplicate_of is None
        for key in [(frame.row.group, frame.row.pair)]
        if key in longs
    ]


def frames_of_store(store: Store) -> list[StoredFrame]:
    """Return the frames of a store whose pixels are stored, by group and index."""
    return [StoredFrame(store.path, row) for group in store.groups.values() for row in group.rows]
