"""What a training reads, and the settings that follow from it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from rawkit.errors import UsageError
from rawkit.models import SeenCamera
from rawkit.sensor import BAYER, neutral_of
from rawkit.stream import BatchStream, PlanSettings, fitting_crop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawkit.sensor import Neutral
    from rawkit.stream import PairSource
    from rawkit.train.identity import DataIdentity
    from rawkit.train.settings import TrainSettings

_LEAST_STEPS = 1000


@dataclass(frozen=True, slots=True)
class TrainData:
    """Pairs to train and to validate on."""

    train: Sequence[PairSource]
    """Pairs of the train split."""
    val: Sequence[PairSource]
    """Pairs of the val split; may be empty."""
    identity: DataIdentity | None = None
    """Which frames these are; None where nobody asks."""

    @property
    def longs(self) -> int:
        """Number of long exposures among the pairs to train on."""
        return len({source.target.path for source in self.train})


def cameras_in(data: TrainData) -> dict[str, SeenCamera]:
    """Return the cameras of the pairs to train on, by model; pairs of no known one are left out."""
    seen: dict[str, list[Neutral | None]] = {}
    for source in data.train:
        if source.camera:
            seen.setdefault(source.camera, []).append(_neutral(source))
    return {
        model: SeenCamera(len(neutrals), _median([one for one in neutrals if one is not None]))
        for model, neutrals in sorted(seen.items())
    }


def _median(neutrals: Sequence[Neutral]) -> Neutral | None:
    if not neutrals:
        return None
    red, green, blue = (float(value) for value in np.median(neutrals, axis=0))
    return red, green, blue


def _neutral(source: PairSource) -> Neutral | None:
    try:
        return neutral_of(source.white_balance.tolist(), BAYER.colours)
    except UsageError:
        return None


def check_balance(data: TrainData, settings: TrainSettings) -> None:
    """Refuse to balance pairs whose balance nobody knows.

    Raises
    ------
    UsageError
        If there are such pairs and planes are to be balanced.
    """
    if not settings.balance:
        return
    pairs = [*data.train, *data.val]
    unknown = [source.name for source in pairs if _neutral(source) is None]
    if unknown:
        raise UsageError(
            f"--balance with {len(unknown)} of {len(pairs)} pairs whose targets were rendered with "
            f"a white balance that is not known, such as {unknown[0]}",
            expected="targets made from raw files",
            fix="Leave those stores out with --store, or train without --balance.",
        )


def plan_settings(settings: TrainSettings) -> PlanSettings:
    """Return the part of the settings that decides the samples."""
    return PlanSettings(
        crop=settings.crop,
        crops_per_window=settings.crops_per_window,
        live_windows=settings.live_windows,
        augment=settings.augment,
        seed=settings.seed,
        group=settings.group,
    )


def default_crop(data: TrainData, *, augment: bool, most: int = 512) -> int:
    """Return the side of crops in mosaic pixels: 512, or what fits into the smallest frame.

    Raises
    ------
    UsageError
        If a frame is smaller than the smallest crop of 32.
    """
    shapes = [source.shape for source in data.train]
    return fitting_crop(shapes, augment=augment, most=most)


def default_steps(data: TrainData, settings: TrainSettings, epochs: int = 40) -> int:
    """Return the steps of so many epochs, at least 1000."""
    stream = BatchStream(data.train, plan_settings(settings), batch_size=settings.batch_size)
    return max(_LEAST_STEPS, math.ceil(epochs * stream.epoch_length / settings.batch_size))


def with_steps(settings: TrainSettings, steps: int) -> TrainSettings:
    """Change the number of steps alone."""
    return replace(settings, steps=steps)


def ratio_to_estimate(data: TrainData, settings: TrainSettings) -> float:
    """Median over the training pairs of what amplifies them, over the estimate.

    What restores a file that has no long, by a network that was trained on ratios to the long.

    Raises
    ------
    UsageError
        If a ratio is wanted and not known of every pair.
    """
    columns = [
        np.array([getattr(source, name) for source in data.train], np.float32)
        for name in ("amplification_base", "gain_ratio", "exposure_ratio")
    ]
    return float(np.median(settings.amplifier().factors(*columns) / columns[0]))
