"""One HTML page that tells a whole study and loads nothing from anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from rawkit.report.album import value_text
from rawkit.report.draw import CURVES, MAPS, OVERVIEW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawkit.report.album import Album, SheetPicture
    from rawkit.report.draw import Drawn
    from rawkit.report.films import Film
    from rawkit.report.study import Findings


@dataclass(frozen=True, slots=True)
class Metric:
    """A column of a table."""

    name: str
    """Name among the metrics of an evaluation."""
    title: str
    """Heading."""
    digits: int
    """Decimals shown."""


METRICS: Final = (
    Metric("psnr", "PSNR (dB)", 2),
    Metric("ssim", "SSIM", 4),
    Metric("ms_ssim", "MS-SSIM", 4),
    Metric("sharpness", "sharpness (no reference)", 3),
    Metric("delta_e", "Delta E", 2),
    Metric("hue_shift", "hue shift (°)", 1),
)
VIDEOS: Final = (
    Metric("psnr", "PSNR (dB)", 2),
    Metric("ssim", "SSIM", 4),
    Metric("mabd_bt601", "MABD, BT.601", 3),
    Metric("mabd_bt709", "MABD, BT.709", 6),
    Metric("mabd_columns", "columns", 5),
)
COLOURS: Final = (
    Metric("delta_e", "Delta E", 2),
    Metric("hue_shift", "hue shift (°)", 1),
    Metric("cast_a", "a* (red)", 2),
    Metric("cast_b", "b* (yellow)", 2),
    Metric("amplification_error", "amplification", 3),
)


def render(
    study: Findings,
    drawn: Sequence[Drawn],
    albums: Sequence[Album],
    sheets: Sequence[SheetPicture],
    films: Sequence[Film] = (),
    cameras: Sequence[tuple[str, Sequence[Drawn]]] = (),
) -> str:
    """Fill the page; `cameras` are names and figures of their profiles."""
    curves, overview, maps = (
        [one for one in drawn if one.name.startswith(name)] for name in (CURVES, OVERVIEW, MAPS)
    )
    filmed = [one for one in study.evaluations if one.evaluation.videos is not None]
    sections = [
        ("training", "Training", study.runs),
        ("evaluations", "Evaluations", study.evaluations),
        ("colour", "Colour casts", study.evaluations),
        ("exposures", "ISO by shutter", maps or sheets),
        ("videos", "Videos", filmed),
        ("pictures", "Pictures", albums),
        ("cameras", "Noise of cameras", cameras),
        ("made", "Data, settings, versions", True),
    ]
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["value"] = value_text
    template = environment.from_string(_asset("page.html.j2"))
    return template.render(
        study=study,
        lead=_lead(study),
        css=Markup(_asset("page.css")),  # noqa: S704 - ships with rawkit
        js=Markup(_asset("page.js")),  # noqa: S704 - ships with rawkit
        sections=[(name, title) for name, title, there in sections if there],
        curves=curves,
        overview=overview,
        maps=maps,
        metrics=METRICS,
        colours=COLOURS,
        sheets=sheets,
        albums=albums,
        filmed=filmed,
        films=films,
        video_metrics=VIDEOS,
        cameras=cameras,
    )


def _lead(study: Findings) -> str:
    parts = []
    if study.runs:
        parts.append(_count(len(study.runs), "training run"))
    if study.evaluations:
        pictures = sum(one.evaluation.overall.pictures for one in study.evaluations)
        parts.append(f"{_count(len(study.evaluations), 'evaluation')} of {pictures} pictures")
    titles = ", ".join(store.title for store in study.stores)
    return " and ".join(parts) + (f", on {titles}." if titles else ".")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _asset(name: str) -> str:
    return (files("rawkit.report") / "assets" / name).read_text("utf-8")
