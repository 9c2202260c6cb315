"""What a network gives that denoises mosaics: a mosaic, written as a DNG or developed by LibRaw.

A network of the registry that gives mosaics takes them amplified, as it was trained, or after the
k-sigma transform, which makes the noise of every camera and ISO the same; that needs the noise of
the frame: of a profile of the camera, as given, or found in the frame itself.
"""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rawkit.colour import Learned, develop
from rawkit.errors import UsageError
from rawkit.models import ShotAndRead, Staged, denoise_bands, describe
from rawkit.pictures import (
    MosaicFile,
    encode_dng,
    greatest_scale,
    linear_of,
    quantise,
    upright_bands,
    upright_shape,
    write_bands,
    write_mosaic,
)
from rawkit.restore.network import tile_for
from rawkit.sensor import RenderParameters, by_pixel, in_cells, open_raw

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from rawkit.colour import Development, Estimates
    from rawkit.pictures import Capture, LightMeter
    from rawkit.restore.amplify import Brightness
    from rawkit.restore.memory import Held
    from rawkit.restore.output import Output
    from rawkit.restore.restorer import Origin, Restorer
    from rawkit.sensor import Mosaic, RawImage

_ROWS = 64
_BLACK, _WHITE = 4096, 65535
"""Levels of the mosaic that LibRaw develops: what noise leaves below black has room."""
_DEVELOPED_PIXEL = 26
"""Bytes a pixel that LibRaw takes to develop a mosaic, the file in memory and the picture too."""


def developments_of(
    image: RawImage, restorer: Restorer, brightness: Brightness, of: Origin
) -> list[Development]:
    """Decide how bright the pictures of a denoised mosaic are; their colours are the file's own.

    Raises
    ------
    MosaicError
        If a ratio is asked for and the file does not say enough for one.
    """

    def factors(found: Estimates) -> list[float]:
        return brightness.factors(
            found.base, of.exposure, of.gain_ratio, restorer.amplification,
            ratio_to_estimate=restorer.ratio_to_estimate,
            expected=found.expected, by_default=True,
        )  # fmt: skip

    learned = Learned(published=True)  # which expects pictures that are as bright as expected
    return develop(image, learned, "sensor", factors, base=of.base, camera=of.camera)


def denoised_bands(
    image: RawImage,
    restorer: Restorer,
    of: Origin,
    noise: ShotAndRead | None,
    held: Held | None = None,
    steps: int = 1,
) -> Iterator[NDArray[np.float32]]:
    """Denoise a decoded mosaic in bands from the top; its pixels are in `steps` of a sensor unit.

    Yields float32 (rows, width), sensor units above black; together they are the whole visible
    area.

    Raises
    ------
    MosaicError
        If the network reads another kind of mosaic.
    UsageError
        If the noise is asked for and not known, or patches are to overlap.
    """
    if restorer.compute is not None and restorer.compute.overlap is not None:
        raise UsageError(
            f"overlapping patches of {restorer.network}, which gives mosaics",
            expected="no --overlap",
        )
    if not isinstance(restorer.net, Staged):
        raise UsageError(f"a {type(restorer.net).__name__}", expected="a prepared network")
    tile, _ = tile_for(restorer, image.mosaic.height, image.mosaic.width, held)
    if noise is not None:
        noise = ShotAndRead(noise.gain * steps, noise.variance * steps**2)
    for values in denoise_bands(
        restorer.net, image.pixels, image.mosaic, describe(restorer.network),
        factor=1.0 if restorer.stabilised else restorer.trained_factor(of),
        noise=noise, k_sigma=restorer.stabilised, tile=tile,
    ):  # fmt: skip
        if steps > 1:
            values /= np.float32(steps)  # noqa: PLW2901 - in place
        yield values


def denoised_pixels(
    bands: Iterator[NDArray[np.float32]], mosaic: Mosaic, scale: float, blacks: NDArray[np.float32]
) -> NDArray[np.uint16]:
    """Gather bands of `denoised_bands` as integers: values times a scale, on black levels.

    Parameters
    ----------
    bands
        Sensor units above black, from the top.
    mosaic
        What they are the visible area of.
    scale
        What they are multiplied by.
    blacks
        What is added to each pixel of the first cell, (side, side).
    """
    pixels = np.empty((mosaic.height, mosaic.width), np.uint16)
    top = 0
    for band in bands:
        for first in range(0, len(band), _ROWS):
            part = band[first : first + _ROWS]
            part *= np.float32(scale)
            in_cells(part, top, blacks, np.add)
            np.clip(part, 0, _WHITE, out=part)
            pixels[top : top + len(part)] = np.rint(part)
            top += len(part)
    return pixels


