"""From a white balance to what planes are multiplied by, so that grey is where a network wants it.

A neutral is the colour of grey as a camera sees it, the reciprocal of its balance: normalised R, G
and B, G being 1. Planes that are multiplied by their balance have the neutral (1, 1, 1); multiplied
by balance times another neutral they have that one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rawkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawkit.sensor.types import WhiteBalance

Neutral = tuple[float, float, float]
"""Camera R, G and B of grey, G being 1."""

REFERENCE_NEUTRAL: Neutral = (0.40, 1.0, 0.39)
"""What the published weights of "Restoring Extremely Dark Images in Real Time" make neutral, found
with flat fields; trainings whose planes are balanced use the same one."""

UNKNOWN_BALANCE = "unknown"
"""The source of a balance that nobody knows, such as that of planes in arrays."""
_GREEN = 1


def neutral_of(multipliers: Sequence[float], colours: Sequence[int]) -> Neutral:
    """Return the neutral of a balance.

    Parameters
    ----------
    multipliers
        The balance, one multiplier for each plane; any scale.
    colours
        Colour of each plane: 0 red, 1 green, 2 blue. Planes of one colour are averaged.

    Raises
    ------
    UsageError
        If there are not as many multipliers as planes, finite and above 0.
    """
    if len(multipliers) != len(colours) or not all(0 < one < math.inf for one in multipliers):
        raise UsageError(
            f"a white balance of {tuple(multipliers)}",
            expected=f"{len(colours)} finite numbers above 0",
        )
    pairs = [*zip(multipliers, colours, strict=True)]
    red, green, blue = (
        sum(one for one, colour in pairs if colour == wanted)
        / sum(1 for _, colour in pairs if colour == wanted)
        for wanted in range(3)
    )
    return green / red, 1.0, green / blue


def plane_gains(
    neutral: Neutral, multipliers: Sequence[float], colours: Sequence[int]
) -> tuple[float, ...]:
    """Return what each plane is multiplied by so that grey has the neutral; green keeps its level.

    Parameters
    ----------
    neutral
        Where grey is to be.
    multipliers, colours
        The balance of the planes, as for `neutral_of`.

    Raises
    ------
    UsageError
        If the balance cannot be used.
    """
    found = neutral_of(multipliers, colours)
    return tuple(neutral[colour] / found[colour] for colour in colours)


def gains_to(
    neutral: Neutral, balance: WhiteBalance, colours: Sequence[int]
) -> tuple[float, ...] | None:
    """Return `plane_gains`, or None where the balance is not known or cannot be used.

    Planes then stay as they are.
    """
    if balance.source == UNKNOWN_BALANCE:
        return None
    try:
        return plane_gains(neutral, balance.multipliers, colours)
    except UsageError:
        return None
