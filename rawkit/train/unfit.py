"""Which pairs cannot be trained on with the settings of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rawkit.errors import UsageError
from rawkit.sensor import BAYER, neutral_of

if TYPE_CHECKING:
    from rawkit.stream import PairSource
    from rawkit.train.settings import TrainSettings


def unfit(source: PairSource, settings: TrainSettings | None) -> str:
    """Say why a pair cannot be trained on with the settings; nothing where it can."""
    if settings is None:
        return ""
    need = settings.crop // 2 + int(settings.augment)
    shape = source.shape
    if min(shape.height, shape.width) < need:
        return f"its frame of {2 * shape.height} x {2 * shape.width} is smaller than a crop"
    if settings.balance:
        try:
            neutral_of(source.white_balance.tolist(), BAYER.colours)
        except UsageError:
            return "the white balance of its target is not known"
    base = np.float32(source.amplification_base)
    ratios = (
        np.array([one], np.float32) for one in (base, source.gain_ratio, source.exposure_ratio)
    )
    try:
        settings.amplifier().factors(*ratios)
    except UsageError as error:
        return error.reason
    return ""
