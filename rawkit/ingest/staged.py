"""Frames of compressed videos, put down one by one for workers that cannot enter in the middle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rawkit.catalog import GivenPicture
from rawkit.errors import RawFileError
from rawkit.files import output_errors
from rawkit.source import LocalRanges, NpyVideo

if TYPE_CHECKING:
    from rawkit.catalog import Entry
    from rawkit.ingest.exchange import Exchange
    from rawkit.source import Frames
    from rawkit.store import StoreFile


class VideoStage:
    """Inflates videos once, in the order of their frames, and puts each frame into a file.

    As many frames lie there as are under way. One video at a time keeps what it needs to go on.

    Parameters
    ----------
    exchange
        Where workers find files.
    folder
        Where frames wait; its owner removes it.
    """

    def __init__(self, exchange: Exchange, folder: Path) -> None:
        self._exchange = exchange
        self._folder = folder
        self._open: tuple[Frames, ...] = ()

    def put(self, entry: Entry, number: int) -> tuple[Entry, StoreFile | None]:
        """Return an entry that is read from a file, and that file, which the caller removes.

        An entry that workers can read where it lies comes back as it is, without a file; so
        does one that cannot be read: whoever reads it again says why.

        Raises
        ------
        OutputError
            If the frame cannot be put down.
        MissingError, StoreUnreachableError
            If a server does not answer any more.
        """
        video = entry.video
        if video is None or not (video.sequential or self._exchange.sends(entry)):
            return entry, None
        found = self._put(video.parts, video.number, f"{number:08d}.frame")
        if found is None:
            return entry, None
        parts, held = found
        here = replace(video, number=0, dark=parts[0], truth=parts[1] if parts[1:] else None)
        return replace(entry, video=here), held

    def put_picture(self, entry: Entry, number: int) -> tuple[Entry, StoreFile | None]:
        """Do the same for the picture that belongs to a raw file; raises as `put`."""
        picture = entry.picture
        if picture is None or not (picture.frames.sequential or self._exchange.sends(entry)):
            return entry, None
        found = self._put((picture.frames,), picture.number, f"{number:08d}.picture")
        if found is None:
            return entry, None
        parts, held = found
        return replace(entry, picture=GivenPicture(parts[0], 0)), held

    def _put(
        self, parts: tuple[Frames, ...], number: int, name: str
    ) -> tuple[list[NpyVideo], StoreFile] | None:
        """Write one frame of each part into a file; None where one cannot be read."""
        if parts != self._open:
            for one in self._open:
                one.rest()
            self._open = parts
        path = self._folder / name
        try:
            # The array as the video has it: byte order and all.
            pieces = [one.data(number) for one in parts]
        except RawFileError:
            return None
        with output_errors(path), path.open("wb") as file:
            file.writelines(pieces)
        held = self._exchange.hold(path)
        ranges = LocalRanges(held) if isinstance(held, Path) else held
        found, at = [], 0
        for one, piece in zip(parts, pieces, strict=True):
            found.append(NpyVideo(ranges, at, (1, *one.shape[1:]), one.dtype))
            at += len(piece)
        return found, held
