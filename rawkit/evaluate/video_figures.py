"""Figures of whole videos: those of their frames, and how steady their brightness is."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from rawkit.errors import UsageError
from rawkit.evaluate.bootstrap import draws, mean_with_interval
from rawkit.evaluate.summary import GroupSummary
from rawkit.metrics import BRIGHTNESS_VARIANTS, BrightnessCurve, BrightnessMeter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rawkit.evaluate.measure import PictureRow
    from rawkit.evaluate.videos import Video

VIDEOS: Final = "videos"
"""Axis of the means over videos."""


class FrameLight(NamedTuple):
    """Brightness of one frame of a video and of its truth, by one definition."""

    output: float
    """Mean brightness of the restored frame."""
    truth: float
    """Mean brightness of its truth."""
    output_step: float | None
    """MABD of the restored frame and the one before it; None where that is no neighbour. Of
    ``columns`` the mean difference of its own columns."""
    truth_step: float | None
    """The same of the truth."""


class VideoLight:
    """Follows the brightness of a video and of its truth, by every definition."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._output = {n: BrightnessMeter(one) for n, one in BRIGHTNESS_VARIANTS.items()}
        self._truth = {n: BrightnessMeter(one) for n, one in BRIGHTNESS_VARIANTS.items()}

    def see(
        self, restored: NDArray[np.float32], truth: NDArray[np.float32], *, follows: bool
    ) -> dict[str, FrameLight]:
        """Take a frame and its truth, (H, W, 3) of 0 to 1; by the names of the definitions.

        `follows` tells whether the frame seen last is its neighbour.
        """
        if not follows:
            self._start()
        found = {}
        for name in BRIGHTNESS_VARIANTS:
            output, output_step = self._output[name].add(restored)
            right, right_step = self._truth[name].add(truth)
            found[name] = FrameLight(output, right, output_step, right_step)
        return found


@dataclass(frozen=True, slots=True)
class VideoRow:
    """One video of an evaluation: a row of its table."""

    evaluation: str
    """Identity of the evaluation; 16 hexadecimal digits."""
    collection: str
    """Collection of the video."""
    video: str
    """What the names of its frames share."""
    scene: str
    """What one split never divides."""
    split: str
    """train, val or test."""
    camera: str
    """Model as EXIF spells it; empty where unknown."""
    frames: int
    """Frames measured."""
    steps: int
    """Steps between neighbours among them: a frame that is not there takes two."""
    height: int
    """Rows of the pictures that were compared."""
    width: int
    """Columns of them."""
    psnr: float
    """Mean over frames of the peak signal-to-noise ratio in dB."""
    ssim: float
    """Mean over frames of the structural similarity."""
    ms_ssim: float | None
    """Mean over frames of multi-scale SSIM; None for small pictures."""
    delta_e: float | None
    """Mean over frames of CIEDE2000."""
    mabd_bt601: float | None
    """Mean squared difference of the MABD curves, BT.601 luma of 0 to 255."""
    mabd_bt709: float | None
    """The same, BT.709 luma of 0 to 1."""
    mabd_columns: float | None
    """What the program behind the published tables computes, see `rawkit.metrics.brightness`."""
    step_output: float | None
    """Mean MABD of the restored video, BT.601 luma of 0 to 255."""
    step_truth: float | None
    """Mean MABD of its truth."""
    brightness_output: float
    """Mean brightness of the restored video, BT.601 luma of 0 to 255."""
    brightness_truth: float
    """Mean brightness of its truth."""


@dataclass(frozen=True, slots=True)
class CurveRow:
    """Brightness of one frame of a video by one definition: a row of the table of curves."""

    evaluation: str
    """Identity of the evaluation; 16 hexadecimal digits."""
    collection: str
    """Collection of the video."""
    video: str
    """What the names of its frames share."""
    name: str
    """Name of the frame."""
    frame: int
    """Its number, as its name has it."""
    variant: str
    """Definition: ``bt601``, ``bt709`` or ``columns``."""
    output: float
    """Mean brightness of the restored frame."""
    truth: float
    """Mean brightness of its truth."""
    output_step: float | None
    """MABD of the restored frame and the one before it; None where that is no neighbour. Of
    ``columns`` the mean difference of its own columns."""
    truth_step: float | None
    """The same of the truth."""


