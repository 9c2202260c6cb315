"""Videos of an evaluation, to be looked at: plain conversion, restored, and truth side by side.

Those in the middle by PSNR come first. ``videos.json`` says what is what.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from rawkit.evaluate.plain import PLAIN, PlainMethod
from rawkit.files import write_atomically
from rawkit.pictures import quantise
from rawkit.progress import SILENT
from rawkit.video import Encoder, require_codec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from rawkit.evaluate.run import EvaluationPlan
    from rawkit.evaluate.tables import Evaluation
    from rawkit.evaluate.video_figures import VideoRow
    from rawkit.evaluate.videos import Video
    from rawkit.progress import Progress

FILM_FOLDER, FILM_INDEX = "videos", "videos.json"
FILM_PARTS: Final = ("plain", "restored", "truth")
"""What a film shows, from left to right."""
VERSION: Final = 1
_FRAMES_A_SECOND: Final = 25.0
"""Stores do not keep how fast frames follow each other."""
_WIDEST: Final = 960
"""Columns of each part, in pixels; smaller videos stay as they are."""
_GAP: Final = 4


def save_films(
    plan: EvaluationPlan, evaluation: Evaluation, count: int, progress: Progress = SILENT
) -> Path:
    """Save the `count` videos that are most median by PSNR as mp4 files; returns their index.

    Films that are there already are kept: they belong to the evaluation, whose identity says what
    they show.

    Raises
    ------
    UsageError
        If the extra `video` is missing.
    StoreDamagedError
        If a shard is missing or damaged.
    OutputError
        If a film cannot be written.
    """
    codec = require_codec("h264")
    plan = plan.within_memory()
    folder = evaluation.folder / FILM_FOLDER
    videos = {(one.pairs[0].collection, one.name): one for one in plan.videos}
    chosen = most_median(evaluation.video_rows(), count)
    entries: list[dict[str, Any]] = []
    frames = sum(row.frames for row in chosen)
    with progress.stage("Saving videos", frames, "frames") as advance:
        for number, row in enumerate(chosen, 1):
            path = folder / f"{number}.mp4"
            entries.append({"file": path.name, "row": asdict(row)})
            if path.is_file():
                advance(row.frames, row.video)
                continue
            folder.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            encoder: Encoder | None = None
            for frame in _side_by_side(videos[row.collection, row.video], plan):
                if encoder is None:
                    size = frame.shape[0], frame.shape[1]
                    encoder = Encoder(part, size, _FRAMES_A_SECOND, codec)
                encoder.write(frame)
                advance(1, row.video)
            if encoder is not None:
                encoder.close()
                part.replace(path)
    index = {
        "format": "rawkit-videos",
        "version": VERSION,
        "evaluation": evaluation.id,
        "parts": list(_parts(plan)),
        "frames_a_second": _FRAMES_A_SECOND,
        "videos": entries,
    }
    path = folder / FILM_INDEX
    write_atomically(path, (json.dumps(index, indent=2) + "\n").encode())
    return path


def most_median(rows: list[VideoRow], count: int) -> list[VideoRow]:
    """Choose the videos nearest the middle by PSNR; equal ones by collection and name."""
    ordered = sorted(rows, key=lambda row: (-row.psnr, row.collection, row.video))
    middle = (len(ordered) - 1) / 2
    places = sorted(range(len(ordered)), key=lambda place: (abs(place - middle), place))
    return [ordered[place] for place in places[:count]]


def _side_by_side(video: Video, plan: EvaluationPlan) -> Iterator[NDArray[np.uint8]]:
    """Yield each frame, (rows, columns, 3) of 8 bits."""
    methods = [plan.method] if len(_parts(plan)) < len(FILM_PARTS) else [PlainMethod(), plan.method]
    made = [method.frames(video, 0, plan.protocol) for method in methods]
    for found in zip(*made, strict=True):
        target = found[0].pair.target()
        truth = target.astype(np.float32) / np.float32(np.iinfo(target.dtype).max)
        parts = [_small(one) for one in (*(each.picture for each in found), truth)]
        gap = np.full((len(parts[0]), _GAP, 3), 255, np.uint8)
        yield np.concatenate([part for one in parts for part in (gap, one)][1:], axis=1)


def _parts(plan: EvaluationPlan) -> tuple[str, ...]:
    """Return what a film shows: a plain conversion is not shown beside itself."""
    return FILM_PARTS[1:] if plan.method.name == PLAIN else FILM_PARTS


def _small(picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    if width > _WIDEST:
        size = _WIDEST, max(1, round(height * _WIDEST / width))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)
    return quantise(picture, 8).astype(np.uint8, copy=False)
