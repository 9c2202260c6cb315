"""What there is, to look at: a chart of frames by exposure, and a contact sheet of a scene.

Frames come from a store, or from the raw files of a collection that is not ingested yet.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import cv2
import numpy as np

from rawkit.catalog import is_named, levels_of, read_video_frame
from rawkit.errors import MissingError, RawFileError, UnreadableError
from rawkit.pictures import encoded_of
from rawkit.progress import SILENT
from rawkit.report.sheet import SheetCell, contact_sheet
from rawkit.sensor import BAYER, XTRANS, Exposure, open_raw, pack
from rawkit.store import codes_of, exposure_of
from rawkit.workspace import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from rawkit.catalog import Catalog, Entry
    from rawkit.progress import Advance, Progress
    from rawkit.store import FrameRow, Store

_WIDTH = 200
"""Columns of a picture of a sheet, in pixels."""
_GREY = 0.18
"""Mean linear light of a picture without a long."""
_BLANK = 235

Setting = tuple[float, float]
"""Seconds and ISO, nominal; infinite where unknown, so that it comes last."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A frame to show, from a store or from a raw file."""

    role: str
    """``short`` or ``long``."""
    scene: str
    """Scene."""
    view: str
    """Camera position of the scene."""
    group: str
    """What pictures of one size have in common: camera, and geometry where it is known."""
    setting: Setting
    """Nominal exposure."""
    light: Callable[[], NDArray[np.float32]]
    """Makes its linear light, white balanced and small: (height, width, 3), 0 to 1."""


def nominal(exposure: Exposure) -> Setting:
    """Seconds to two digits and ISO, as a photographer would name them."""
    seconds = float(f"{exposure.seconds:.2g}") if exposure.seconds else math.inf
    return seconds, round(exposure.iso) if exposure.iso else math.inf


def shown_of_store(store: Store) -> list[Shown]:
    """All frames of a store; those whose pixels repeat others' show them."""
    return [_shown(store, row) for row in store.rows]


def shown_of_scene(store: Store, scene: str | None = None) -> list[Shown]:
    """Frames of one scene of a store, found as `scene_sheet` finds it; other rows are not read.

    Raises
    ------
    MissingError
        If there is no such scene.
    """
    codes, scenes = codes_of(store.frames.columns("scene"), "scene")
    found = _find_scene(sorted(scenes), scene, store.path)
    numbers = np.flatnonzero(codes == scenes.index(found))
    return [_shown(store, row) for row in store.frames.take(numbers)]


def _shown(store: Store, row: FrameRow) -> Shown:
    return Shown(
        row.role,
        row.scene,
        row.view,
        row.group,
        nominal(exposure_of(row)),
        partial(_light_of_row, store, row),
    )


def shown_of_catalog(catalog: Catalog) -> list[Shown]:
    """All frames of a catalog; their raw files are decoded when they are drawn."""
    return [
        Shown(
            entry.role,
            entry.scene,
            entry.view,
            entry.frame.model or "unknown camera",
            nominal(entry.frame.exposure),
            partial(_light_of_entry, catalog, entry),
        )
        for entry in catalog.entries
    ]


@dataclass(frozen=True, slots=True)
class Chart:
    """Frames by exposure and ISO."""

    isos: tuple[float, ...]
    """Columns; infinite is unknown."""
    rows: tuple[tuple[str, float, tuple[int, ...]], ...]
    """Role, seconds, and frames of each ISO; short before long, the shortest first."""


def chart_of(frames: Iterable[Shown]) -> Chart:
    """Count frames by role, exposure and ISO."""
    return _chart(Counter((one.role, *one.setting) for one in frames))


def _chart(counts: Counter[tuple[str, float, float]]) -> Chart:
    isos = tuple(sorted({iso for _, _, iso in counts}))
    lines = sorted({(role != "short", seconds, role) for role, seconds, _ in counts})
    return Chart(
        isos,
        tuple(
            (role, seconds, tuple(counts[role, seconds, iso] for iso in isos))
            for _, seconds, role in lines
        ),
    )