VIDEO_COLUMNS = tuple(field.name for field in fields(VideoRow))
CURVE_COLUMNS = tuple(field.name for field in fields(CurveRow))
VIDEO_METRICS: Final = ("psnr", "ssim", "ms_ssim", "delta_e", "mabd_bt601", "mabd_bt709",
    "mabd_columns",
)  # fmt: skip
"""Columns of videos that are summarised."""

Lights = dict[str, FrameLight]


def video_row(video: Video, rows: Sequence[PictureRow], lights: Sequence[Lights]) -> VideoRow:
    """Put the figures of a video together from those of its frames, in order.

    Raises
    ------
    UsageError
        If its frames have different sizes.
    """
    first = rows[0]
    sizes = {(row.height, row.width) for row in rows}
    if len(sizes) > 1:
        raise UsageError(f"{video.name} with frames of {len(sizes)} sizes", expected="one size")
    curves = {name: _curves(name, [one[name] for one in lights]) for name in BRIGHTNESS_VARIANTS}
    errors = {name: output.error(truth) for name, (output, truth) in curves.items()}
    output, truth = curves["bt601"]
    different = [row.delta_e for row in rows if row.delta_e is not None]
    similar = [row.ms_ssim for row in rows if row.ms_ssim is not None]
    return VideoRow(
        evaluation=first.evaluation,
        collection=first.collection,
        video=video.name,
        scene=first.scene,
        split=first.split,
        camera=first.camera,
        frames=len(rows),
        steps=len(output.mabd),
        height=first.height,
        width=first.width,
        psnr=float(np.mean([row.psnr for row in rows])),
        ssim=float(np.mean([row.ssim for row in rows])),
        ms_ssim=float(np.mean(similar)) if similar else None,
        delta_e=float(np.mean(different)) if different else None,
        mabd_bt601=errors["bt601"],
        mabd_bt709=errors["bt709"],
        mabd_columns=errors["columns"],
        step_output=float(output.mabd.mean()) if len(output.mabd) else None,
        step_truth=float(truth.mabd.mean()) if len(truth.mabd) else None,
        brightness_output=float(output.mean.mean()),
        brightness_truth=float(truth.mean.mean()),
    )


def _curves(variant: str, lights: Sequence[FrameLight]) -> tuple[BrightnessCurve, BrightnessCurve]:
    steps = [
        (one.output_step, one.truth_step)
        for one in lights
        if one.output_step is not None and one.truth_step is not None
    ]
    output, truth = np.array(steps, np.float64).reshape(-1, 2).T
    means = np.array([(one.output, one.truth) for one in lights]).T
    return BrightnessCurve(variant, means[0], output), BrightnessCurve(variant, means[1], truth)


def curve_rows(video: Video, evaluation: str, lights: Sequence[Lights]) -> list[CurveRow]:
    """Rows of the table of curves: one for each definition and frame."""
    return [
        CurveRow(evaluation, pair.collection, video.name, pair.dark.name, number, name, *one[name])
        for name in BRIGHTNESS_VARIANTS
        for pair, number, one in zip(video.pairs, video.numbers, lights, strict=True)
    ]


def summarise_videos(
    rows: Sequence[VideoRow], rng: np.random.Generator, resamples: int
) -> GroupSummary:
    """Mean over videos of each figure, with intervals over draws of videos."""
    times = draws(len(rows), resamples, rng)
    number = np.arange(len(rows), dtype=np.intp)
    means = {
        metric: mean_with_interval([getattr(row, metric) for row in rows], number, times)
        for metric in VIDEO_METRICS
    }
    scenes = {(row.collection, row.scene) for row in rows}
    return GroupSummary(VIDEOS, None, len(rows), len(scenes), means)
