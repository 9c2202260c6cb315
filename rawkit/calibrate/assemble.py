"""From what was measured to a profile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from rawkit.calibrate.matched import gain_of_pairs
from rawkit.calibrate.patches import gain_of_patches
from rawkit.calibrate.shading import hot_of, shading_of
from rawkit.calibrate.transfer import Transfer, half_width, joined
from rawkit.errors import MissingError
from rawkit.noise import (
    NORMAL_SHAPE,
    CameraProfile,
    Estimate,
    IsoCurves,
    IsoProfile,
    normal_scale,
)
from rawkit.sensor import Mosaic

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from rawkit.calibrate.darkness import Darkness
    from rawkit.calibrate.matched import Matching
    from rawkit.calibrate.plan import FramePlan, IsoFrames
    from rawkit.calibrate.work import Lit

    Floats = NDArray[np.float64]

_UNKNOWN: Final = 0.05
"""Standard error of a logarithm of gain that is interpolated from fewer than three ISOs."""
_POINTS: Final = 65
"""Points of a probability plot that are kept."""


def profile_of(
    plan: FramePlan, darks: Mapping[float, Darkness], lit: Mapping[float, Lit]
) -> CameraProfile:
    """Put a profile together; without dark frames, of what pairs tell alone.

    Raises
    ------
    MissingError
        If no gain was found at any ISO.
    """
    if not darks:
        return _of_pairs_alone(plan, lit)
    found = _gains(plan, darks, lit)
    if not found:
        raise _without_gain(plan)
    isos, curves = [], []
    for frames in plan.isos:
        dark = darks.get(frames.iso)
        if dark is None:
            continue
        transfer = found.get(frames.iso)
        source = (transfer and plan.gain_of(frames)) or "interpolated"
        isos.append(_iso(frames, dark, transfer, found, source))
        curves.append(_curves(dark, transfer))
    ordered = [darks[iso] for iso in sorted(darks)]
    mosaic = _mosaic_of(next(one for one in plan.isos if one.iso in darks))
    dead = [one.dead for one in lit.values() if one.dead is not None]
    hot = np.unique(np.concatenate([hot_of(ordered), *dead]), axis=0) if dead else hot_of(ordered)
    return CameraProfile(
        plan.make, plan.model, mosaic, tuple(isos), shading_of(ordered), hot, tuple(curves),
        _true_notes(plan, {iso for iso, one in lit.items() if one.matched} - found.keys(),
                    "K is interpolated"),
    )  # fmt: skip


def _gains(
    plan: FramePlan, darks: Mapping[float, Darkness], lit: Mapping[float, Lit]
) -> dict[float, Transfer]:
    """Return the gain of each ISO where one was found."""
    found = {}
    for iso, one in lit.items():
        pairs = [pair for pair in one.pairs if np.isfinite(pair.gain).all()]
        if pairs:
            found[iso] = joined(pairs)
        elif one.matched:
            matching = gain_of_pairs(one.matched, darks[iso].variance if iso in darks else None)
            if matching is not None:
                found[iso] = matching.transfer
        elif plan.gain_from == "frames" and one.patches and iso in darks:
            transfer = gain_of_patches(one.patches, darks[iso].variance)
            if transfer is not None and np.isfinite(transfer.gain).all():
                found[iso] = transfer
    return found


def _true_notes(plan: FramePlan, telling_nothing: Collection[float], so: str) -> tuple[str, ...]:
    """Return the notes of a plan; of ISOs whose pairs turned out to tell nothing, what follows."""
    wrong = tuple(f"ISO {iso:g} has no flat frames; K is from" for iso in telling_nothing)
    kept = [note for note in plan.notes if not wrong or not note.startswith(wrong)]
    more = (f"ISO {iso:g}: its pairs are too few, or not smooth enough; {so}"
            for iso in sorted(telling_nothing))  # fmt: skip
    return (*kept, *more)


def _without_gain(plan: FramePlan) -> MissingError:
    if plan.gain_from == "pairs":
        found = "no pairs of a short and its long with smooth patches that agree"
    else:
        found = "no flat frames that agree, and no ordinary ones with smooth patches"
    return MissingError(
        found,
        expected="two flat frames of one ISO that are not clipped",
        fix="Take two of an even wall, a third to two thirds as bright as white.",
    )


def _mosaic_of(frames: IsoFrames) -> Mosaic:
    one = frames.mosaic
    return Mosaic.without_margins(
        one.pattern, (one.height, one.width), one.black_level, one.white_level
    )


def _of_pairs_alone(plan: FramePlan, lit: Mapping[float, Lit]) -> CameraProfile:
    """Make a profile of gain and Gaussian noise; ISOs whose pairs tell nothing are left out."""
    isos, curves, nothing = [], [], []
    used = [one for one in plan.isos if one.iso in lit]
    for frames in used:
        found = gain_of_pairs(lit[frames.iso].matched, None)
        if found is None:
            nothing.append(frames.iso)
            continue
        isos.append(_gaussian(frames, found))
        curves.append(IsoCurves(frames.iso, found.transfer.points, np.empty((0, 2, 0), np.float32)))
    if not isos:
        raise _without_gain(plan)
    return CameraProfile(
        plan.make, plan.model, _mosaic_of(used[0]), tuple(isos), curves=tuple(curves),
        notes=_true_notes(plan, nothing, "it is left out"),
    )  # fmt: skip


def _gaussian(frames: IsoFrames, found: Matching) -> IsoProfile:
    """Return the noise of an ISO as far as pairs tell it: normal, rounding taken off."""
    rounding, half = frames.step**2 / 12, half_width(found.variance_error)
    ends = (
        [normal_scale(float(np.sqrt(max(one - rounding, 0.0)))) for one in found.variance + by]
        for by in (0.0, -half, half)
    )
    return IsoProfile(
        iso=frames.iso,
        gain=Estimate.within(found.transfer.gain, half_width(found.transfer.error), 1e-9),
        gain_source="pairs",
        read_scale=Estimate(*(tuple(one) for one in ends)),
        read_shape=Estimate.exactly([NORMAL_SHAPE] * found.offset.size),
        row=Estimate.exactly([0.0]),
        column=Estimate.exactly([0.0]),
        bias=Estimate.within(found.offset, half_width(found.offset_error)),
        step=frames.step,
        white=frames.saturates,
        white_seen=frames.white is not None,
        dark_frames=0,
        flat_frames=0,
    )


def _iso(
    frames: IsoFrames, dark: Darkness, transfer: Transfer | None,
    all_gains: Mapping[float, Transfer], source: str,
) -> IsoProfile:  # fmt: skip
    tails = dark.tails
    if transfer is not None:
        gain = Estimate.within(transfer.gain, half_width(transfer.error), 1e-9)
    else:
        gain = _interpolated(frames.iso, all_gains)
    return IsoProfile(
        iso=frames.iso,
        gain=gain,
        gain_source=source,
        read_scale=Estimate.within(
            [one.scale for one in tails], [one.scale_half for one in tails], 0.0
        ),
        read_shape=Estimate.within([one.shape for one in tails], [one.shape_half for one in tails]),
        row=dark.row,
        column=dark.column,
        bias=dark.bias,
        step=frames.step,
        white=frames.saturates,
        white_seen=frames.white is not None,
        dark_frames=dark.frames,
        flat_frames=len(frames.flat),
    )


def _interpolated(iso: float, found: Mapping[float, Transfer]) -> Estimate:
    """Gain of each plane where there are no flat frames: on the line of log K over log ISO.

    Of one ISO alone gain is taken to go with ISO.
    """
    x = np.log(np.array(list(found)))
    y = np.log(np.stack([one.gain for one in found.values()]))
    own = np.stack([one.error / one.gain for one in found.values()])
    at, middle = np.log(iso), x.mean()
    off = x - middle
    if len(x) == 1:
        slope, scatter = np.ones(y.shape[1]), np.full(y.shape[1], _UNKNOWN)
        lever = 1.0
    else:
        slope = off @ (y - y.mean(axis=0)) / (off @ off)
        rest = y - y.mean(axis=0) - off[:, None] * slope
        free = len(x) - 2
        scatter = (
            np.sqrt(np.square(rest).sum(axis=0) / free)
            if free > 0
            else np.full(y.shape[1], _UNKNOWN)
        )
        lever = 1 + 1 / len(x) + (at - middle) ** 2 / float(off @ off)
    gain = np.exp(y.mean(axis=0) + (at - middle) * slope)
    error = np.sqrt(np.maximum(scatter, own.mean(axis=0)) ** 2 * lever)
    return Estimate(
        tuple(gain.tolist()),
        tuple((gain * np.exp(-half_width(error))).tolist()),
        tuple((gain * np.exp(half_width(error))).tolist()),
    )


def _curves(dark: Darkness, transfer: Transfer | None) -> IsoCurves:
    planes = len(dark.tails)
    start = np.stack([np.arange(planes), np.zeros(planes), dark.variance], axis=1)
    points = start if transfer is None else np.concatenate([start, transfer.points])
    plots = np.stack([one.plot for one in dark.tails])
    kept = np.linspace(0, plots.shape[2] - 1, _POINTS).round().astype(int)
    return IsoCurves(dark.iso, points.astype(np.float32), plots[:, :, kept])
