"""What a training reads, and the settings that follow from it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from rawkit.errors import UsageError
from rawkit.models import SeenCamera
from rawkit.sensor import BAYER, neutral_of
from rawkit.stream import (
    Curves,
    FrameShapes,
    PlanSettings,
    balances_of,
    check_crop,
    count_targets,
    epoch_length,
    fitting_crop,
    numbers_of,
    shapes_of,
)
from rawkit.train.mending import with_mended
from rawkit.train.shorts import with_made

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
    expected: int = 0
    """How many pairs of the train split there will be, where some are still to land."""
    expected_longs: int = 0
    """How many long exposures they will have."""

    @property
    def longs(self) -> int:
        """Number of long exposures among the pairs to train on."""
        return max(self.expected_longs, count_targets(self.train))


def cameras_in(pairs: Sequence[PairSource]) -> dict[str, SeenCamera]:
    """Return the cameras of pairs, by model; pairs of no known one are left out."""
    seen: dict[str, list[tuple[Neutral | None, int]]] = {}
    for (camera, balance), count in balances_of(pairs).items():
        if camera:
            seen.setdefault(camera, []).append((_neutral(balance), count))
    return {
        model: SeenCamera(sum(count for _, count in found), _median(found))
        for model, found in sorted(seen.items())
    }


def _median(counted: Sequence[tuple[Neutral | None, int]]) -> Neutral | None:
    known = [(one, count) for one, count in counted if one is not None]
    if not known:
        return None
    counts = [count for _, count in known]
    red, green, blue = (
        float(np.median(np.repeat(channel, counts)))
        for channel in np.array([one for one, _ in known]).T
    )
    return red, green, blue


def _neutral(balance: Sequence[float]) -> Neutral | None:
    try:
        return neutral_of(balance, BAYER.colours)
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
    unknown = 0
    for pairs in (data.train, data.val):
        counted = balances_of(pairs).items()
        unknown += sum(count for (_, balance), count in counted if _neutral(balance) is None)
    if unknown:
        both = (source for pairs in (data.train, data.val) for source in pairs)
        first = next(one.name for one in both if _neutral(one.white_balance.tolist()) is None)
        raise UsageError(
            f"--balance with {unknown} of {len(data.train) + len(data.val)} pairs whose targets "
            f"were rendered with a white balance that is not known, such as {first}",
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
        clip=settings.clip,
        stride=settings.stride,
    )


def default_crop(data: TrainData, *, augment: bool, most: int = 512) -> int:
    """Return the side of crops in mosaic pixels: 512, or what fits into the smallest frame.

    Raises
    ------
    UsageError
        If a frame is smaller than the smallest crop of 32.
    """
    return fitting_crop(shapes_of(data.train), augment=augment, most=most)


def default_steps(
    data: TrainData, settings: TrainSettings, epochs: int = 40, least: int = _LEAST_STEPS
) -> int:
    """Return the steps of so many epochs, at least `least`.

    Pairs that are still to land count as being like those that are there.
    """
    shapes = shapes_of(data.train)
    if data.expected > len(shapes):
        shapes = FrameShapes(shapes.kinds, np.resize(shapes.which, data.expected))
    check_crop(shapes, plan_settings(settings))
    length = epoch_length(shapes, plan_settings(settings))
    return max(least, math.ceil(epochs * length / settings.batch_size))


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
        numbers_of(data.train, name).astype(np.float32)
        for name in ("amplification_base", "gain_ratio", "exposure_ratio")
    ]
    if settings.makes_shorts:
        columns = with_made(columns, data.train, settings)
    if settings.mends:
        columns = with_mended(columns, data, settings)
    return float(np.median(settings.amplifier().factors(*columns) / columns[0]))


def check_training(data: TrainData, settings: TrainSettings, ranks: int) -> None:
    """Refuse unknown balances, and more pieces of a batch than a process has crops of it.

    Raises
    ------
    UsageError
        If there are any.
    """
    check_balance(data, settings)
    share = settings.batch_size // ranks
    if settings.accumulate > share:
        raise UsageError(
            f"{share} crops of each process in {settings.accumulate} pieces",
            expected="at least one crop in each",
            fix="Use fewer with --accumulate, or a larger --batch.",
        )


def equalising_curves(data: TrainData, settings: TrainSettings, *, whole: bool) -> Curves | None:
    """Return what equalises the training frames of each video; None where that is not asked for.

    `whole` tells whether all of them are in the store.

    Raises
    ------
    UsageError
        If they are not.
    """
    if settings.amplification != "equalise":
        return None
    if not whole:
        raise UsageError(
            "equalisation of frames that are not all there",
            expected="a store that holds them all",
            fix="Ingest them first, or use another --amplify.",
        )
    return Curves(data.train)
