"""System gain from a collection's own pairs: a long says what a short would be without noise.

The long, divided by the ratio of the exposures, is the mean of each pixel of the short. How much
the short scatters about it grows with the mean as gain times the mean: photon transfer without a
wall. What of the scatter is counted is the product of the short with what is left of it once the
long is taken away. The texture of the scene is in the one alone, so it falls out; the long's own
noise is independent of the short's, so it falls out as well, and need not be known.

What does not fall out is texture that lies elsewhere in the short, because the camera was nudged or
something moved. So only patches count that are smooth in the long, with those around them, and
whose mean in the short is what the long has it to be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from rawkit.calibrate.transfer import Transfer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rawkit.sensor import Mosaic

    Floats = NDArray[np.float64]
    Singles = NDArray[np.float32]

_PATCH: Final = 8
_BENT: Final = 1.5
"""Variance of a second difference, of that of a pixel."""
_NEAR_WHITE: Final = 0.9
"""Brightest pixel of a patch of the long, of what saturates, at most."""
_BRIGHT: Final = 0.7
"""Mean of a patch of the short, of what saturates, at most."""
_LIGHT: Final = 0.25
"""Light of a short, of its long's, at most: a long that is no longer tells nothing."""
_LEAST: Final = 100
"""Patches of a plane, at least."""
_MOST: Final = 20_000
"""Patches that are kept of each plane of a pair."""
_TEXTURE: Final = 0.05
"""Texture of a patch in the units of the short, of the short's noise, at most."""
_CHANCE: Final = 1.6
"""How much more than its share the long's noise may make of the texture around a patch."""
_OFF: Final = 3.5
"""Deviations from which on the mean of a patch is that of something that moved."""
_SPREAD: Final = 0.28
"""Standard deviation of the scatter in a patch, of its mean; measured on noise alone."""
_OUTLIER: Final = 4.0
_ROUNDS: Final = 8
_GROUPS: Final = 8
_SCALE_ERROR: Final = 0.03
"""Standard error of the ratio of the exposures, of it, at most."""
_UNSEEN: Final = 0.01
"""Standard error that unseen texture leaves, of the gain: measured on look-alikes. Where the noise
in the dark has to be found as well, it is twice that."""
_ROUNDING: Final = 1 / 12
_NORMAL: Final = 1.4826


@dataclass(frozen=True, eq=False)
class Matched:
    """What a short and its long tell; or nothing, then there are no patches."""

    patches: Singles
    """Patches, (n, 5): plane, mean of the short above darkness as the long has it (DN), scatter
    about it (DN^2), texture of the long in the short's units (DN^2), and how much of that each DN
    of noise variance of the short makes by the long's noise."""
    offset: Floats
    """Mean of darkness less the black level of each plane, (P,), DN; NaN where it is not known."""
    offset_error: Floats
    """Its standard error."""
    scale_error: Floats
    """Standard error of the ratio of the exposures, of it, (P,)."""


@dataclass(frozen=True, eq=False)
class Matching:
    """What all pairs of one ISO tell."""

    transfer: Transfer
    """Gain, and the curve."""
    variance: Floats
    """Variance of single pixels in the dark, rounding included, (P,), DN^2."""
    variance_error: Floats
    """Its standard error."""
    offset: Floats
    """Mean of darkness less the black level, (P,), DN."""
    offset_error: Floats
    """Its standard error."""


def match(
    short: NDArray[np.uint16], mosaic: Mosaic, long: NDArray[np.uint16], of_long: Mosaic,
    gains: float, whites: tuple[float, float],
) -> Matched:  # fmt: skip
    """Hold a short against its long.

    Parameters
    ----------
    short, long
        Visible mosaics of the same size and pattern, (H, W).
    mosaic, of_long
        What they are; of the levels those of the blacks count.
    gains
        About the gain of the long over that of the short: the ratio of their ISOs.
    whites
        Where pixels of the short and of the long saturate, DN.
    """
    side, planes = mosaic.cell.side, mosaic.cell.planes
    found = [np.empty((0, 5), np.float32)]
    lines = np.full((planes, 3), (np.nan, np.inf, np.inf))
    for y, x, plane in mosaic.positions():
        blacks = mosaic.black_level[plane], of_long.black_level[plane]
        cut, cut_long = (
            _cut(pixels[y::side, x::side], black)
            for pixels, black in zip((short, long), blacks, strict=True)
        )
        tops = whites[0] - blacks[0], whites[1] - blacks[1]
        one = _of_plane(cut, cut_long, gains, (-blacks[0], *tops))
        if one is not None:
            patches, line = one
            found.append(np.insert(patches, 0, plane, axis=1))
            # Of a plane with several pixels a cell the one that is known best stands for all.
            if line.offset_error < lines[plane, 1]:
                lines[plane] = line.offset, line.offset_error, line.scale_error / line.scale
    return Matched(np.concatenate(found).astype(np.float32), *lines.T)


