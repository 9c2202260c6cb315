"""Frames of compressed videos, put down one by one for workers that cannot enter in the middle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rawkit.errors import UnreadableError
from rawkit.files import output_errors
from rawkit.source import Inflated, LocalRanges, NpyVideo

if TYPE_CHECKING:
    from rawkit.catalog import Entry
    from rawkit.ingest.exchange import Exchange
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
        self._open: tuple[NpyVideo, ...] = ()

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
        if video.parts != self._open:
            _rest(self._open)
            self._open = video.parts
        path = self._folder / f"{number:08d}.frame"
        try:
            # The array as the video has it: byte order and all.
            pieces = [
                one.ranges.read(one.begin_of(video.number), one.frame_bytes) for one in video.parts
            ]
        except UnreadableError:
            return entry, None
        with output_errors(path), path.open("wb") as file:
            file.writelines(pieces)
        held = self._exchange.hold(path)
        ranges = LocalRanges(held) if isinstance(held, Path) else held
        parts, at = [], 0
        for one, piece in zip(video.parts, pieces, strict=True):
            shape = (1, *one.shape[1:])
            parts.append(NpyVideo(ranges, at, shape, one.dtype))
            at += len(piece)
        here = replace(video, number=0, dark=parts[0], truth=parts[1] if parts[1:] else None)
        return replace(entry, video=here), held


def _rest(videos: tuple[NpyVideo, ...]) -> None:
    """Give back what inflating holds."""
    for one in videos:
        if isinstance(one.ranges, Inflated):
            one.ranges.rest()
