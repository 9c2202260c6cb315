"""The page of a camera's profile: photon transfer, probability plots, maps of dark shading."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

import rawkit
from rawkit.files import write_atomically
from rawkit.report import figures
from rawkit.report.camera import describe_profile
from rawkit.report.draw import Drawn

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.noise import CameraProfile

_MOST_ISOS = 6
_MAP = 96
"""Rows and columns of a map, at most."""


@dataclass(frozen=True, slots=True)
class CameraPage:
    """What was written."""

    page: Path
    """The HTML file."""
    bytes: int
    """Its size."""
    figures: tuple[Path, ...]
    """Each figure as PNG and as SVG."""


def write_camera_page(
    profile: CameraProfile, page: Path, *, figure_folder: Path | None = None
) -> CameraPage:
    """Write a profile as one HTML file that loads nothing, and its figures if asked for.

    Raises
    ------
    OutputError
        If something cannot be written.
    """
    drawn = draw_profile(profile)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    template = environment.from_string(_asset("camera.html.j2"))
    text = template.render(
        camera=profile.camera,
        about=describe_profile(profile),
        version=rawkit.__version__,
        css=Markup(_asset("page.css")),  # noqa: S704 - ships with rawkit
        drawn=drawn,
    )
    write_atomically(page, text.encode())
    saved = []
    for one in drawn if figure_folder is not None else ():
        for ending, data in ((".png", figures.png(one.figure)), (".svg", figures.svg(one.figure))):
            path = figure_folder / f"{one.name}{ending}"  # type: ignore[operator]  # not None here
            write_atomically(path, data)
            saved.append(path)
    return CameraPage(page, len(text.encode()), tuple(saved))


def draw_profile(profile: CameraProfile) -> list[Drawn]:
    """Draw what there is: photon transfer, a probability plot each ISO, shading each range."""
    drawn = []
    if any(len(one.transfer) for one in profile.curves):
        caption = "Photon transfer: variance over the mean above black; lines have the slope K."
        drawn.append(Drawn("transfer", caption, _transfer(profile)))
    if any(one.probability.size for one in profile.curves):
        caption = (
            "Probability plots of read noise: quantiles found over those of the Tukey lambda "
            "distribution fitted, of the first plane; on the line it is that distribution."
        )
        drawn.append(Drawn("probability", caption, _probability(profile)))
    for one in profile.ranges:
        caption = (
            f"Dark shading at ISO {one.high:g}, DN, of the first plane, in the range of ISO "
            f"{one.low:g} to {one.high:g}."
        )
        drawn.append(Drawn(f"shading-{one.high:g}", caption, _shading(profile, one.high)))
    return drawn


def _transfer(profile: CameraProfile) -> Figure:
    figure = Figure(figsize=(5.2, 3.7), layout="constrained")
    axes = figure.subplots()
    for number, one in enumerate(profile.curves[:_MOST_ISOS]):
        colour = figures.COLOURS[number % len(figures.COLOURS)]
        lit = one.transfer[one.transfer[:, 1] > 0]
        axes.scatter(lit[:, 1], lit[:, 2], s=9, color=colour, label=f"ISO {one.iso:g}")
        gain = profile.at(one.iso).gain.mean()
        floor = float(one.transfer[one.transfer[:, 1] <= 0, 2].mean())
        x = np.geomspace(1, max(float(lit[:, 1].max()) if len(lit) else 100.0, 10.0), 60)
        axes.plot(x, floor + gain * x, color=colour, linewidth=1)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("mean above black (DN)")
    axes.set_ylabel("variance (DN²)")
    figures.style(axes)
    _legend(figure)
    return figure


def _probability(profile: CameraProfile) -> Figure:
    figure = Figure(figsize=(5.2, 3.7), layout="constrained")
    axes = figure.subplots()
    for number, one in enumerate(profile.curves[:_MOST_ISOS]):
        if not one.probability.size:
            continue
        colour = figures.COLOURS[number % len(figures.COLOURS)]
        expected, found = one.probability[0]
        scale = profile.at(one.iso).read_scale[0]
        axes.plot(expected, found / scale, ".", markersize=3, color=colour,
                  label=f"ISO {one.iso:g}")  # fmt: skip
        ends = np.array([expected[0], expected[-1]])
        axes.plot(ends, ends, color=figures.FAINT, linewidth=0.8)
    axes.set_xlabel("quantile of the distribution fitted")
    axes.set_ylabel("quantile found / scale")
    figures.style(axes)
    _legend(figure)
    return figure


def _shading(profile: CameraProfile, iso: float) -> Figure:
    y, x, _ = profile.mosaic.positions()[0]
    side = profile.mosaic.cell.side
    plane = profile.shading(iso)[y::side, x::side]
    down, across = (max(1, size // _MAP) for size in plane.shape)
    rows, columns = plane.shape[0] // down, plane.shape[1] // across
    small = plane[: rows * down, : columns * across].reshape(rows, down, columns, across)
    values = small.mean(axis=(1, 3))
    figure = Figure(figsize=(4.6, 3.2), layout="constrained")
    axes = figure.subplots()
    drawn = axes.imshow(values, cmap="cividis", interpolation="nearest",
                        aspect=down / across)  # fmt: skip
    bar = figure.colorbar(drawn, ax=axes, shrink=0.85)
    bar.ax.tick_params(colors=figures.INK, labelsize=8)
    axes.set_title(f"ISO {iso:g} (DN)", fontsize=9, color=figures.INK, loc="left")
    axes.set_xticks([])
    axes.set_yticks([])
    figures.style(axes, grid=False)
    return figure


def _legend(figure: Figure) -> None:
    figure.legend(
        loc="outside upper left", frameon=False, fontsize=8, labelcolor=figures.INK, ncols=6
    )


def _asset(name: str) -> str:
    return (files("rawkit.report") / "assets" / name).read_text("utf-8")
