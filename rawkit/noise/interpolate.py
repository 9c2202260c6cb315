"""Noise between and beyond the ISOs that were looked at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rawkit.noise.model import NoiseModel

_LEAST = 1e-6
"""DN. Scales below are taken for this where a logarithm is needed, and for nothing afterwards."""
_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points, both axes natural logarithms."""

    slope: float
    """Rise over log K."""
    intercept: float
    """Value at log K = 0, that is at a gain of 1 DN per electron."""
    scatter: float
    """Standard deviation of the points from it; 0 with fewer than three."""


def line_through(x: NDArray[np.float64], y: NDArray[np.float64]) -> Line:
    """Fit a line by least squares; through one point it has the slope 1."""
    if np.ptp(x) < _SAME:
        return Line(1.0, float(np.mean(y - x)), 0.0)
    slope, intercept = np.polyfit(x, y, 1)
    rest = y - (slope * x + intercept)
    free = x.size - 2
    scatter = float(np.sqrt(np.sum(rest**2) / free)) if free > 0 else 0.0
    return Line(float(slope), float(intercept), scatter)


def relations(models: Sequence[NoiseModel]) -> dict[str, Line]:
    """Return the lines of log scales over log K: ``read``, ``row``, ``column``.

    K and read scale are means over the planes (of their logarithms). Scales of 0 are left out; a
    relation without points is left out as well.
    """
    x = np.array([np.log(one.gain).mean() for one in models])
    scales = {
        "read": np.array([one.read_scale.mean() for one in models]),
        "row": np.array([one.row for one in models]),
        "column": np.array([one.column for one in models]),
    }
    found = {}
    for name, values in scales.items():
        there = values > _LEAST
        if there.any():
            found[name] = line_through(x[there], np.log(values[there]))
    return found


def between(models: Sequence[NoiseModel], iso: float) -> NoiseModel:
    """Return the noise at `iso` from models by rising ISO, see `CameraProfile.at`."""
    isos = np.array([one.iso for one in models])
    after = int(np.searchsorted(isos, iso))
    for near in (after - 1, after):
        if 0 <= near < len(models) and abs(isos[near] / iso - 1) < _SAME:
            return models[near]
    if 0 < after < len(models):
        return _inside(models[after - 1], models[after], iso)
    return _beyond(models, models[0] if after == 0 else models[-1], iso)


def _inside(low: NoiseModel, high: NoiseModel, iso: float) -> NoiseModel:
    part = float(np.log(iso / low.iso) / np.log(high.iso / low.iso))

    # log K is linear over log ISO here, so what is linear over the one is over the other.
    def linear(name: str) -> NDArray[np.float64]:
        return np.asarray((1 - part) * getattr(low, name) + part * getattr(high, name))

    def logarithmic(name: str) -> NDArray[np.float64]:
        one, other = np.asarray(getattr(low, name)), np.asarray(getattr(high, name))
        mixed = np.exp(
            (1 - part) * np.log(np.maximum(one, _LEAST)) + part * np.log(np.maximum(other, _LEAST))
        )
        # From nothing to something there is no line of logarithms.
        return np.where(np.minimum(one, other) < _LEAST, (1 - part) * one + part * other, mixed)

    return replace(
        low,
        iso=iso,
        gain=logarithmic("gain"),
        read_scale=logarithmic("read_scale"),
        read_shape=linear("read_shape"),
        row=float(logarithmic("row")),
        column=float(logarithmic("column")),
        bias=linear("bias"),
        white=min(low.white, high.white),
        step=min(low.step, high.step),
        source=f"between ISO {low.iso:g} and {high.iso:g}",
    )


def _beyond(models: Sequence[NoiseModel], end: NoiseModel, iso: float) -> NoiseModel:
    log_isos = np.log([one.iso for one in models])
    log_gains = np.array([np.log(one.gain).mean() for one in models])
    further = float(np.log(iso / end.iso)) * line_through(log_isos, log_gains).slope
    lines = relations(models)

    def factor(name: str) -> float:
        return float(np.exp(further * lines[name].slope)) if name in lines else 1.0

    return replace(
        end,
        iso=iso,
        gain=end.gain * np.exp(further),
        read_scale=end.read_scale * factor("read"),
        row=end.row * factor("row"),
        column=end.column * factor("column"),
        source=f"beyond ISO {end.iso:g}, the {'highest' if iso > end.iso else 'lowest'} looked at",
    )
