"""All figures of one picture."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from rawkit.errors import UsageError
from rawkit.evaluate.colour import colour_error
from rawkit.evaluate.light import matching_factor
from rawkit.evaluate.pairs import known
from rawkit.evaluate.raw import corrected, true_planes
from rawkit.evaluate.restored import Restored, fed, shown_by
from rawkit.metrics import MS_SSIM_MIN_SIDE, SSIM_VARIANTS, ms_ssim, psnr, sharpness, ssim

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.evaluate.methods import Method
    from rawkit.evaluate.pairs import Pair
    from rawkit.evaluate.protocol import Protocol


@dataclass(frozen=True, slots=True)
class PictureRow:
    """One picture of an evaluation: a row of its table."""

    evaluation: str
    """Identity of the evaluation: weights, data and protocol; 16 hexadecimal digits."""
    collection: str
    """Collection of the dark frame."""
    name: str
    """Name of the dark frame within it."""
    scene: str
    """What one split never divides; what the bootstrap draws."""
    view: str
    """Camera position of the scene; empty where there is one."""
    split: str
    """train, val or test."""
    camera: str
    """Model as EXIF spells it; empty where unknown."""
    iso: float | None
    """ISO speed."""
    exposure_time: float | None
    """Seconds."""
    f_number: float | None
    """Aperture."""
    exposure_ratio: float | None
    """Exposure time of the long over that of the dark frame."""
    gain_ratio: float | None
    """What the dark frame must really be multiplied by: times, ISO speeds and apertures."""
    height: int
    """Rows of the picture that was compared."""
    width: int
    """Columns of it."""
    black_level: float
    """Mean black level that was subtracted, sensor units."""
    amplification: float
    """What the normalised mosaic was multiplied by."""
    amplification_matching: float | None
    """What would have given it the mean light of its truth, see `matching_factor`."""
    amplification_error: float | None
    """The amplification over the matching one: 1 is right, 2 one stop too bright."""
    gain_error: float | None
    """The amplification over the gain ratio."""
    psnr: float
    """Peak signal-to-noise ratio in dB; inf where the pictures are equal."""
    ssim: float
    """Structural similarity, variant as the protocol says."""
    ms_ssim: float | None
    """Multi-scale SSIM; None for pictures under 176 pixels a side."""
    delta_e: float | None
    """Mean CIEDE2000; like all that is said of colours None where planes are compared."""
    hue_shift: float | None
    """Degrees by which hues are turned, see `ColourError`."""
    cast_a: float | None
    """Mean a* less that of the truth: red or purple where positive, green below."""
    cast_b: float | None
    """Mean b* less that of the truth: yellow or brown where positive, blue below."""
    sharpness: float | None = None
    """How sharp it looks, 0 to 1, by itself: no reference, so that noise counts, too. None in an
    earlier version's journal."""
    sharpness_of_truth: float | None = None
    """The same of its truth."""


METRICS = (
    "psnr", "ssim", "ms_ssim", "delta_e", "hue_shift", "cast_a", "cast_b", "amplification_error",
    "gain_error", "sharpness", "sharpness_of_truth",
)  # fmt: skip
"""Columns that are summarised."""
COLUMNS = tuple(field.name for field in fields(PictureRow))


