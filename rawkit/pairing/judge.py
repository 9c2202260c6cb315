"""Which pairs are bad, and which cannot be told: limits, and reasons in words."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final, Literal

from rawkit.errors import UsageError

if TYPE_CHECKING:
    from rawkit.pairing.measure import Measured

Reason = Literal["shift", "scene", "moved", "exposure", "dark", "clipped"]
State = Literal["good", "unsure", "bad"]

REASONS: Final[tuple[Reason, ...]] = ("scene", "shift", "moved", "exposure", "dark", "clipped")
"""All reasons, in the order in which they are told."""
_SURE: Final = 4.0
"""Standard deviations that a shift must be long, and within which it counts as not to be told."""
_ALIKE: Final = 0.6
"""Likeness of one scene at least: two differ by more, even with things moved and noise."""
_ALIKE_SIGMA: Final = 0.12
_OTHER: Final = 0.45
"""Share of the picture from which on what shows something else is another scene."""
_SEEN: Final = 0.15
"""Share of the picture that must be comparable before two scenes are told apart."""
_MOST_SEEN: Final = 0.5
"""Likewise before it is said that nothing moved."""
_BLUR: Final = 0.1
_GAIN_SIGMA: Final = 0.1


@dataclass(frozen=True, slots=True)
class PairLimits:
    """From when on a pair is bad."""

    max_shift: float = 0.35
    """Pixels of the mosaic that short and long may lie apart where they do most. Planes hold every
    second pixel: a shift of half a pixel is measured as 0.4 to 0.5."""
    max_moved: float = 0.005
    """Share of the picture that may show something else, 0 to 1."""
    max_exposure_error: float = 1.4
    """Factor, up or down, by which exposure by pixels and by EXIF may differ."""
    min_light: float = 0.16
    """Share of white that the brightest hundredth of a long must reach: 0.16 is two and a half
    stops below it."""
    max_clipped: float = 0.2
    """Share of a long's pixels that may be clipped, 0 to 1."""

    def __post_init__(self) -> None:
        """Refuse limits that make no sense."""
        for field in fields(self):
            value = getattr(self, field.name)
            least = 1 if field.name == "max_exposure_error" else 0
            if not least <= value < math.inf:
                raise UsageError(f"{field.name} = {value}", expected=f"{least} or more")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of a pair."""

    reasons: tuple[Reason, ...]
    """Why it is bad; empty where it is not."""
    unsure: tuple[str, ...]
    """What cannot be told: ``shift``, ``moved``, ``exposure``, ``scene``."""
    text: str
    """Both in words, with what was measured."""

    @property
    def state(self) -> State:
        """Bad, good, or not to be told."""
        return "bad" if self.reasons else "unsure" if self.unsure else "good"


def exposure_error(measured: Measured, gain_ratio: float) -> float:
    """Factor by which the short is brighter than EXIF says; NaN where EXIF or the pixels are mute.

    Of the regression and of mean light the one that says less: a black level that is off spoils
    the one, what has moved the other.
    """
    found = [
        gain_ratio / one
        for one in (measured.gain, measured.gain_of_means)
        if math.isfinite(one) and one > 0
    ]
    if not found or not math.isfinite(gain_ratio):
        return math.nan
    return min(found, key=lambda one: abs(math.log(one)))


def judge(measured: Measured, gain_ratio: float, limits: PairLimits | None = None) -> Verdict:
    """Judge a measured pair; `gain_ratio` is what EXIF says, NaN where it does not."""
    limits = limits or PairLimits()
    said: dict[Reason, str] = {}
    unsure: dict[str, str] = {}
    if measured.long_light < limits.min_light:
        said["dark"] = f"the long's brightest hundredth reaches {measured.long_light:.1%} of white"
    if measured.long_clipped > limits.max_clipped:
        said["clipped"] = f"{measured.long_clipped:.0%} of the long is clipped"
    other = measured.moved > _OTHER or (measured.likeness < _ALIKE - 2 * measured.likeness_sigma)
    if measured.likeness - 2 * measured.likeness_sigma > _ALIKE and not other:
        _compare(measured, gain_ratio, limits, said, unsure)
    elif measured.usable < _SEEN:
        unsure["scene"] = f"only {measured.usable:.0%} of the picture is free of clipping"
    elif measured.likeness_sigma <= _ALIKE_SIGMA and other:
        said["scene"] = f"they show different scenes (likeness {measured.likeness:.2f})"
    else:
        unsure["scene"] = "the short drowns in noise"
    reasons = tuple(one for one in REASONS if one in said)
    parts = [said[one] for one in reasons] + [f"cannot tell: {one}" for one in unsure.values()]
    return Verdict(reasons, tuple(unsure), "; ".join(parts))


def _compare(
    measured: Measured,
    gain_ratio: float,
    limits: PairLimits,
    said: dict[Reason, str],
    unsure: dict[str, str],
) -> None:
    """Judge what only two frames of one scene can tell."""
    sure = _SURE * measured.shift_sigma
    if measured.shift > max(limits.max_shift, sure):
        said["shift"] = _shift_text(measured)
    elif not sure <= limits.max_shift:
        unsure["shift"] = f"a shift below {sure:.1f} px hides in noise"
    if measured.moved > limits.max_moved:
        said["moved"] = f"{measured.moved:.1%} of the picture shows something else"
    elif not measured.moved_blur <= _BLUR:
        unsure["moved"] = "what moved hides in noise"
    elif measured.usable < _MOST_SEEN:
        unsure["moved"] = f"only {measured.usable:.0%} of the picture is free of clipping"
    error = exposure_error(measured, gain_ratio)
    if not math.isfinite(error):
        unsure["exposure"] = "EXIF does not say both exposures"
    elif not measured.gain_sigma <= _GAIN_SIGMA:
        unsure["exposure"] = "the short's brightness drowns in noise"
    elif max(error, 1 / error) > limits.max_exposure_error:
        said["exposure"] = (
            f"by its pixels the short needs {measured.gain:.4g} x, by EXIF {gain_ratio:.4g} x"
        )


def _shift_text(measured: Measured) -> str:
    parts = []
    for value, names in ((measured.down, ("up", "down")), (measured.right, ("left", "right"))):
        parts.append(f"{abs(value):.2f} px {names[value > 0]}")
    text = f"the short lies {measured.shift:.2f} px off ({', '.join(parts)}"
    if measured.rotation or measured.scale:
        text += f", turned {measured.rotation:.3f} degrees, {1 + measured.scale:.5f} x as large"
    return f"{text}; give or take {measured.shift_sigma:.2f})"
