"""Figures of a study, drawn with matplotlib; each may be saved as PNG and SVG or put into a page.

Nothing here touches matplotlib's global state: figures are made without pyplot, and parameters are
set for the time of one drawing alone.
"""

from __future__ import annotations

import io
import re
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from rawkit.evaluate import CurveRow
    from rawkit.report.runs import Run

INK, FAINT = "#1b1f24", "#8a9099"
COLOURS: Final = ("#0a7fc4", "#e08a00", "#0b9e76", "#d1495b", "#8a63d2", "#6b7280")
"""Told apart in greys and by the colour-blind, on white and on black."""
_MARKERS: Final = "osD^vP"
_DPI = 160
_POINTS = 10.0
"""Points of a drawing that are one rem of a page: letters of 8 points are then 0.8 rem."""
_SALT = "rawkit"
_LABEL_WIDTH = 24
"""Letters of a line of a label."""
Published = tuple[str, float]
"""Method, and the figure that it published."""
_VARIABLES = {INK: "currentColor", FAINT: "var(--faint, #8a9099)"}


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Means by exposure and ISO."""

    exposures: tuple[float, ...]
    """Rows, seconds, ascending."""
    isos: tuple[float, ...]
    """Columns, ISO speeds, ascending."""
    values: NDArray[np.float64]
    """Means, shape (exposures, isos); NaN where there is no picture."""


def curve(runs: Sequence[Run], name: str, unit: str, published: Sequence[Published]) -> Figure:
    """Draw ``psnr`` or ``ssim`` over the steps of each run, published figures as dashed lines."""
    figure = Figure(figsize=(5.2, 3.5), layout="constrained")
    axes = figure.subplots()
    shares = len({run.label for run in runs}) == len(runs)
    for number, run in enumerate(runs):
        axes.plot(
            [point.step for point in run.points],
            [getattr(point, name) for point in run.points],
            color=COLOURS[number % len(COLOURS)],
            marker=_MARKERS[number % len(_MARKERS)],
            markersize=4,
            linewidth=1.6,
            label=run.label if shares else run.name,
        )
    _across(axes, published)
    axes.set_xlabel("steps")
    axes.set_ylabel(unit)
    style(axes)
    legend = figure.legend(
        loc="outside upper left", frameon=False, fontsize=8, labelcolor=INK,
        ncols=6 if shares else 2, title="share of the data" if shares else "run",
        alignment="left", title_fontsize=8,
    )  # fmt: skip
    legend.get_title().set_color(INK)
    return figure


def heat_map(found: HeatMap, unit: str, low: float, high: float) -> Figure:
    """Draw means by exposure (down) and ISO (across), each cell with its number.

    Colours go from `low` to `high`, so that several maps can be compared.
    """
    rows, columns = found.values.shape
    figure = Figure(figsize=(1.6 + 0.85 * columns, 1.2 + 0.5 * rows), layout="constrained")
    axes = figure.subplots()
    span = high - low or 1.0
    axes.imshow(np.ma.masked_invalid(found.values), cmap="cividis", aspect="auto", vmin=low,
                vmax=low + span)  # fmt: skip
    for (row, column), value in np.ndenumerate(found.values):
        if np.isfinite(value):
            bright = (value - low) / span > 0.6  # noqa: PLR2004 - cividis is light from there up
            axes.text(column, row, f"{value:.1f}", ha="center", va="center", fontsize=8,
                      color="#000000" if bright else "#ffffff")  # fmt: skip
    axes.set_xticks(range(columns), [f"{iso:g}" for iso in found.isos])
    axes.set_yticks(range(rows), [f"{seconds:g} s" for seconds in found.exposures])
    axes.set_xlabel("ISO")
    axes.set_title(unit, fontsize=9, color=INK, loc="left")
    style(axes, grid=False)
    return figure


def brightness(rows: Sequence[CurveRow]) -> Figure:
    """Draw how bright the frames of a video are, and how much changes between neighbours.

    `rows` are of one video and one definition, by their frames; the truth is dashed.
    """
    figure = Figure(figsize=(5.2, 3.6), layout="constrained")
    upper, lower = figure.subplots(2, sharex=True)
    frames = [row.frame for row in rows]
    for axes, names in ((upper, ("output", "truth")), (lower, ("output_step", "truth_step"))):
        for name, title, colour, dashes in zip(
            names, ("restored", "truth"), (COLOURS[0], INK), ("-", "--"), strict=True
        ):
            values = [getattr(row, name) for row in rows]
            known = [np.nan if one is None else one for one in values]
            label = title if axes is upper else None
            axes.plot(frames, known, color=colour, linestyle=dashes, linewidth=1.4, label=label)
    upper.set_ylabel("brightness")
    lower.set_ylabel("MABD")
    lower.set_xlabel("frame")
    for axes in (upper, lower):
        style(axes)
        # A range of nothing would blow up rounding.
        low, high = axes.get_ylim()
        middle, half = (low + high) / 2, max((high - low) / 2, 1.0)
        axes.set_ylim(middle - half, middle + half)
    figure.legend(loc="outside upper left", frameon=False, fontsize=8, labelcolor=INK, ncols=2)
    return figure


def intervals(
    labels: Sequence[str],
    means: Sequence[tuple[float, float | None, float | None]],
    unit: str,
) -> Figure:
    """Draw means with their intervals, one below the other; an interval may be None."""
    wrapped = [textwrap.fill(label, _LABEL_WIDTH) for label in labels]
    lines = sum(1 + label.count("\n") for label in wrapped)
    figure = Figure(figsize=(5.6, 0.8 + 0.3 * len(labels) + 0.14 * lines), layout="constrained")
    axes = figure.subplots()
    for number, (mean, low, high) in enumerate(means):
        colour = COLOURS[0]
        if low is not None and high is not None:
            axes.plot([low, high], [number, number], color=colour, linewidth=2, alpha=0.6)
        axes.plot([mean], [number], marker="o", color=colour, markersize=5)
        axes.annotate(f"{mean:.2f}", (mean, number), xytext=(0, 6), textcoords="offset points",
                      ha="center", fontsize=7, color=INK)  # fmt: skip
    axes.set_yticks(range(len(labels)), wrapped)
    axes.set_ylim(len(labels) - 0.5, -0.7)
    axes.set_xlabel(unit)
    style(axes)
    return figure


def _across(axes: Axes, lines: Sequence[Published]) -> None:
    """Draw dashed lines, and name each at the right end of its own, apart from one another."""
    if not lines:
        return
    ordered = sorted(lines, key=lambda line: line[1])
    for _, value in ordered:
        axes.axhline(value, color=FAINT, linewidth=0.9, linestyle=(0, (4, 3)))
    low, high = axes.get_ylim()
    apart, last = (high - low) * 0.05, -np.inf
    for label, value in ordered:
        place = max(value, last + apart)
        axes.annotate(
            f"{label} {value:g}", (1.0, place), xycoords=("axes fraction", "data"),
            xytext=(4, 0), textcoords="offset points", va="center", fontsize=7, color=FAINT,
            annotation_clip=False,
        )  # fmt: skip
        last = place


def style(axes: Axes, *, grid: bool = True) -> None:
    """Draw axes as all figures of a page have them."""
    axes.set_facecolor("none")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=8, color=FAINT)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(INK)
        label.set_fontsize(9)
    if grid:
        axes.grid(visible=True, axis="y", color=FAINT, alpha=0.25, linewidth=0.6)
        axes.set_axisbelow(True)


def png(figure: Figure) -> bytes:
    """Encode as PNG on white."""
    sink = io.BytesIO()
    figure.savefig(sink, format="png", dpi=_DPI, facecolor="white", metadata={"Software": None})
    return sink.getvalue()


def svg(figure: Figure) -> bytes:
    """Encode as SVG on white, text as text, the same bytes for the same figure."""
    return _svg(figure, "white")


def inline_svg(figure: Figure, label: str) -> str:
    """Make an SVG element for a page: it takes the page's ink, and says what it shows.

    The element has no identifiers but ones that begin with a hash of its own contents, so several
    of them can stand in one page.
    """
    text = _svg(figure, "none").decode()
    text = text[text.index("<svg") :]
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, variable)
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    head, rest = text.split(">", 1)
    width = float(re.search(r'\swidth="([\d.]+)pt"', head)[1]) / _POINTS  # type: ignore[index]
    head = re.sub(r'\s(width|height)="[^"]*"', "", head)
    about = f'role="img" aria-label="{_escaped(label)}" style="width: {width:.1f}rem"'
    return f"{head} {about}>{rest}"


def _svg(figure: Figure, background: str) -> bytes:
    sink = io.BytesIO()
    # Texts differ from figure to figure, so do the hashes that name clip paths and markers.
    salt = _SALT + "".join(text.get_text() for text in figure.findobj(mpl.text.Text))
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}):
        figure.savefig(
            sink, format="svg", facecolor=background, metadata={"Date": None, "Creator": None}
        )
    return sink.getvalue()


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