def gain_of_pairs(found: Sequence[Matched], variance: Floats | None) -> Matching | None:
    """Find the gain from the pairs of one ISO; None if too few patches are sound.

    `variance` is that of single pixels in the dark, (P,), DN^2, rounding included, where dark
    frames say; else it is found with the gain.
    """
    if not any(len(one.patches) for one in found):
        return None
    whole = np.concatenate([one.patches for one in found]).astype(np.float64)
    planes = found[0].offset.size
    fits, points = np.full((planes, 4), (np.nan, np.inf, np.nan, np.inf)), [np.empty((0, 3))]
    for plane in range(planes):
        known = None if variance is None else float(variance[plane])
        fit = _fit(whole[whole[:, 0] == plane][:, 1:], known)
        if fit is not None:
            scale = _together([one.scale_error[plane] for one in found])
            unseen = _UNSEEN if known is not None else 2 * _UNSEEN
            error = np.hypot(fit.gain_error, (unseen + scale) * fit.gain)
            fits[plane] = fit.gain, error, fit.floor, fit.floor_error
            points.append(np.insert(fit.curve, 0, plane, axis=1))
    if not np.isfinite(fits[:, 0]).all():
        return None
    transfer = Transfer(fits[:, 0], fits[:, 1], np.concatenate(points).astype(np.float32))
    return Matching(transfer, fits[:, 2], fits[:, 3], *_offsets(found))


