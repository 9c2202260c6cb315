"""From what was measured to a profile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from rawkit.calibrate.patches import gain_of_patches
from rawkit.calibrate.shading import hot_of, shading_of
from rawkit.calibrate.transfer import Transfer, half_width, joined
from rawkit.errors import MissingError
from rawkit.noise import CameraProfile, Estimate, IsoCurves, IsoProfile
from rawkit.sensor import Mosaic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from rawkit.calibrate.darkness import Darkness
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
    """Put a profile together.

    Raises
    ------
    MissingError
        If no gain was found at any ISO.
    """
    found = {}
    for iso, one in lit.items():
        pairs = [pair for pair in one.pairs if np.isfinite(pair.gain).all()]
        if pairs:
            found[iso] = joined(pairs)
        elif plan.gain_from == "frames" and one.patches and iso in darks:
            transfer = gain_of_patches(one.patches, darks[iso].variance)
            if transfer is not None and np.isfinite(transfer.gain).all():
                found[iso] = transfer
    if not found:
        raise MissingError(
            "no flat frames that agree, and no ordinary ones with smooth patches",
            expected="two flat frames of one ISO that are not clipped",
            fix="Take two of an even wall, a third to two thirds as bright as white.",
        )
    isos, curves = [], []
    for frames in plan.isos:
        dark = darks.get(frames.iso)
        if dark is None:
            continue
        transfer = found.get(frames.iso)
        isos.append(_iso(frames, dark, transfer, found, plan.gain_from))
        curves.append(_curves(dark, transfer))
    ordered = [darks[iso] for iso in sorted(darks)]
    first = next(one for one in plan.isos if one.iso in darks).mosaic
    mosaic = Mosaic.without_margins(
        first.pattern, (first.height, first.width), first.black_level, first.white_level
    )
    dead = [one.dead for one in lit.values() if one.dead is not None]
    hot = np.unique(np.concatenate([hot_of(ordered), *dead]), axis=0) if dead else hot_of(ordered)
    return CameraProfile(
        plan.make, plan.model, mosaic, tuple(isos), shading_of(ordered), hot, tuple(curves),
        plan.notes,
    )  # fmt: skip


def _iso(
    frames: IsoFrames, dark: Darkness, transfer: Transfer | None,
    all_gains: Mapping[float, Transfer], gain_from: str,
) -> IsoProfile:  # fmt: skip
    tails = dark.tails
    if transfer is not None:
        gain = Estimate.within(transfer.gain, half_width(transfer.error), 1e-9)
    else:
        gain = _interpolated(frames.iso, all_gains)
    return IsoProfile(
        iso=frames.iso,
        gain=gain,
        gain_source=gain_from if transfer is not None else "interpolated",
        read_scale=Estimate.within(
            [one.scale for one in tails], [one.scale_half for one in tails], 0.0
        ),
        read_shape=Estimate.within([one.shape for one in tails], [one.shape_half for one in tails]),
        row=dark.row,
        column=dark.column,
        bias=dark.bias,
        step=frames.step,
        white=float(frames.mosaic.white_level if frames.white is None else frames.white),
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
