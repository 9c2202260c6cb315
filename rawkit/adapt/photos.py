"""One's own photos, as far as is needed to tell which of them show the same."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import numpy as np

from rawkit.catalog import LeftOut
from rawkit.errors import MosaicError, RawFileError
from rawkit.restore import DecodeJob, Decoder
from rawkit.sensor import BAYER, gain_ratio

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from rawkit.catalog import Entry
    from rawkit.progress import Progress
    from rawkit.sensor import Exposure, RawImage

CLIPPED_FROM: Final = 0.97
"""Share of the way from black to white from which a pixel counts as clipped."""
_SQUARES: Final = 24
"""Squares of an overview along the longer side: few, as dark photos are noisy."""
_LEAST_SIDE: Final = 8
"""Pixels of the mosaic a side of such a square, at least: less would be noise."""
_FRAME_SECONDS: Final = 120.0
_EXIF_TIME: Final = "%Y:%m:%d %H:%M:%S"


@dataclass(frozen=True)
class Photo:
    """A photo that was looked at."""

    name: str
    """Path below the folder, with forward slashes."""
    camera: str
    """Maker and model, as EXIF spells them."""
    seconds: float | None
    """When it was taken, in seconds since any moment; None where EXIF does not say."""
    exposure: Exposure
    """How it was exposed; the time is known."""
    overview: NDArray[np.float32]
    """Mean light of squares, 0 black to 1 white, shape (rows, columns)."""
    shape: tuple[int, int]
    """Height and width of the mosaic in pixels."""
    clipped: float
    """Share of its pixels that are clipped, 0 to 1."""

    @property
    def light(self) -> float:
        """Light that the sensor was given, up to a factor: time over the square of the f-number."""
        return light_of(self.exposure)


def light_of(exposure: Exposure) -> float:
    """Time over the square of the f-number; of lenses that do not say theirs the time alone."""
    return (exposure.seconds or 0.0) / (exposure.f_number or 1.0) ** 2


def seconds_of(taken: str | None) -> float | None:
    """Return the moment that EXIF spells, in seconds; None where it is none."""
    try:
        moment = datetime.strptime((taken or "").strip(), _EXIF_TIME)  # noqa: DTZ007 - the camera's
    except ValueError:
        return None
    return (moment - datetime(1970, 1, 1)).total_seconds()  # noqa: DTZ001 - likewise


def overview_of(image: RawImage) -> NDArray[np.float32]:
    """Mean light of squares of a mosaic, whole cells each; what is left over is cut off."""
    height, width = image.pixels.shape
    side = max(_LEAST_SIDE, 2 * round(max(height, width) / _SQUARES / 2))
    rows, columns = max(1, height // side), max(1, width // side)
    whole = image.pixels[: rows * side, : columns * side]
    squares = whole.reshape(rows, whole.shape[0] // rows, columns, whole.shape[1] // columns)
    means = squares.mean(axis=(1, 3), dtype=np.float32)
    black = np.float32(np.mean(image.mosaic.black_level))
    return np.asarray((means - black) / (np.float32(image.mosaic.white_level) - black), np.float32)


def likeness(one: Photo, other: Photo) -> float:
    """Correlation of what two photos show, -1 to 1, both as bright as the one with more light.

    What is clipped in the one is clipped in both. The root makes noise alike in dark and bright
    places. NaN counts as 0: an even surface is like nothing.
    """
    dark, bright = sorted((one, other), key=lambda photo: photo.light)
    gain = gain_ratio(dark.exposure, bright.exposure)
    if not math.isfinite(gain):
        gain = bright.light / dark.light
    pictures = [
        np.sqrt(np.clip(picture, 0, CLIPPED_FROM))
        for picture in (dark.overview * np.float32(gain), bright.overview)
    ]
    rest = [picture - picture.mean() for picture in pictures]
    power = math.sqrt(float((rest[0] ** 2).sum()) * float((rest[1] ** 2).sum()))
    return float((rest[0] * rest[1]).sum()) / power if power > 0 else 0.0


def look_at(
    entries: Sequence[Entry], folder: Path, max_ram: int, progress: Progress
) -> tuple[list[Photo], list[LeftOut]]:
    """Decode photos, one after the other, in a process of their own; keep an overview of each.

    Those that cannot be decoded or trained on are left out, with the reason.
    """
    photos: list[Photo] = []
    left: list[LeftOut] = []
    with (
        Decoder(_FRAME_SECONDS, max_ram) as decoder,
        progress.stage("Looking at photos", len(entries), "photos") as advance,
    ):
        for entry in entries:
            try:
                image = decoder.decode(DecodeJob(folder / entry.source, entry.source)).image
            except RawFileError as error:
                left.append(LeftOut(entry.source, error.kind, error.reason))
            else:
                if image.mosaic.cell == BAYER:
                    photos.append(_photo(entry, image))
                else:
                    reason = "X-Trans mosaics can be restored, not trained on"
                    left.append(LeftOut(entry.source, MosaicError.kind, reason))
            advance(1)
    return photos, left


def _photo(entry: Entry, image: RawImage) -> Photo:
    frame, mosaic = entry.frame, image.mosaic
    black = float(np.mean(mosaic.black_level))
    limit = black + CLIPPED_FROM * (mosaic.white_level - black)
    return Photo(
        entry.source,
        camera_of(entry),
        seconds_of(frame.taken),
        frame.exposure.or_else(image.exposure),
        overview_of(image),
        image.pixels.shape,
        float(np.mean(image.pixels[::3, ::3] >= limit)),
    )


def camera_of(entry: Entry) -> str:
    """Maker and model of a photo's camera, as EXIF spells them."""
    return " ".join(filter(None, (entry.frame.make, entry.frame.model)))
