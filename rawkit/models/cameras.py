"""The cameras that weights were trained on: which, and what grey looked like to them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rawkit.errors import WeightsError
from rawkit.sensor import Neutral

_CHANNELS = 3


@dataclass(frozen=True)
class SeenCamera:
    """One model of camera among the pairs of a training."""

    pairs: int | None
    """Pairs to train on; None where the file does not say."""
    neutral: Neutral | None
    """Camera R, G and B of grey, G being 1: the median over the pairs of the reciprocal of the
    balance that their targets were rendered with; None where unknown."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        return {
            "pairs": self.pairs,
            "neutral": None if self.neutral is None else list(self.neutral),
        }


def cameras_of(values: object, where: object) -> Mapping[str, SeenCamera]:
    """Read cameras back from a checkpoint; none from an earlier version's.

    Raises
    ------
    WeightsError
        If what is there tells of no cameras.
    """
    if values is None:
        return {}
    try:
        if not isinstance(values, Mapping):
            raise TypeError(f"a {type(values).__name__}")  # noqa: TRY301 - named below, as all is
        return {
            str(model): SeenCamera(
                None if one["pairs"] is None else int(one["pairs"]),
                neutral_from(one["neutral"], where),
            )
            for model, one in values.items()
        }
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"cameras that cannot be read ({error})",
            expected="for each model its pairs and its neutral",
            where=where,
        ) from error


def neutral_from(values: object, where: object) -> Neutral | None:
    """Read a neutral back from a checkpoint; None where there is none.

    Raises
    ------
    WeightsError
        If it is not three finite numbers above 0.
    """
    if values is None:
        return None
    if (
        not isinstance(values, list | tuple)
        or len(values) != _CHANNELS
        or not all(isinstance(one, int | float) and 0 < one < math.inf for one in values)
    ):
        raise WeightsError(
            f"a neutral of {values}", expected="three finite numbers above 0", where=where
        )
    red, green, blue = (float(one) for one in values)
    return red, green, blue
