"""Videos in NumPy files as frames of a catalog: one entry for each frame, from the header alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from rawkit.catalog.types import VideoFrame
from rawkit.errors import CorruptError, RawFileError, UnreadableError
from rawkit.sensor import Levels, image_of_packed, phase_crop
from rawkit.source import MOVIES, Inflated, open_movie, open_npy_video

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from rawkit.catalog.definition import Match
    from rawkit.catalog.types import Entry
    from rawkit.sensor import PhaseCrop, RawImage
    from rawkit.source import Frames, NpyVideo, Ranges, Source, SourceFile

_PACKED, _RGB = 4, 3


def frame_name(video: str, number: int) -> str:
    """Name of one frame of a video, from 0: ``a.npy#0012``."""
    return f"{video}#{number:04d}"


def expand_video(
    source: Source, file: SourceFile, match: Match, listed: Mapping[str, SourceFile]
) -> Iterator[tuple[SourceFile, Match, VideoFrame]]:
    """Yield the frames of a video as files, matches and places of their own.

    A video that cannot be used is one frame of its own name, which says why: whoever ingests it
    treats it as any other bad file. `listed` finds the files of the source by their paths.
    """
    mosaic = match.video.mosaic if match.video is not None else ""
    try:
        dark = _opened(source, file, _PACKED, "uint16")
        truth = _truth(source, match, dark, listed)
    except RawFileError as error:
        reason = error.reason if error.where is None else f"{error.where}: {error.reason}"
        reason = reason if error.fix is None else f"{reason}. {error.fix}"
        yield file, match, VideoFrame(0, mosaic, None, None, (error.kind, reason))
        return
    size = _stored(dark, file)
    truth_file = find_truth(match, listed)
    if truth is not None and truth_file is not None:
        size += _stored(truth, truth_file)
    for number in range(dark.shape[0]):
        frame = replace(
            file, path=frame_name(file.path, number), size=dark.frame_bytes, stored=size
        )
        named = replace(match, name=frame_name(match.name, number), pair=f"{match.pair}#{number}")
        yield frame, named, VideoFrame(number, mosaic, dark, truth)


def _stored(video: Frames, file: SourceFile) -> int:
    """Bytes that a frame takes up where it lies, about: the share of a compressed member."""
    if file.stored >= file.size:
        return video.frame_bytes
    return round(video.frame_bytes * file.stored / file.size)


def _truth(
    source: Source, match: Match, dark: NpyVideo, listed: Mapping[str, SourceFile]
) -> Frames | None:
    """Open the pictures of a video; None where there are none."""
    found = find_truth(match, listed)
    if found is None:
        return None
    truth = open_truth(source, found)
    frames, height, width, _ = dark.shape
    expected = (frames, 2 * height, 2 * width, _RGB)
    if truth.shape != expected:
        raise CorruptError(
            f"a ground truth of shape {truth.shape}",
            expected=f"{expected}: a picture of twice the size for each frame",
            where=found.path,
        )
    return truth


def find_truth(match: Match, listed: Mapping[str, SourceFile]) -> SourceFile | None:
    """Return the file of a video's pictures: an array, or a movie of that name."""
    names = truth_names(match.truth)
    return next((listed[name] for name in names if name in listed), None)


def truth_names(truth: str) -> tuple[str, ...]:
    """Return what the file of a video's pictures may be called, the array first."""
    if not truth:
        return ()
    return truth, *(str(PurePosixPath(truth).with_suffix(ending)) for ending in MOVIES)


def open_truth(source: Source, file: SourceFile) -> Frames:
    """Open the pictures of a video, (frames, height, width, 3) of uint8.

    Raises
    ------
    RawFileError
        If they cannot be used.
    """
    if not file.path.lower().endswith(MOVIES):
        return _opened(source, file, _RGB, "uint8")
    return open_movie(_ranges(source, file))


def _ranges(source: Source, file: SourceFile) -> Ranges:
    ranges = source.ranges_of(file)
    if ranges is None:
        raise UnreadableError(
            "a video in an archive that can only be streamed",
            expected="a folder, a zip, or an uncompressed tar on this machine",
            where=file.where,
            fix="Unpack the archive and name the folder.",
        )
    return ranges


def _opened(source: Source, file: SourceFile, channels: int, dtype: str) -> NpyVideo:
    ranges = _ranges(source, file)
    try:
        return open_npy_video(ranges, channels=channels, dtype=dtype)
    finally:
        if isinstance(ranges, Inflated):
            ranges.rest()  # there are hundreds of videos: none keeps what the next frame would need


def read_video_frame(
    entry: Entry, levels: Levels | None, *, with_truth: bool
) -> tuple[RawImage, PhaseCrop, NDArray[np.generic] | None]:
    """Read a frame of a video: its image, its crop, and its picture (3, H, W) on that area.

    Raises
    ------
    RawFileError
        If the file ends before it or cannot be read, or all its pixels have one value.
    """
    video, where = entry.video, entry.source
    if video is None or video.dark is None:
        raise CorruptError("no frame of a video", expected="one", where=where)
    image = image_of_packed(
        video.dark.frame(video.number), video.mosaic, levels or Levels(None, None), where=where
    )
    mosaic = image.mosaic
    crop = phase_crop(mosaic.height, mosaic.width, mosaic.phase, mosaic.cell)
    if video.truth is None or not with_truth:
        return image, crop, None
    picture = video.truth.frame(video.number)[crop.slices]
    return image, crop, np.ascontiguousarray(picture.transpose(2, 0, 1))
