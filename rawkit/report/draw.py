"""The figures of a study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from markupsafe import Markup

from rawkit.evaluate import ordered
from rawkit.report import figures
from rawkit.report.figures import HeatMap

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.figure import Figure

    from rawkit.evaluate import PictureRow, PublishedFigure
    from rawkit.report.study import Findings, Told

CURVES, OVERVIEW, MAPS = "curves", "evaluations", "iso-by-shutter"
"""What the names of figures begin with."""
_LINES: Final = 8
"""Lines of published figures, at most."""
_MAP_LEAST: Final = 2
"""Exposures and ISO speeds below which a map would show nothing."""


@dataclass(frozen=True)
class Drawn:
    """A figure of a report."""

    name: str
    """Name of its files, without the ending."""
    caption: str
    """What it shows."""
    figure: Figure
    """The drawing."""

    @property
    def svg(self) -> Markup:
        """The drawing as an element of a page."""
        return Markup(figures.inline_svg(self.figure, self.caption))  # noqa: S704 - made here


def draw(study: Findings) -> list[Drawn]:
    """Draw all figures of a study; those without data are left out."""
    drawn = []
    with_points = [run for run in study.runs if run.points]
    if with_points:
        for name, title, unit in (("psnr", "PSNR", "PSNR (dB)"), ("ssim", "SSIM", "SSIM")):
            lines = [(one.method, float(getattr(one, name))) for one in _drawn(study.published)]
            caption = f"{title} on the validation frames over the steps of each run"
            caption += "; dashed: published figures for the real collection." if lines else "."
            figure = figures.curve(with_points, name, unit, lines)
            drawn.append(Drawn(f"{CURVES}-{name}", caption, figure))
    if study.evaluations:
        means = [told.evaluation.overall.means["psnr"] for told in study.evaluations]
        labels = [_name(told) for told in study.evaluations]
        known = [
            (label, (mean.mean, mean.low, mean.high))
            for label, mean in zip(labels, means, strict=True)
            if mean.mean is not None
        ]
        if known:
            figure = figures.intervals([one for one, _ in known], [one for _, one in known],
                                       "PSNR (dB)")  # fmt: skip
            caption = "Mean PSNR of each evaluation, with its 95 % interval."
            drawn.append(Drawn(OVERVIEW, caption, figure))
    return [*drawn, *_maps(study)]


def _drawn(published: Sequence[PublishedFigure]) -> list[PublishedFigure]:
    """Choose the figures that are drawn as lines: where they are many, those of our networks."""
    if len(published) <= _LINES:
        return list(published)
    return [one for one in published if one.network is not None][:_LINES]


def _maps(study: Findings) -> list[Drawn]:
    """Draw a map of each evaluation that has one, all in the same colours."""
    maps = [(told, heat_map_of(told.evaluation.rows())) for told in study.evaluations]
    found = [(told, one) for told, one in maps if one is not None]
    if not found:
        return []
    values = np.concatenate([one.values.ravel() for _, one in found])
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    return [
        Drawn(
            f"{MAPS}-{number}",
            f"Mean PSNR by exposure time and ISO: {_name(told)}.",
            figures.heat_map(one, "PSNR (dB)", low, high),
        )
        for number, (told, one) in enumerate(found, 1)
    ]


def _name(told: Told) -> str:
    return " ".join(filter(None, [told.title, told.changes]))


def heat_map_of(rows: Iterable[PictureRow]) -> HeatMap | None:
    """Mean PSNR by exposure (to two digits) and ISO; None with fewer than two of both."""
    cells: dict[tuple[float, float], list[float]] = {}
    for row in rows:
        if row.exposure_time and row.iso and np.isfinite(row.psnr):
            place = float(f"{row.exposure_time:.2g}"), row.iso
            cells.setdefault(place, []).append(row.psnr)
    exposures = [float(one) for one in ordered(seconds for seconds, _ in cells) if one is not None]
    isos = [float(one) for one in ordered(iso for _, iso in cells) if one is not None]
    if min(len(exposures), len(isos)) < _MAP_LEAST:
        return None
    values = np.full((len(exposures), len(isos)), np.nan)
    for (seconds, iso), found in cells.items():
        values[exposures.index(seconds), isos.index(iso)] = np.mean(found)
    return HeatMap(tuple(exposures), tuple(isos), values)
