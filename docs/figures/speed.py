"""Measure time against quality, for docs/how-to/choose-a-network.md: its table and its curve.

    PYTHONPATH=. python docs/figures/speed.py [FOLDER]

trains every network on a look-alike (minutes each; what is in FOLDER already is kept), restores
its held-out frames and times single frames, all as `make bench` does. Puts the table into the page
and draws the curve. To be run while the machine does nothing else. Needs the extra openvino.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from matplotlib.figure import Figure

from rawkit.report.figures import COLOURS, FAINT, INK, svg
from tests.bench.curve import SIZES, THREADS, WAYS, Point, measured, ways_here

if TYPE_CHECKING:
    from collections.abc import Sequence

PAGE = Path(__file__).parents[1] / "how-to" / "choose-a-network.md"
OUTPUT = PAGE.with_name("speed.svg")
_IMAGE = (
    "![PSNR over the CPU time of a frame of 1280x720, for each network and backend](speed.svg)\n\n"
)
_BEGIN, _END = "<!-- measured -->", "<!-- until here -->"
FRAME_MS = 1000 / 30
_MARKERS = dict(zip(WAYS, "oDsP", strict=True))


def rows(points: Sequence[Point]) -> str:
    """Return the table of the page."""
    heads = [f"{size}, ms" for size in SIZES] + [f"{size}, CPU ms" for size in SIZES]
    lines = [f"| network | backend | PSNR, dB | {' | '.join(heads)} |"]
    lines.append("|---|---|" + "---:|" * (1 + len(heads)))
    for one in points:
        times = [*one.wall.values(), *one.cpu.values()]
        cells = [f"`{one.network}`".replace(", untaught`", "`, untaught"), one.way]
        cells += [f"{one.psnr:.2f}", *(f"{value:.0f}" for value in times)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def place(table: str) -> None:
    """Put curve and table between the marks of the page."""
    before, rest = PAGE.read_text("utf-8").split(_BEGIN)
    _, after = rest.split(_END)
    PAGE.write_text(f"{before}{_BEGIN}\n\n{_IMAGE}{table}\n\n{_END}{after}", "utf-8")


def curve(points: Sequence[Point]) -> Figure:
    """Draw PSNR over the CPU time of a frame of 720p."""
    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    axes = figure.subplots()
    for number, network in enumerate(dict.fromkeys(one.network for one in points)):
        own = sorted(
            (one for one in points if one.network == network), key=lambda one: one.cpu["720p"]
        )
        colour = COLOURS[number % len(COLOURS)]
        axes.plot([one.cpu["720p"] for one in own], [one.psnr for one in own], color=colour,
                  linewidth=1.2, label=network)  # fmt: skip
        for one in own:
            axes.plot(one.cpu["720p"], one.psnr, marker=_MARKERS[one.way], color=colour)
    for way in ways_here():
        axes.plot([], [], marker=_MARKERS[way], color=FAINT, linestyle="none", label=way)
    axes.axvline(THREADS * FRAME_MS, color=FAINT, linestyle="--", linewidth=1)
    axes.annotate("30 a second on two cores", (THREADS * FRAME_MS, 0.02), rotation=90, fontsize=7,
                  xycoords=("data", "axes fraction"), color=INK, ha="right")  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlabel("CPU milliseconds of a frame of 1280x720", color=INK)
    axes.set_ylabel("PSNR on a look-alike, dB", color=INK)
    figure.legend(loc="outside right upper", frameon=False, fontsize=8, labelcolor=INK)
    return figure


def main(folder: str | None = None) -> None:
    """Measure, write and draw."""
    torch.set_num_threads(THREADS)
    with tempfile.TemporaryDirectory() as temporary:
        points = measured(Path(folder or temporary))
    place(rows(points))
    OUTPUT.write_bytes(svg(curve(points)))


if __name__ == "__main__":
    main(*sys.argv[1:])
