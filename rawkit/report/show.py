"""What a store holds, to look at: a chart of its frames, and a contact sheet of a scene."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from rawkit.catalog.select import is_named
from rawkit.errors import MissingError
from rawkit.progress import SILENT
from rawkit.report.sheet import Cell, contact_sheet
from rawkit.restore.profile import encoded_of
from rawkit.sensor.cells import BAYER, XTRANS
from rawkit.workspace import listed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from rawkit.progress import Progress
    from rawkit.store import FrameRow, Store

_WIDTH = 200
"""Columns of a picture of a sheet, in pixels."""
_GREY = 0.18
"""Mean linear light of a picture without a long."""
_BLANK = 235

Place = tuple[float, float]
"""Seconds and ISO, nominal; infinite where unknown, so that it comes last."""


def place_of(row: FrameRow) -> Place:
    """Seconds to two digits and ISO, as a photographer would name them."""
    seconds = float(f"{row.exposure_time:.2g}") if row.exposure_time else math.inf
    return seconds, round(row.iso) if row.iso else math.inf


@dataclass(frozen=True, slots=True)
class Chart:
    """Frames by exposure and ISO."""

    isos: tuple[float, ...]
    """Columns; infinite is unknown."""
    rows: tuple[tuple[str, float, tuple[int, ...]], ...]
    """Role, seconds, and frames of each ISO; short before long, the shortest first."""


def chart_of(rows: Iterable[FrameRow]) -> Chart:
    """Count frames by role, exposure and ISO."""
    counts = Counter((row.role, *place_of(row)) for row in rows)
    isos = tuple(sorted({iso for _, _, iso in counts}))
    lines = sorted({(role != "short", seconds, role) for role, seconds, _ in counts})
    return Chart(
        isos,
        tuple(
            (role, seconds, tuple(counts[role, seconds, iso] for iso in isos))
            for _, seconds, role in lines
        ),
    )


@dataclass(frozen=True, slots=True)
class Sheet:
    """A contact sheet."""

    scene: str
    """The scene it shows."""
    picture: NDArray[np.uint8]
    """RGB, shape (height, width, 3)."""


def scene_sheet(store: Store, scene: str | None = None, progress: Progress = SILENT) -> Sheet:
    """Draw a scene: a row for each view and exposure, a column for each ISO, the long at the end.

    `scene` is its name, its last part, or a pattern; the first that fits, or that there is. The
    pictures are made of the packed planes, each as bright as the long of its view.

    Raises
    ------
    MissingError
        If the store has no such scene.
    StoreDamagedError
        If a frame of it is damaged.
    """
    scenes = sorted({row.scene for row in store.rows})
    found = next((one for one in scenes if scene is None or is_named(one, [scene])), None)
    if found is None:
        raise MissingError(
            f"no scene {scene}", expected=f"one of {listed(scenes)}", where=store.path
        )
    groups: dict[str, list[FrameRow]] = defaultdict(list)
    for row in store.rows:
        if row.scene == found:
            groups[row.group].append(row)
    name = max(sorted(groups), key=lambda one: len(groups[one]))
    shorts = [row for row in groups[name] if row.role == "short"]
    isos = sorted({place_of(row)[1] for row in shorts})
    views = sorted({row.view for row in groups[name]})
    lines: list[list[Cell]] = []
    with progress.stage("Drawing", len(groups[name]), "frames") as advance:
        for view in views:
            rows = [row for row in groups[name] if row.view == view]
            lines += _view(store, rows, isos)
            advance(len(rows))
    about = f"{name}: {len(groups[name])} frames, {len(views)} view(s), brightness matched"
    headings = [*(f"ISO {_number(iso)}" for iso in isos), "long"]
    return Sheet(found, contact_sheet(f"{store.collection} {found}", about, headings, lines))


def _view(store: Store, rows: list[FrameRow], isos: list[float]) -> list[list[Cell]]:
    """Draw the frames of a view, a line for each exposure."""
    longs = sorted((row for row in rows if row.role == "long"), key=lambda row: -place_of(row)[0])
    truth = _light(store, longs[0]) if longs else None
    wanted = None if truth is None else max(float(truth.mean()), 1e-6)
    at: dict[Place, list[FrameRow]] = defaultdict(list)
    for row in rows:
        if row.role == "short":
            at[place_of(row)].append(row)
    if truth is not None:
        long_cell = Cell(_picture(truth, None), f"{_number(place_of(longs[0])[0])} s")
        shape = truth.shape
    else:
        shape = _light(store, rows[0]).shape
    blank = Cell(np.full(shape, _BLANK, np.uint8), "")
    lines = []
    for number, seconds in enumerate(sorted({seconds for seconds, _ in at}) or [math.inf]):
        line = []
        for iso in isos:
            here = at.get((seconds, iso))
            if not here:
                line.append(blank)
                continue
            more = f", 1 of {len(here)}" if len(here) > 1 else ""
            picture = _picture(_light(store, here[0]), wanted or _GREY)
            line.append(Cell(picture, f"{_number(seconds)} s{more}"))
        lines.append([*line, long_cell if truth is not None and number == 0 else blank])
    return lines


def _light(store: Store, row: FrameRow) -> NDArray[np.float32]:
    """Linear light of a frame, white balanced, small: (height, width, 3), 0 to 1."""
    planes = store.groups[row.group].read("packed", row.index)
    cell = BAYER if len(planes) == BAYER.planes else XTRANS
    size = (_WIDTH, max(1, round(_WIDTH * planes.shape[1] / planes.shape[2])))
    light = np.zeros((size[1], size[0], 3), np.float32)
    for plane, black, balance, colour in zip(
        planes, row.black_level, row.white_balance, cell.colours, strict=True
    ):
        small = cv2.resize(plane.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        light[..., colour] += (small - black) * (balance / (row.white_level - black))
    light /= np.bincount(cell.colours)
    return np.clip(light, 0, 1)  # what saturates before the others is white, not coloured


def _picture(light: NDArray[np.float32], wanted: float | None) -> NDArray[np.uint8]:
    """Picture of 8 bits, amplified to a mean linear light."""
    gain = 1.0 if wanted is None else wanted / max(float(light.mean()), 1e-6)
    encoded = encoded_of(np.clip(light * gain, 0, 1).astype(np.float64))
    return np.round(encoded * 255).astype(np.uint8)


def _number(value: float) -> str:
    return f"{value:g}" if math.isfinite(value) else "unknown"
