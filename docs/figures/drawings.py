"""Draw the figures of docs/explanation that explain how things work: ``make drawings``.

They are SVG of a few shapes and words, so they need no program to be drawn and are the same
everywhere. What the drawing of lanes shows is an epoch as `rawkit.stream` plans it.
"""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

from rawkit.stream import EpochPlan, FrameShape, PlanSettings
from rawkit.stream.settings import LANES

FOLDER = Path(__file__).resolve().parents[1] / "explanation"
INK, PALE, ACCENT = "#263238", "#cfd8dc", "#e64a19"
TONES = ("#1e88e5", "#43a047", "#fb8c00", "#8e24aa", "#00897b", "#d81b60")


class Drawing:
    """A white card that shapes are put on."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self._size, self._title = (width, height), title
        self._parts: list[str] = []

    def box(self, at: tuple[float, float, float, float], fill: str, *,
            stroke: str = "none", round_by: float = 4) -> None:  # fmt: skip
        """Put a rectangle of left, top, width, height."""
        left, top, width, height = at
        self._parts.append(
            f'<rect x="{left:g}" y="{top:g}" width="{width:g}" height="{height:g}" '
            f'rx="{round_by:g}" fill="{fill}" stroke="{stroke}"/>'
        )

    def text(self, left: float, top: float, words: str, *, size: int = 13,
             anchor: str = "start", fill: str = INK, bold: bool = False) -> None:  # fmt: skip
        """Put a line of words, whose foot is at `top`."""
        weight = ' font-weight="600"' if bold else ""
        self._parts.append(
            f'<text x="{left:g}" y="{top:g}" font-size="{size}" text-anchor="{anchor}" '
            f'fill="{fill}"{weight}>{escape(words)}</text>'
        )

    def line(self, points: list[tuple[float, float]], *, stroke: str = INK, width: float = 1.5,
             arrow: bool = False, dashed: bool = False) -> None:  # fmt: skip
        """Put a line through some points."""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        more = ' marker-end="url(#arrow)"' if arrow else ""
        more += ' stroke-dasharray="5 4"' if dashed else ""
        self._parts.append(
            f'<polyline points="{path}" fill="none" stroke="{stroke}" '
            f'stroke-width="{width:g}"{more}/>'
        )

    def dot(self, x: float, y: float, fill: str, radius: float = 5) -> None:
        """Put a dot."""
        self._parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="{fill}"/>')

    def svg(self) -> str:
        """Return the file."""
        width, height = self._size
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" font-family="sans-serif" role="img">'
        )
        arrow = (
            '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" '
            f'markerHeight="7" orient="auto"><path d="M0 0L10 5L0 10z" fill="{INK}"/>'
            "</marker></defs>"
        )
        title = f"<title>{escape(self._title)}</title>"
        card = f'<rect width="{width}" height="{height}" rx="8" fill="#ffffff"/>'
        return "\n".join([head, title, arrow, card, *self._parts, "</svg>\n"])


def way_of_data() -> Drawing:
    """Draw what is made of what, and the package that makes it."""
    drawing = Drawing(860, 372, "The way of the data")
    there = (
        ("raw files", "folder, zip, tar, server", ""),
        ("catalog", "a table of names and EXIF", "source, catalog"),
        ("store", "zarr: planes, targets, levels", "sensor, ingest, store"),
        ("subset", "a table of chosen frames", "subset"),
    )
    back = (
        ("figures", "tables, means, intervals", "evaluate"),
        ("pictures", "PNG, JPEG, TIFF; manifest", "restore, pictures"),
        ("run", "checkpoints, metrics", "models, train"),
        ("batches", "crops of integers, levels", "stream"),
    )
    lefts = (30, 240, 450, 660)
    for row, top in zip((there, back), (50, 180), strict=True):
        for left, (name, what, package) in zip(lefts, row, strict=True):
            drawing.box((left, top, 170, 62), "#eceff1", stroke=INK, round_by=6)
            drawing.text(left + 85, top + 26, name, size=16, anchor="middle", bold=True)
            drawing.text(left + 85, top + 47, what, size=11, anchor="middle")
            drawing.text(left + 85, top - 9, package, size=12, anchor="middle", fill=ACCENT)
    for left in lefts[:3]:
        drawing.line([(left + 170, 81), (left + 208, 81)], arrow=True)
        drawing.line([(left + 210, 211), (left + 172, 211)], arrow=True)
    drawing.line([(800, 112), (800, 178)], arrow=True)
    # Raw files that are restored come from anywhere, frames also from the store.
    drawing.line([(115, 112), (115, 138), (262, 138), (262, 178)], arrow=True, dashed=True)
    drawing.text(125, 132, "to be restored", size=11)
    drawing.line([(480, 112), (480, 138), (388, 138), (388, 178)], arrow=True, dashed=True)
    drawing.text(392, 132, "or stored frames", size=11)
    drawing.line([(115, 242), (115, 300)], arrow=True)
    drawing.box((30, 302, 170, 46), "#eceff1", stroke=INK, round_by=6)
    drawing.text(115, 330, "page of a study", size=14, anchor="middle", bold=True)
    drawing.text(210, 330, "report", size=12, fill=ACCENT)
    drawing.text(300, 318, "pipeline runs the steps of a study, cli and demo call them;", size=12)
    drawing.text(300, 337, "each step leaves a file, so each can be stopped, repeated, replaced.",
                 size=12)  # fmt: skip
    return drawing


def windows() -> Drawing:
    """Draw a frame, its chunks, a window of them, and the crops taken from it."""
    drawing = Drawing(760, 340, "A frame, its chunks, a window of 4x4 of them and its four crops")
    left, top, side = 40, 50, 42
    for row in range(6):
        for column in range(8):
            drawing.box((left + column * side, top + row * side, side, side), "#fafafa",
                        stroke=PALE, round_by=0)  # fmt: skip
    drawing.text(left, top - 14, "a frame of 12 MP: 6 x 8 chunks, each compressed apart")
    at = (left + 2 * side, top + side)
    drawing.box((*at, 4 * side, 4 * side), "none", stroke=ACCENT, round_by=0)
    for tone, (x, y) in zip(TONES, ((6, 10), (62, 20), (20, 66), (70, 76)), strict=False):
        drawing.box((at[0] + x, at[1] + y, 84, 84), "none", stroke=tone, round_by=0)
    drawing.line([(at[0] + 4 * side, at[1] + 40), (440, 90)], stroke=ACCENT)
    for number, words in enumerate((
        "a window: 4 x 4 chunks at a random place.",
        "Its chunks are read and decoded once,",
        "its 4 crops cut while they are.",
    )):  # fmt: skip
        drawing.text(446, 88 + 19 * number, words)
    drawing.line([(at[0] + 154, at[1] + 140), (440, 190)], stroke=TONES[3])
    for number, words in enumerate((
        "A crop lies anywhere in the window,",
        "not along chunks. Crops of one window",
        "go to batches that lie far apart.",
    )):  # fmt: skip
        drawing.text(446, 188 + 19 * number, words)
    return drawing


def lanes() -> Drawing:
    """Draw when the windows of three lanes live, and which gives each sample; as planned."""
    settings = PlanSettings(crop=64, live_windows=3 * LANES, seed=3)
    plan = EpochPlan([FrameShape(1424, 2128, (238, 266))] * 48, settings, 0)
    crops, live = settings.crops_per_window, settings.live_windows // LANES
    numbers = plan.window_numbers().reshape(-1, LANES)
    shown, first, last = range(2, 9), 12, 37
    step, left, high = 26.0, 96.0, 11.0
    drawing = Drawing(800, 446, "Three of eight lanes: when windows live, and their crops")
    drawing.text(14, 24, "each lane gives one crop of each batch of 8; batches follow to the right")
    for lane in range(3):
        top = 46 + lane * 122.0
        drawing.text(14, top + 54, f"lane {lane}", bold=True)
        for row, window in enumerate(shown):
            tone, y = TONES[window % len(TONES)], top + 15 * row
            # While k windows live a lane gives m crops in the time of one; it began with fewer.
            begin = max(first, crops * window - crops * (live - 1) // 2)
            end = min(last, crops * (window + live) - crops * (live - 1) // 2)
            drawing.box((left + (begin - first) * step, y, (end - begin) * step, high), tone + "33")
            drawing.text(left - 8, y + 10, f"{window}", size=10, anchor="end", fill=tone)
            for moment in range(first, last):
                if numbers[moment, lane] == window * LANES + lane:
                    x = left + (moment - first + 0.5) * step
                    drawing.dot(x, y + high / 2, tone, 4.5)
    for moment in (19, 20):
        x = left + (moment - first + 0.5) * step
        drawing.box((x - 11, 38, 22, 364), "none", stroke=INK, round_by=8)
    drawing.text(left + 8 * step, 424, "two batches: a crop of each lane", size=12, anchor="middle")
    return drawing


def seams() -> Drawing:
    """Draw a crop that lies across four chunks, and how the rows on its seam are stored."""
    drawing = Drawing(760, 300, "A crop across four chunks, and what waits at their seam")
    left, top, side = 40, 50, 100
    for number, (row, column) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        drawing.box((left + column * side, top + row * side, side, side), TONES[number] + "22",
                    stroke=PALE, round_by=0)  # fmt: skip
        drawing.text(left + column * side + 6, top + row * side + 16, f"chunk {number}", size=11)
    drawing.box((left + 37, top + 42, 118, 118), "none", stroke=ACCENT, round_by=0)
    drawing.text(left, top - 14, "a crop meets four chunks at any pixel")
    x, y, cell = 330.0, 92.0, 22.0
    drawing.text(x, top - 14, "one row of the crop in its batch, in lines of the cache")
    for line in range(4):
        drawing.box(
            (x + line * 4.5 * cell, y, 4.5 * cell - 4, 30), "#ffffff", stroke=INK, round_by=0
        )
    seam = x + 6.6 * cell
    drawing.box((x + 1, y + 1, 4.5 * cell - 6, 28), TONES[0] + "66", round_by=0)
    drawing.box(
        (x + 4.5 * cell + 1, y + 1, seam - x - 4.5 * cell - 1, 28), ACCENT + "77", round_by=0
    )
    drawing.box((seam, y + 1, x + 9 * cell - 5 - seam, 28), TONES[1] + "66", round_by=0)
    drawing.box((x + 9 * cell + 1, y + 1, 4.5 * cell - 6, 28), TONES[1] + "66", round_by=0)
    drawing.box((x + 13.5 * cell + 1, y + 1, 3 * cell, 28), TONES[1] + "66", round_by=0)
    drawing.line([(seam, y - 8), (seam, y + 40)], dashed=True)
    drawing.text(seam, y + 54, "seam", size=11, anchor="middle")
    for number, (tone, words) in enumerate((
        (TONES[0], "from chunk 0: whole lines, stored past the caches at once"),
        (ACCENT, "its end waits, less than a line, until chunk 1 goes on with it"),
        (TONES[1], "from chunk 1: the line is whole, and stored once"),
    )):  # fmt: skip
        drawing.box((x, 172 + 26 * number, 14, 14), tone + "77", round_by=2)
        drawing.text(x + 22, 184 + 26 * number, words, size=12)
    return drawing


DRAWINGS = {
    "way-of-data.svg": way_of_data,
    "stream-windows.svg": windows,
    "stream-lanes.svg": lanes,
    "stream-seams.svg": seams,
}
"""What is drawn, by the name of its file."""

if __name__ == "__main__":
    for name, draw in DRAWINGS.items():
        (FOLDER / name).write_text(draw().svg(), "utf-8")