def _cut(plane: NDArray[np.uint16], black: float) -> Singles:
    """Patches of a plane above black, (rows, columns, _PATCH, _PATCH)."""
    rows, columns = (size // _PATCH for size in plane.shape)
    cut = plane[: rows * _PATCH, : columns * _PATCH].astype(np.float32) - np.float32(black)
    return cut.reshape(rows, _PATCH, columns, _PATCH).transpose(0, 2, 1, 3)


def _bent(blocks: Singles) -> Singles:
    """Second differences along rows: blind to slopes, and to what the pixels of a row share."""
    return np.asarray(blocks[..., 1:-1] - (blocks[..., :-2] + blocks[..., 2:]) / 2)


@dataclass(frozen=True)
class _Line:
    """How the short's means go with the long's."""

    scale: float
    scale_error: float
    offset: float
    offset_error: float


def _of_plane(
    short: Singles, long: Singles, gains: float, ends: tuple[float, float, float]
) -> tuple[Singles, _Line] | None:
    """Patches of one plane, (n, 4), as `Matched` has them; None where the pair tells nothing.

    `ends` are the lowest value of the short and where it and the long saturate, above black.
    """
    lowest, white, white_of_long = ends
    seen, light = (blocks.mean(axis=(2, 3), dtype=np.float64) for blocks in (short, long))
    sound = (long.max(axis=(2, 3), initial=-np.inf) < _NEAR_WHITE * white_of_long) & (
        seen < _BRIGHT * white
    )
    line = _line_of(light[sound], seen[sound])
    if line is None or line.scale * gains > _LIGHT:
        return None
    bent, bent_long = _bent(short), np.float32(line.scale) * _bent(long)
    scatter = (bent * (bent - bent_long)).mean(axis=(2, 3), dtype=np.float64) / _BENT
    across = np.float32(line.scale) * _bent(long.swapaxes(2, 3))
    rough = np.maximum(*(np.square(one).mean(axis=(2, 3)) for one in (bent_long, across))) / _BENT
    texture = np.asarray(cv2.dilate(rough.astype(np.float32), np.ones((3, 3), np.uint8)))
    expected = line.scale * light
    # Pixels that are cut off at zero scatter less than they should.
    low = _OUTLIER * np.sqrt(max(float(np.median(scatter[sound])), 0.0))
    sound &= expected + line.offset - low > lowest
    off = seen - expected - line.offset
    sound &= np.abs(off) < _OFF * _spread(light, off, sound)
    share = np.full(int(sound.sum()), line.scale * gains)
    kept = np.stack([expected[sound], scatter[sound], texture[sound], share], axis=1)
    return kept[:: -(-len(kept) // _MOST) or 1].astype(np.float32), line


def _spread(light: Floats, off: Floats, sound: NDArray[np.bool_]) -> Floats:
    """Return the deviation of the means of patches of about the same light; for each patch.

    Of medians, so that what moved does not count.
    """
    spread = np.full(light.shape, np.inf)
    places = np.flatnonzero(sound)
    order = places[np.argsort(light.ravel()[places])]
    for group in np.array_split(order, min(_GROUPS, max(len(order) // _LEAST, 1))):
        if len(group):
            spread.ravel()[group] = _NORMAL * np.median(np.abs(off.ravel()[group]))
    return spread


def _line_of(light: Floats, seen: Floats) -> _Line | None:
    """Fit the short's means to the long's; None where they do not say a ratio."""
    if light.size < _LEAST:
        return None
    everything = np.ones(light.shape, np.bool_)
    groups = np.array_split(np.argsort(light), _GROUPS)
    start, to = (np.array([np.median(one[group]) for group in groups]) for one in (light, seen))
    if np.ptp(start) <= 0:
        return None
    scale, offset = np.polyfit(start, to, 1)
    for _ in range(_ROUNDS):
        off = seen - scale * light - offset
        spread = np.maximum(_spread(light, off, everything), 1e-6)
        kept = np.abs(off) < _OFF * spread
        weight = kept / np.square(spread)
        middle = (weight @ light) / weight.sum()
        steep = weight @ np.square(light - middle)
        if not steep > 0:
            return None
        scale = (weight @ ((light - middle) * seen)) / steep
        offset = (weight @ seen) / weight.sum() - scale * middle
    scale_error = 1 / np.sqrt(steep)
    if not (scale > 0 and scale_error < _SCALE_ERROR * scale):
        return None
    offset_error = np.sqrt(1 / weight.sum() + np.square(middle) / steep)
    return _Line(float(scale), float(scale_error), float(offset), float(offset_error))


@dataclass(frozen=True, eq=False)
class _Fit:
    """The line of photon transfer of one plane."""

    gain: float
    gain_error: float
    floor: float
    floor_error: float
    curve: Floats


def _fit(patches: Floats, floor: float | None) -> _Fit | None:
    """Fit scatter to light over the patches that are smooth; None if those are too few."""
    mean, scatter, texture, share = patches.T
    if mean.size < _LEAST:
        return None
    expected = _start(mean, scatter)
    for _ in range(_ROUNDS):
        smooth = texture < (_TEXTURE + _CHANCE * share) * expected
        kept = smooth & (np.abs(scatter - expected) < _OUTLIER * _SPREAD * expected)
        if kept.sum() < _LEAST:
            return None
        weight = 1 / np.square(expected[kept])
        # Light and scatter, each in its noise; the floor is a second column where it is unknown.
        columns = [mean[kept]] if floor is not None else [mean[kept], np.ones(int(kept.sum()))]
        design = np.stack(columns, axis=1)
        normal = np.linalg.pinv(design.T @ (weight[:, None] * design))
        found = normal @ (design.T @ (weight * (scatter[kept] - (floor or 0.0))))
        lowest = float(found[1]) if floor is None else floor
        expected = np.maximum(found[0] * np.maximum(mean, 0) + max(lowest, 0.0), _ROUNDING)
    rest = (scatter[kept] - found[0] * mean[kept] - lowest) / expected[kept]
    errors = np.sqrt(np.diag(normal) * np.square(rest).mean())
    if not found[0] > 0:
        return None
    groups = np.array_split(np.flatnonzero(kept)[np.argsort(mean[kept])], _GROUPS)
    curve = np.array([[mean[one].mean(), scatter[one].mean()] for one in groups])
    floor_error = float(errors[1]) if floor is None else 0.0
    return _Fit(float(found[0]), float(errors[0]), lowest, floor_error, curve)


def _start(mean: Floats, scatter: Floats) -> Floats:
    """About the scatter of each patch: the median of those of about its light."""
    expected = np.empty(mean.shape)
    for group in np.array_split(np.argsort(mean), _GROUPS):
        expected[group] = max(float(np.median(scatter[group])), _ROUNDING)
    return expected


def _offsets(found: Sequence[Matched]) -> tuple[Floats, Floats]:
    """Put what pairs say of the mean of darkness together, each by what it knows."""
    values, errors = (np.stack([getattr(one, name) for one in found])
                      for name in ("offset", "offset_error"))  # fmt: skip
    weight = np.where(np.isfinite(errors), 1 / np.square(errors), 0.0)
    total = weight.sum(axis=0)
    offset = (np.where(weight > 0, values, 0) * weight).sum(axis=0) / total
    # Frames differ by more than each knows of itself: their darkness drifts.
    spread = (np.square(np.where(weight > 0, values - offset, 0)) * weight).sum(axis=0) / total
    seen = np.maximum((weight > 0).sum(axis=0), 1)
    return offset, np.sqrt(np.maximum(1 / total, spread / seen))


def _together(errors: Sequence[float]) -> float:
    """Return the standard error of the ratio of the exposures over several pairs."""
    finite = np.array([one for one in errors if np.isfinite(one)])
    return float(np.sqrt(np.square(finite).sum()) / finite.size) if finite.size else 0.0