def prepared(
    picture: NDArray[np.floating] | NDArray[np.unsignedinteger],
    bits: int,
    border: int,
    centre: int = 0,
) -> NDArray[np.float32]:
    """Make a picture ready to be compared: cut the border, 0 to 1, rounded to 8 bits if asked for.

    `picture` is (H, W, 3): float of 0 to 1, clipped, or unsigned integers of full scale. Of what
    is left within the border the square in the middle is taken, of `centre` pixels a side, or all.

    Raises
    ------
    UsageError
        If nothing is left within the border.
    """
    height, width = picture.shape[:2]
    if 2 * border >= min(height, width):
        raise UsageError(f"a border of {border} pixels of a picture of {width}x{height}")
    inner = picture[border : height - border, border : width - border]
    if centre:
        top, left = (max(0, side // 2 - centre // 2) for side in inner.shape[:2])
        inner = inner[top : top + centre, left : left + centre]
    if inner.dtype.kind == "u":
        unit = inner.astype(np.float32)
        unit /= np.float32(2 ** (8 * inner.dtype.itemsize) - 1)
    else:
        unit = np.empty(inner.shape, np.float32)
        np.clip(inner, 0, 1, out=unit, casting="same_kind")
    if bits:
        unit *= np.float32(2**bits - 1)
        unit += np.float32(0.5)
        np.floor(unit, out=unit)
        unit /= np.float32(2**bits - 1)
    return unit


def measure(pair: Pair, method: Method, protocol: Protocol, evaluation: str) -> PictureRow:
    """Restore one dark frame by itself and compare it with its truth.

    Raises
    ------
    StoreDamagedError
        If a shard is missing or damaged.
    UsageError
        If the picture is too small for the protocol's window or border, or a ratio is not known.
    """
    light, factor = fed(pair, method, protocol)
    found = Restored(pair, light, factor, shown_by(method, protocol)(pair, light, factor))
    return compared(found, *both_prepared(found, protocol), protocol, evaluation)


def both_prepared(
    found: Restored, protocol: Protocol
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Make a restored picture and its truth ready to be compared, see `prepared`.

    Planes are half as large as pictures, and so are border and centre.
    """
    if protocol.space == "raw":
        shown = (protocol.bits, protocol.border // 2, protocol.centre // 2)
        restored = prepared(found.picture, *shown)
        truth = prepared(true_planes(found.pair, protocol), *shown)
        return (corrected(restored, truth) if protocol.correct else restored), truth
    shown = (protocol.bits, protocol.border, protocol.centre)
    return prepared(found.picture, *shown), prepared(found.pair.target(), *shown)


def compared(
    found: Restored,
    restored: NDArray[np.float32],
    truth: NDArray[np.float32],
    protocol: Protocol,
    evaluation: str,
) -> PictureRow:
    """Compare a restored picture with its truth, both `prepared`.

    Raises
    ------
    UsageError
        If the picture is too small for the protocol's window.
    """
    pair, light, factor = found.pair, found.light, found.factor
    variant = SSIM_VARIANTS[protocol.ssim]
    raw = protocol.space == "raw"
    colour = None if raw else colour_error(restored, truth)
    matching = None
    if not light.equalised:
        matching = known(matching_factor(pair, light.planes, light.own_levels))
    gain = known(pair.gain_ratio)
    height, width = truth.shape[:2]
    return PictureRow(
        evaluation=evaluation,
        collection=pair.collection,
        name=pair.dark.name,
        scene=pair.dark.scene,
        view=pair.dark.view,
        split=pair.dark.split,
        camera=pair.dark.model or "",
        iso=pair.dark.iso,
        exposure_time=pair.dark.exposure_time,
        f_number=pair.dark.f_number,
        exposure_ratio=known(pair.exposure_ratio),
        gain_ratio=gain,
        height=height,
        width=width,
        black_level=float(np.mean(pair.dark.black_level) if light.mended else light.black.mean()),
        amplification=factor,
        amplification_matching=matching,
        amplification_error=None if matching is None else factor / matching,
        gain_error=None if gain is None else factor / gain,
        psnr=psnr(restored, truth),
        ssim=ssim(restored, truth, variant),
        ms_ssim=ms_ssim(restored, truth, variant)
        if not raw and min(height, width) >= max(MS_SSIM_MIN_SIDE, 16 * variant.size)
        else None,
        delta_e=None if colour is None else colour.delta_e,
        hue_shift=None if colour is None else colour.hue_shift,
        cast_a=None if colour is None else colour.cast_a,
        cast_b=None if colour is None else colour.cast_b,
        sharpness=None if raw else sharpness(restored),
        sharpness_of_truth=None if raw else sharpness(truth),
    )
