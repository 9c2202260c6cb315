"""What a training says of the dark frames it makes itself; a part of `TrainSettings`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rawkit.errors import UsageError
from rawkit.numbers import band
from rawkit.train.mend_fields import MendFields

SHORTS = ("real", "synthetic", "both")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortFields(MendFields):
    """Where dark frames come from, and the noise of those that are made."""

    shorts: Literal["real", "synthetic", "both"] = "real"
    """Whether dark frames are those of the store, made of longs, or half of the samples each."""
    shorts_ratio: str = ""
    """What made ones must be multiplied by to be as bright as their long: numbers and ranges."""
    shorts_iso: str = ""
    """ISO speeds of made ones: numbers and ranges."""
    profile: str = ""
    """File of the profile of the camera whose noise is added; empty without one."""
    profile_camera: str = ""
    """Camera of the profile; from its file."""
    profile_digest: str = ""
    """SHA-256 of the profile's file, hexadecimal."""

    shot_augment: bool = False
    """Whether light and its shot noise are added to pairs of planes, after PMN."""

    @property
    def adds_noise(self) -> bool:
        """Whether a profile is needed."""
        return self.makes_shorts or self.shot_augment

    @property
    def makes_shorts(self) -> bool:
        """Whether any dark frame is made."""
        return self.shorts != "real"

    def said_of_shorts(self) -> str:
        """Say where dark frames come from, for people."""
        made = (
            f"made of longs: ratio {self.shorts_ratio}, ISO {self.shorts_iso}, the noise of "
            f"{self.profile_camera} ({self.profile})"
        )
        return {"real": "those of the store", "synthetic": made, "both": f"half real, half {made}"}[
            self.shorts
        ]

    def check_shorts(self, amplification: str, clip: int, target: str) -> None:
        """Refuse what makes no sense.

        Raises
        ------
        UsageError
            If there is no profile to make dark frames by, or they are asked for where they cannot
            be made.
        """
        if self.shorts not in SHORTS:
            raise UsageError(f"shorts {self.shorts!r}", expected=", ".join(SHORTS))
        if not self.adds_noise:
            return
        if not self.profile:
            what = f"--shorts {self.shorts}" if self.makes_shorts else "--shot-augment"
            raise UsageError(
                f"{what} without the noise of a camera",
                expected="a profile made by `rawkit calibrate`",
                fix="Name it with --profile FILE.",
            )
        if self.shot_augment and target != "raw":
            raise UsageError(
                "--shot-augment on pictures, to which no light can be added",
                expected="--target raw",
            )
        if not self.makes_shorts:
            return
        if amplification == "equalise":
            raise UsageError(
                f"--shorts {self.shorts} with --amplify equalise, which takes histograms of whole "
                "videos as they are stored",
                expected="auto, ratio, exposure or a number",
            )
        if clip > 1:
            raise UsageError(
                f"--shorts {self.shorts} with clips of {clip} frames",
                expected="a training on single frames",
                fix="Train on single frames, or on the dark videos themselves.",
            )
        for text in filter(None, (self.shorts_ratio, self.shorts_iso)):
            spans_of(text)


def spans_of(text: str) -> tuple[tuple[float, float], ...]:
    """Read numbers and ranges such as ``100,200-300``; a number is a range of one value.

    Raises
    ------
    UsageError
        If they are none, or a range is open.
    """
    try:
        found = [band(part.strip()) for part in text.split(",") if part.strip()]
    except (ValueError, ZeroDivisionError):
        found = []
    spans = tuple(one if isinstance(one, tuple) else (one, one) for one in found)
    if not spans or not all(0 < low <= high < float("inf") for low, high in spans):
        raise UsageError(
            f"{text!r} for shorts", expected="numbers and ranges above 0, such as 100,200-300"
        )
    return spans


def text_of(values: str | float | Sequence[object]) -> str:
    """Write numbers and ranges as the settings hold them.

    Raises
    ------
    UsageError
        As `spans_of`.
    """
    if isinstance(values, str):
        text = values
    elif isinstance(values, Sequence):
        text = ",".join(_part(one) for one in values)
    else:
        text = f"{values:g}"
    return ",".join(
        f"{low:g}" if low == high else f"{low:g}-{high:g}" for low, high in spans_of(text)
    )


def _part(value: object) -> str:
    return "-".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
