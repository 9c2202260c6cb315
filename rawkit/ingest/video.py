"""One frame of a video: its bytes alone are read, and its picture comes with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rawkit.errors import CorruptError
from rawkit.sensor import Levels, image_of_packed, phase_crop

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.catalog import Entry
    from rawkit.sensor import PhaseCrop, RawImage


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