def write_denoised(
    path: Path,
    bands: Iterator[NDArray[np.float32]],
    image: RawImage,
    capture: Capture,
    development: Development,
    output: Output,
    name: str,
    meter: LightMeter | None = None,
) -> None:
    """Write a denoised mosaic as a DNG, or developed as a picture.

    Parameters
    ----------
    path
        Where it goes, in this machine.
    bands
        Of `denoised_bands`.
    image
        The mosaic that was denoised.
    capture
        What is known of its capture.
    development
        How bright a picture is to be.
    output
        What is written.
    name
        Name of the raw file.
    meter
        Sees a picture before it is turned.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    mosaic = image.mosaic
    if output.format.name == "dng":
        scale = greatest_scale(mosaic) if output.format.bits == 16 else 1  # noqa: PLR2004
        pixels = denoised_pixels(bands, mosaic, scale, by_pixel(mosaic, mosaic.black_level) * scale)
        write_mosaic(path, pixels, MosaicFile(image, capture, scale, name))
        return
    picture = developed(bands, image, capture, development.amplification)
    toned = (_toned(picture[top : top + _ROWS], output) for top in range(0, len(picture), _ROWS))
    seen = toned if meter is None else map(meter.see, toned)
    turned = upright_bands(seen, capture.orientation)
    size = upright_shape(picture.shape[0], picture.shape[1], capture.orientation)
    write_bands(path, turned, size, output.format, linear=output.linear, capture=capture)


def developed(
    bands: Iterator[NDArray[np.float32]], image: RawImage, capture: Capture, amplification: float
) -> NDArray[np.uint16]:
    """Develop a denoised mosaic by LibRaw, with the file's own balance and matrix.

    Parameters
    ----------
    bands
        Of `denoised_bands`.
    image
        The mosaic that was denoised.
    capture
        What is known of its capture.
    amplification
        What normalised green is multiplied by.

    Returns
    -------
    ndarray
        uint16 (height, width, 3), BT.709 curve on sRGB primaries, square pixels, not rotated.
    """
    mosaic = image.mosaic
    span = mosaic.white_level - float(np.mean(mosaic.black_level))
    levels = np.full((mosaic.cell.side,) * 2, _BLACK, np.float32)
    # LibRaw's balance makes the least multiplier 1, ours the green one.
    least = min(image.white_balance.multipliers)
    gain = amplification * least * (_WHITE - _BLACK) / span
    pixels = denoised_pixels(bands, mosaic, gain, levels)
    brighter = replace(
        mosaic, black_level=(float(_BLACK),) * mosaic.cell.planes, white_level=float(_WHITE),
    )  # fmt: skip
    file = io.BytesIO()
    encode_dng(file, pixels, MosaicFile(replace(image, mosaic=brighter), capture))
    del pixels
    with open_raw(file, name="denoised mosaic") as raw:
        picture = raw.render(
            RenderParameters(bits=16, adjust_maximum_thr=0.0), square=True,
            balance=image.white_balance,
        )  # fmt: skip
    return picture.astype(np.uint16, copy=False)


def _toned(rows: NDArray[np.uint16], output: Output) -> NDArray[np.unsignedinteger]:
    if output.format.bits == 16 and not output.linear:  # noqa: PLR2004
        return rows
    values = rows.astype(np.float32) / np.float32(_WHITE)
    return quantise(linear_of(values) if output.linear else values, output.format.bits)


def held_to_develop(held: Held, mosaic: Mosaic, output: Output) -> Held:
    """Add what a denoised mosaic takes beside the network and after it."""
    pixels = mosaic.height * mosaic.width
    others = {**held.others, "denoised mosaic": 2 * pixels}
    after = 0 if output.format.name == "dng" else _DEVELOPED_PIXEL * pixels
    return replace(held, others=others, before=max(held.before, after))
