"""All that decides a training, besides the data."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from rawkit.errors import UsageError, WeightsError
from rawkit.models import describe
from rawkit.sensor import Amplification

if TYPE_CHECKING:
    from collections.abc import Mapping

MS_SSIM_MIN_SIDE = 161
"""MS-SSIM halves the picture four times under a window of 11."""
_FLOOR = 0.01


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """Settings of a training run; stored in every checkpoint."""

    subset: str
    """Name of the subset."""
    steps: int
    """Optimizer steps."""
    network: str = "lamba2021"
    """Name of the network in the registry."""
    crop: int = 512
    """Side of a crop in mosaic pixels; a multiple of 32."""
    batch_size: int = 4
    """Crops of a step."""
    learning_rate: float = 1e-4
    """Step size of Adam."""
    schedule: Literal["constant", "cosine"] = "constant"
    """Whether the step size stays, or falls along a half cosine to a hundredth at the last step."""
    l1_weight: float = 1.0
    """Weight of the mean absolute error."""
    ms_ssim_weight: float = 0.2
    """Weight of 1 - MS-SSIM; 0 leaves it out."""
    amplification: str = "auto"
    """Kind of amplification: auto, ratio or number."""
    amplification_value: float = 1.0
    """m for auto, the factor for number."""
    crops_per_window: int = 8
    """Crops taken from each window that is read."""
    live_windows: int = 32
    """Windows that crops are drawn from at any time."""
    augment: bool = True
    """Whether crops are flipped and transposed."""
    seed: int = 0
    """Seed of weights, order and crops."""

    def __post_init__(self) -> None:
        """Check what can be checked without data."""
        for name in ("steps", "crop", "batch_size", "learning_rate"):
            if not 0 < getattr(self, name) < math.inf:
                raise UsageError(f"{name} = {getattr(self, name)}", expected="a number above 0")
        if self.crop % 32:
            raise UsageError(
                f"crops of {self.crop} pixels",
                expected="a multiple of 32",
                fix=f"Use --crop {max(32, round(self.crop / 32) * 32)}.",
            )
        weights = (self.l1_weight, self.ms_ssim_weight)
        if not all(0 <= weight < math.inf for weight in weights) or not any(weights):
            raise UsageError(
                f"weights of {self.l1_weight:g} for L1, {self.ms_ssim_weight:g} for MS-SSIM",
                expected="numbers of at least 0, one of them above",
            )
        if self.ms_ssim_weight and self.crop < MS_SSIM_MIN_SIDE:
            raise UsageError(
                f"MS-SSIM on crops of {self.crop} pixels",
                expected=f"at least {MS_SSIM_MIN_SIDE}",
                fix="Use larger crops, or --ms-ssim 0 for L1 alone.",
            )
        if self.schedule not in ("constant", "cosine"):
            raise UsageError(f"schedule {self.schedule!r}", expected="constant or cosine")
        describe(self.network)
        self.amplifier()

    def rate_at(self, step: int) -> float:
        """Return the step size of step number `step`, from 0."""
        if self.schedule == "constant":
            return self.learning_rate
        fall = 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.steps)))
        return self.learning_rate * (_FLOOR + (1 - _FLOOR) * fall)

    def amplifier(self) -> Amplification:
        """Return the amplification as an object."""
        return Amplification(self.amplification, self.amplification_value)  # type: ignore[arg-type] # checked there

    def as_dict(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        return asdict(self)


def settings_of(values: Mapping[str, Any], where: object) -> TrainSettings:
    """Read settings back from a checkpoint.

    Raises
    ------
    WeightsError
        If they are not the ones this version writes.
    """
    known = {field.name for field in fields(TrainSettings)}
    try:
        return TrainSettings(**{key: value for key, value in values.items() if key in known})
    except (TypeError, UsageError) as error:
        raise WeightsError(
            f"settings that cannot be used ({error})",
            expected="a checkpoint of a rawkit training",
            where=where,
        ) from error