def chart_of_store(store: Store) -> Chart:
    """Count the frames of a store, as `chart_of` does, by its columns."""
    names = ["role", "exposure_time", "iso"]
    counted = store.frames.columns(*names).group_by(names).aggregate([([], "count_all")])
    counts: Counter[tuple[str, float, float]] = Counter()
    for one in counted.to_pylist():
        setting = nominal(Exposure(one["exposure_time"], one["iso"], None))
        counts[one["role"], *setting] += one["count_all"]
    return _chart(counts)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A contact sheet."""

    scene: str
    """The scene it shows."""
    picture: NDArray[np.uint8]
    """RGB, shape (height, width, 3)."""


def scene_sheet(
    frames: Sequence[Shown],
    scene: str | None = None,
    progress: Progress = SILENT,
    *,
    title: str,
    where: object = None,
) -> Sheet:
    """Draw a scene: a row for each view and exposure, a column for each ISO, the long at the end.

    `scene` is its name, its last part, or a pattern; the first that fits, or that there is. The
    pictures are made of the packed planes, each as bright as the long of its view. `title` is what
    the frames belong to, `where` they lie for messages. A raw file that cannot be decoded leaves
    its setting empty.

    Raises
    ------
    MissingError
        If there is no such scene.
    StoreDamagedError
        If a frame of a store is damaged.
    """
    found = _find_scene(sorted({one.scene for one in frames}), scene, where)
    groups: dict[str, list[Shown]] = defaultdict(list)
    for one in frames:
        if one.scene == found:
            groups[one.group].append(one)
    name = max(sorted(groups), key=lambda one: len(groups[one]))
    isos = sorted({one.setting[1] for one in groups[name] if one.role == "short"})
    views = sorted({one.view for one in groups[name]})
    lines: list[list[SheetCell | str]] = []
    with progress.stage("Drawing", len(groups[name]), "frames") as advance:
        for view in views:
            here = [one for one in groups[name] if one.view == view]
            lines += _view(here, isos, advance)
    frame_count, view_count = (_counted(len(groups[name]), "frame"), _counted(len(views), "view"))
    about = f"{name}: {frame_count}, {view_count}, brightness matched"
    headings = [f"ISO {_number(iso)}" for iso in isos]
    if any(one.role == "long" for one in groups[name]):
        headings.append("long")
    else:
        lines = [line[:-1] for line in lines]
    return Sheet(found, contact_sheet(f"{title} {found}", about, headings, _filled(lines)))


def _find_scene(scenes: Sequence[str], scene: str | None, where: object) -> str:
    found = next((one for one in scenes if scene is None or is_named(one, [scene])), None)
    if found is None:
        raise MissingError(f"no scene {scene}", expected=f"one of {listed(scenes)}", where=where)
    return found


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _filled(lines: list[list[SheetCell | str]]) -> list[list[SheetCell]]:
    """Put a blank of the size of the pictures where there is only a caption."""
    shape = next(
        (cell.picture.shape for line in lines for cell in line if isinstance(cell, SheetCell)), None
    )
    blank = np.full(shape or (_WIDTH, _WIDTH, 3), _BLANK, np.uint8)
    return [
        [
            cell if isinstance(cell, SheetCell) and cell.picture.shape == blank.shape
            else SheetCell(blank, cell if isinstance(cell, str) else "another size")
            for cell in line
        ]
        for line in lines
    ]  # fmt: skip


def _view(frames: list[Shown], isos: list[float], advance: Advance) -> list[list[SheetCell | str]]:
    """Draw the frames of a view, a line for each exposure; a text is the caption of a blank."""
    longs = sorted((one for one in frames if one.role == "long"), key=lambda one: -one.setting[0])
    truth = _light_or_reason(longs[0]) if longs else ""
    wanted, long_cell = _GREY, truth if isinstance(truth, str) else SheetCell(
        _picture(truth, None), f"{_number(longs[0].setting[0])} s"
    )  # fmt: skip
    if not isinstance(truth, str):
        wanted = max(float(truth.mean()), 1e-6)
    at: dict[Setting, list[Shown]] = defaultdict(list)
    for one in frames:
        if one.role == "short":
            at[one.setting].append(one)
    advance(len(longs))
    lines: list[list[SheetCell | str]] = []
    for number, seconds in enumerate(sorted({seconds for seconds, _ in at}) or [math.inf]):
        line: list[SheetCell | str] = []
        for iso in isos:
            here = at.get((seconds, iso), [])
            line.append(_cell(here, wanted) if here else "")
            advance(len(here))
        lines.append([*line, long_cell if number == 0 else ""])
    return lines


def _cell(here: list[Shown], wanted: float) -> SheetCell | str:
    """Draw the first of some frames of one exposure."""
    more = f", 1 of {len(here)}" if len(here) > 1 else ""
    light = _light_or_reason(here[0])
    if isinstance(light, str):
        return light
    return SheetCell(_picture(light, wanted), f"{_number(here[0].setting[0])} s{more}")


def _light_or_reason(one: Shown) -> NDArray[np.float32] | str:
    """Light of a frame, or why its raw file has none."""
    try:
        return one.light()
    except RawFileError as error:
        return error.kind


def _light_of_row(store: Store, row: FrameRow) -> NDArray[np.float32]:
    planes = store.groups[row.group].read("packed", row.index)
    return _light(planes, row.black_level, row.white_level, row.white_balance)


def _light_of_entry(catalog: Catalog, entry: Entry) -> NDArray[np.float32]:
    """Decode the raw file, or the frame of a video, of an entry."""
    levels, _ = levels_of(catalog.definition, entry)
    if entry.video is not None:
        image, _, _ = read_video_frame(entry, levels, with_truth=False)
    elif catalog.source is None or entry.file is None:
        raise UnreadableError("a frame without a raw file", where=entry.frame.name)
    else:
        path = catalog.source.local_path(entry.file)
        contents = catalog.source.read(entry.file) if path is None else path
        with open_raw(contents, name=entry.file.where) as raw:
            image = raw.image(levels)
    mosaic = image.mosaic
    planes = pack(image.pixels, mosaic.phase, mosaic.cell)
    balance = image.white_balance.multipliers
    return _light(planes, mosaic.black_level, mosaic.white_level, balance)


def _light(
    planes: NDArray[np.generic], blacks: Sequence[float], white: float, balances: Sequence[float]
) -> NDArray[np.float32]:
    cell = BAYER if len(planes) == BAYER.planes else XTRANS
    size = (_WIDTH, max(1, round(_WIDTH * planes.shape[1] / planes.shape[2])))
    light = np.zeros((size[1], size[0], 3), np.float32)
    for plane, black, balance, colour in zip(planes, blacks, balances, cell.colours, strict=True):
        small = cv2.resize(plane.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        light[..., colour] += (small - black) * (balance / (white - black))
    light /= np.bincount(cell.colours)
    return np.clip(light, 0, 1)  # what saturates before the others is white, not coloured


def _picture(light: NDArray[np.float32], wanted: float | None) -> NDArray[np.uint8]:
    """Picture of 8 bits, amplified to a mean linear light."""
    gain = 1.0 if wanted is None else wanted / max(float(light.mean()), 1e-6)
    encoded = encoded_of(np.clip(light * gain, 0, 1).astype(np.float64))
    return np.round(encoded * 255).astype(np.uint8)


def _number(value: float) -> str:
    return f"{value:g}" if math.isfinite(value) else "unknown"
