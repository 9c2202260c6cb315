"""Videos in NumPy files as frames of a catalog: one entry for each frame, from the header alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from rawkit.catalog.types import VideoFrame
from rawkit.errors import CorruptError, MosaicError, RawFileError, UnreadableError
from rawkit.sensor import Levels, image_of_packed, phase_crop
from rawkit.source import Inflated, open_npy_video

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from rawkit.catalog.definition import Match
    from rawkit.catalog.types import Entry
    from rawkit.sensor import PhaseCrop, RawImage
    from rawkit.source import NpyVideo, Source, SourceFile

_PACKED, _RGB = 4, 3
_MOVIES = (".mp4", ".mov", ".avi", ".mkv")


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
    if truth is not None:
        size += _stored(truth, listed[match.truth])
    for number in range(dark.shape[0]):
        frame = replace(
            file, path=frame_name(file.path, number), size=dark.frame_bytes, stored=size
        )
        named = replace(match, name=frame_name(match.name, number), pair=f"{match.pair}#{number}")
        yield frame, named, VideoFrame(number, mosaic, dark, truth)


def _stored(video: NpyVideo, file: SourceFile) -> int:
    """Bytes that a frame takes up where it lies, about: the share of a compressed member."""
    if file.stored >= file.size:
        return video.frame_bytes
    return round(video.frame_bytes * file.stored / file.size)


def _truth(
    source: Source, match: Match, dark: NpyVideo, listed: Mapping[str, SourceFile]
) -> NpyVideo | None:
    """Open the pictures of a video; None where there are none."""
    if not match.truth:
        return None
    file = listed.get(match.truth)
    if file is None:
        for suffix in _MOVIES:
            movie = listed.get(str(PurePosixPath(match.truth).with_suffix(suffix)))
            if movie is not None:
                raise MosaicError(
                    f"the ground truth is compressed video ({suffix})",
                    expected="an .npy, (frames, height, width, 3) of uint8 sRGB",
                    where=movie.path,
                    fix="Decode it once, for example with PyAV, and save the frames with "
                    f"numpy.save as {match.truth}.",
                )
        return None
    truth = _opened(source, file, _RGB, "uint8")
    frames, height, width, _ = dark.shape
    expected = (frames, 2 * height, 2 * width, _RGB)
    if truth.shape != expected:
        raise CorruptError(
            f"a ground truth of shape {truth.shape}",
            expected=f"{expected}: a picture of twice the size for each frame",
            where=file.path,
        )
    return truth


def _opened(source: Source, file: SourceFile, channels: int, dtype: str) -> NpyVideo:
    ranges = source.ranges_of(file)
    if ranges is None:
        raise UnreadableError(
            "a video in an archive that can only be streamed",
            expected="a folder, a zip, or an uncompressed tar on this machine",
            where=file.where,
            fix="Unpack the archive and name the folder.",
        )
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
