"""From pictures to means: over all, and by collection, camera, ISO, exposure and ratio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rawkit.evaluate.bootstrap import Mean, draws, mean_with_interval
from rawkit.evaluate.measure import METRICS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rawkit.evaluate.measure import PictureRow

Value = str | float | None


def _two_digits(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.2g}")


AXES: Final[Mapping[str, Callable[[PictureRow], Value]]] = {
    "collection": lambda row: row.collection,
    "camera": lambda row: row.camera,
    "iso": lambda row: row.iso,
    "exposure": lambda row: _two_digits(row.exposure_time),
    "ratio": lambda row: _two_digits(row.exposure_ratio),
}
"""What figures are summarised by; exposure times and ratios to two digits."""
OVERALL: Final = "all"


@dataclass(frozen=True, slots=True)
class GroupSummary:
    """Means over the pictures of one group."""

    axis: str
    """``all``, or one of `AXES`."""
    value: Value
    """Value of the axis that its pictures share; None for ``all``, and where it is unknown."""
    pictures: int
    """Pictures."""
    scenes: int
    """Scenes they are of, each counted once a collection."""
    means: Mapping[str, Mean]
    """Mean and interval of each of `METRICS`."""


NOMINAL: Final = "nominal ratio"
"""Axis of the nominal ratios of a protocol that names some."""


def summarise(
    rows: Sequence[PictureRow],
    rng: np.random.Generator,
    resamples: int,
    nominal: Callable[[float | None], float | None] | None = None,
) -> list[GroupSummary]:
    """Summarise the pictures of an evaluation.

    Groups come in this order, and `rng` is drawn from once for each: all pictures, then by each of
    `AXES` the values in ascending order, unknown ones last. Scenes of a group are numbered in the
    order of collection and name. With `nominal`, which gives the nominal ratio of an amplification,
    groups by that come last.
    """
    groups = [_group(OVERALL, None, rows, rng, resamples)]
    axes = dict(AXES)
    if nominal is not None:
        axes[NOMINAL] = lambda row: nominal(row.amplification)
    for axis, value_of in axes.items():
        for value in ordered(value_of(row) for row in rows):
            members = [row for row in rows if value_of(row) == value]
            groups.append(_group(axis, value, members, rng, resamples))
    return groups


def ordered(values: Iterable[Value]) -> list[Value]:
    """Different values in ascending order, unknown ones last."""
    return sorted(
        set(values),
        key=lambda one: (one is None, isinstance(one, str), one if one is not None else 0),
    )


def _group(
    axis: str, value: Value, rows: Sequence[PictureRow], rng: np.random.Generator, resamples: int
) -> GroupSummary:
    scenes = sorted({(row.collection, row.scene) for row in rows})
    number = {scene: index for index, scene in enumerate(scenes)}
    scene = np.array([number[row.collection, row.scene] for row in rows], np.intp)
    times = draws(len(scenes), resamples, rng)
    means = {
        metric: mean_with_interval([getattr(row, metric) for row in rows], scene, times)
        for metric in METRICS
    }
    return GroupSummary(axis, value, len(rows), len(scenes), means)
