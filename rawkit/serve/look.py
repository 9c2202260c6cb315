"""A photo before any network: what is known of it, and a quick picture of it."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image

from rawkit.colour import CellGrid, matrix_of
from rawkit.errors import UsageError
from rawkit.pictures import encoded_of, icc_profile, orient, upright_shape
from rawkit.sensor import RESAMPLED, neutral_of
from rawkit.serve.schemas import Facts
from rawkit.serve.words import level_words
from rawkit.store import Store

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.restore import Single, StoredFrame
    from rawkit.sensor import RawImage

_THUMBNAIL = 480
"""Longer side of a thumbnail, in pixels."""
_GREY = 0.18
_MOST_GAIN = 2400.0
_QUALITY = 88


def facts_of(single: Single, warning: str | None) -> Facts:
    """Return what is known of a photo."""
    capture, mosaic = single.capture, single.image.mosaic
    height, width = upright_shape(*mosaic.square_size, capture.orientation)
    return Facts(
        camera=camera_of(capture.make or "", capture.model or ""), lens=capture.lens,
        iso=capture.exposure.iso, seconds=capture.exposure.seconds,
        f_number=capture.exposure.f_number,
        taken=capture.taken, width=width, height=height,
        black_level=[*mosaic.black_level], white_level=mosaic.white_level,
        estimate=single.base, warning=level_words(warning),
        note=RESAMPLED if single.image.resampled else None,
    )  # fmt: skip


def camera_of(make: str, model: str) -> str | None:
    """Return maker and model as people say them: many models begin with the maker's name."""
    makers = {one.lower() for one in make.split()}
    first = model.split(maxsplit=1)[0].lower() if model.split() else ""
    return (model if first in makers else f"{make} {model}").strip() or None


def thumbnail_of(single: Single) -> bytes:
    """Return a small JPEG of a photo, as bright as a photographer expects it, upright."""
    small = binned(single.image, _THUMBNAIL * _THUMBNAIL)
    light = linear_light(small)
    middle = float(np.median(light[..., 1]))
    gain = min(_GREY / middle, _MOST_GAIN) if middle > 0 else 1.0
    top = float(np.quantile(light.max(axis=2), 0.995)) * gain
    picture = encoded_of(np.clip(light * (gain / max(1.0, top / 2)), 0, 1))
    upright = orient(squared(picture.astype(np.float32), single.image), single.capture.orientation)
    return jpeg(fitted(upright, _THUMBNAIL))


def binned(image: RawImage, pixels: int) -> RawImage:
    """Return a mosaic of at most about so many pixels: means over pixels of one place in the cell.

    The canonical cell stays, so networks and conversions take it as they take the whole one.
    """
    mosaic = image.mosaic
    side = mosaic.cell.side
    height, width = image.pixels.shape
    times = max(1, int(np.ceil(np.sqrt(height * width / pixels))))
    rows, columns = height // (side * times), width // (side * times)
    if times == 1 or not rows or not columns:
        return image
    out = np.empty((rows * side, columns * side), np.uint16)
    for y in range(side):
        for x in range(side):
            one = image.pixels[y : rows * times * side : side, x : columns * times * side : side]
            # Area means of whole multiples; integers of 16 bits are rounded.
            out[y::side, x::side] = cv2.resize(
                np.ascontiguousarray(one), (columns, rows), interpolation=cv2.INTER_AREA
            )
    return replace(image, pixels=out, mosaic=replace(mosaic, height=out.shape[0],
                                                     width=out.shape[1]))  # fmt: skip


def linear_light(image: RawImage) -> NDArray[np.float32]:
    """Return linear light on sRGB primaries, a value a cell, (rows, columns, 3), 1 at white.

    White balanced; what any colour cannot tell from white is white. Below 0 where noise takes it
    there.
    """
    grid = CellGrid(image.pixels, image.mosaic)
    rows, columns = grid.shape
    cells = grid.window(0, grid.padded[0])[:, :rows, :columns].transpose(1, 2, 0)
    balance = balance_of(image)
    camera = np.minimum(cells * balance, balance.min())
    return np.ascontiguousarray(camera @ matrix_of(image.colour_matrix).array().T)


def balance_of(image: RawImage) -> NDArray[np.float32]:
    """Return multipliers of red, green and blue, green 1; ones where they cannot be used."""
    try:
        neutral = neutral_of(image.white_balance.multipliers, image.mosaic.cell.colours)
        balance = np.array([1 / one for one in neutral], np.float32)
    except (UsageError, ZeroDivisionError):
        return np.ones(3, np.float32)
    return balance if np.isfinite(balance).all() else np.ones(3, np.float32)


def squared(picture: NDArray[np.float32], image: RawImage) -> NDArray[np.float32]:
    """Stretch a picture (H, W, 3) so that its pixels are square."""
    if image.mosaic.is_square:
        return picture
    height, width = picture.shape[:2]
    aspect = image.mosaic.pixel_aspect
    size = (width, round(height / aspect)) if aspect < 1 else (round(width * aspect), height)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR))


def fitted(picture: NDArray[np.float32], longer: int) -> NDArray[np.float32]:
    """Shrink a picture (H, W, 3) until its longer side is at most `longer` pixels."""
    height, width = picture.shape[:2]
    scale = longer / max(height, width)
    if scale >= 1:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def jpeg(picture: NDArray[np.float32]) -> bytes:
    """Encode a picture (H, W, 3) of 0 to 1 on the BT.709 curve, with its colour profile."""
    values = np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(values).save(file, "JPEG", quality=_QUALITY, icc_profile=icc_profile())
    return file.getvalue()


def truth_of(stored: StoredFrame) -> NDArray[np.unsignedinteger] | None:
    """Return the true picture of a stored frame, (H, W, 3), 8 or 16 bits; None if there is none."""
    group = Store(stored.store).groups[stored.row.group]
    index = int(group.coordinates["target_index"][stored.index])
    if index < 0 or group.target is None:
        return None
    return np.ascontiguousarray(group.read("target", index).transpose(1, 2, 0))
