"""The best, median and worst pictures of an evaluation, to be looked at.

Each of them in full, small, and a part of it pixel by pixel: converted plainly, restored, and the
truth. ``pictures.json`` says what is what.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from rawkit.evaluate.plain import PlainMethod
from rawkit.evaluate.restored import fed
from rawkit.files import write_atomically
from rawkit.pictures import PictureFormat, orient, quantise, write_picture
from rawkit.progress import SILENT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from rawkit.evaluate.measure import PictureRow
    from rawkit.evaluate.pairs import Pair
    from rawkit.evaluate.run import EvaluationPlan
    from rawkit.evaluate.tables import Evaluation
    from rawkit.progress import Progress

PICTURE_FOLDER, PICTURE_INDEX = "pictures", "pictures.json"
VERSION: Final = 1
PICTURE_KINDS: Final = ("plain", "restored", "truth")
RANKS: Final = ("best", "median", "worst")
FULL_WIDTH = 960
"""Columns of a picture in full, in pixels; smaller pictures stay as they are."""
CROP_SIDE = 384
"""Side of the part that is shown pixel by pixel."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A picture with its position among those of its evaluation."""

    rank: str
    """``best``, ``median`` or ``worst``, by PSNR."""
    position: int
    """From 1, within its rank."""
    row: PictureRow
    """Its figures."""


def ranked(rows: Sequence[PictureRow], count: int) -> list[Ranked]:
    """Choose the `count` best, most median and worst pictures by PSNR, each at most once.

    Pictures of equal PSNR come in the order of collection and name. The best come first, then the
    ones whose position is nearest the middle, then the worst.
    """
    ordered = sorted(rows, key=lambda row: (-row.psnr, row.collection, row.name))
    middle = (len(ordered) - 1) / 2
    orders = {
        "best": range(len(ordered)),
        "median": sorted(range(len(ordered)), key=lambda index: (abs(index - middle), index)),
        "worst": range(len(ordered) - 1, -1, -1),
    }
    taken: set[int] = set()
    chosen: dict[str, list[int]] = {rank: [] for rank in RANKS}
    for _ in range(count):
        for rank in RANKS:
            free = next((index for index in orders[rank] if index not in taken), None)
            if free is not None:
                taken.add(free)
                chosen[rank].append(free)
    return [
        Ranked(rank, position, ordered[index])
        for rank in RANKS
        for position, index in enumerate(chosen[rank], 1)
    ]


def save_pictures(
    plan: EvaluationPlan, evaluation: Evaluation, count: int, progress: Progress = SILENT
) -> Path:
    """Save the best, median and worst pictures beside the tables; returns their index.

    Raises
    ------
    StoreDamagedError
        If a shard is missing or damaged.
    OutputError
        If a picture cannot be written.
    """
    plan = plan.within_memory()
    folder = evaluation.folder / PICTURE_FOLDER
    pairs = {pair.key: pair for pair in plan.pairs}
    chosen = ranked(evaluation.rows(), count)
    entries: list[dict[str, Any]] = []
    with progress.stage("Saving pictures", len(chosen), "pictures") as advance:
        for one in chosen:
            pair = pairs[one.row.collection, one.row.name]
            entries.append(_save(folder, one, pair, plan))
            advance(1, one.row.name)
    index = {
        "format": "rawkit-pictures",
        "version": VERSION,
        "evaluation": evaluation.id,
        "kinds": list(PICTURE_KINDS),
        "pictures": entries,
    }
    path = folder / PICTURE_INDEX
    write_atomically(path, (json.dumps(index, indent=2) + "\n").encode())
    return path


def _save(folder: Path, one: Ranked, pair: Pair, plan: EvaluationPlan) -> dict[str, Any]:
    light, factor = fed(pair, plan.method, plan.protocol)
    target = pair.target()
    scale = np.float32(np.iinfo(target.dtype).max)
    pictures: dict[str, NDArray[np.float32]] = {
        "plain": PlainMethod().picture(pair, light, factor),
        "restored": plan.method.picture(pair, light, factor),
        "truth": target.astype(np.float32) / scale,
    }
    height, width = target.shape[:2]
    side = min(CROP_SIDE, height, width)
    top, left = (height - side) // 2, (width - side) // 2
    files: dict[str, dict[str, str]] = {"full": {}, "crop": {}}
    for kind, picture in pictures.items():
        name = f"{one.rank}-{one.position}-{kind}"
        part = picture[top : top + side, left : left + side]
        for view, suffix, shown, form in (
            ("full", ".jpg", _small(picture), PictureFormat("jpeg")),
            ("crop", ".png", part, PictureFormat("png")),
        ):
            path = folder / f"{name}-{view}{suffix}"
            upright = orient(quantise(shown, 8), pair.dark.orientation)
            write_picture(path, upright, form)
            files[view][kind] = path.name
    crop = {"top": top, "left": left, "height": side, "width": side}
    return {
        "rank": one.rank,
        "place": one.position,
        "crop": crop,
        "orientation": pair.dark.orientation,
        "files": files,
        "row": asdict(one.row),
    }


def _small(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = picture.shape[:2]
    if width <= FULL_WIDTH:
        return picture
    size = FULL_WIDTH, max(1, round(height * FULL_WIDTH / width))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)
