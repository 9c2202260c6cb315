"""The target: a long exposure as LibRaw renders it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rawkit.errors import UsageError

if TYPE_CHECKING:
    from rawkit.sensor.types import Levels

TONE_CURVE = "BT.709"
"""LibRaw's default gamma (2.222, 4.5): the ITU-R BT.709 curve, not the sRGB one."""
PRIMARIES = "sRGB"
"""LibRaw's default output colour space has sRGB primaries and a D65 white."""

GIVEN_BITS = 8
"""Bits per channel of pictures that a collection brings itself."""


@dataclass(frozen=True, slots=True)
class RenderParameters:
    """How LibRaw renders a picture; what is not listed is LibRaw's default."""

    bits: int = 16
    """Bits per channel of the result, 8 or 16."""
    adjust_maximum_thr: float = 0.0
    """LibRaw's threshold for lowering the white level to the brightest pixel found. SID's published
    protocols use LibRaw's default, 0.75, with which one bright patch changes every pixel; 0 is
    off."""

    def __post_init__(self) -> None:
        """Check that the values are ones LibRaw takes."""
        if self.bits not in (8, 16):
            raise UsageError(f"a target of {self.bits} bits", expected="8 or 16")
        if not 0 <= self.adjust_maximum_thr <= 1:
            raise UsageError(
                f"adjust_maximum_thr = {self.adjust_maximum_thr}", expected="a value from 0 to 1"
            )

    def describe(self) -> dict[str, Any]:
        """All that decides the rendering, as plain values to be stored with the target."""
        return {
            **asdict(self),
            "no_auto_bright": True,
            "user_flip": 0,
            "tone_curve": TONE_CURVE,
            "gamma": [2.222, 4.5],
            "primaries": PRIMARIES,
            "white_balance": "camera, or daylight where the as-shot balance is unusable",
        }


@dataclass(frozen=True, slots=True)
class GivenPictures:
    """Targets that a collection brings itself: nothing is rendered."""

    bits: int = 8
    """Bits per channel, 8."""

    def __post_init__(self) -> None:
        """Check that the values are ones there are."""
        if self.bits != GIVEN_BITS:
            raise UsageError(
                f"given pictures of {self.bits} bits",
                expected=f"{GIVEN_BITS}, as the collection has them",
                fix="Leave --targets away, or use --targets none.",
            )

    def describe(self) -> dict[str, Any]:
        """All that is known of the pictures, as plain values to be stored with the target."""
        return {
            "bits": self.bits,
            "given": True,
            "tone_curve": "sRGB",
            "primaries": PRIMARIES,
        }


def libraw_levels(levels: Levels | None) -> dict[str, Any]:
    """LibRaw's parameters for overridden levels; its own offsets per colour are set to nothing."""
    parameters: dict[str, Any] = {}
    if levels is not None and levels.black is not None:
        parameters |= {"user_black": levels.black, "user_cblack": [0, 0, 0, 0]}
    if levels is not None and levels.white is not None:
        parameters["user_sat"] = levels.white
    return parameters
