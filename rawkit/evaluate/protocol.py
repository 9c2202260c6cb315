"""Protocols: which pairs count, what is given to the network, and how pictures are compared."""

from __future__ import annotations

import math
import tomllib
from dataclasses import asdict, dataclass, fields, replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from rawkit.errors import UsageError
from rawkit.metrics import SSIM_VARIANTS
from rawkit.sensor import Amplification

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawkit.catalog import Split

PROTOCOLS_FILE: Final = Path(__file__).with_name("protocols.toml")
TRAINED: Final = "trained"
_BITS: Final = (0, 8)
_SPACES: Final = ("picture", "raw")
_NEWER: Final = ("white_level", "correct", "centre", "ratios")
"""Fields that decide nothing where they are empty."""
_NEAR: Final = 1.25
"""Times by which the ratio of a pair may differ from a nominal one."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """One way of evaluating, so that two figures that name it mean the same."""

    name: str
    """Short name, as in ``rawkit evaluate --protocol NAME``."""
    title: str = ""
    """What it is, in a few words."""
    source: str = ""
    """Where the choice of pairs comes from."""
    collections: tuple[str, ...] = ()
    """Collections whose pairs count; all where empty."""
    names: tuple[str, ...] = ()
    """Patterns of dark frames' names within their collection, ``*`` and ``?`` wild; all where
    empty."""
    without: tuple[str, ...] = ()
    """Scenes that are left out."""
    splits: tuple[Split, ...] = ("test",)
    """Splits whose pairs count."""
    pairs: int | None = None
    """How many pairs there are when the collection is complete; None where that is open."""
    amplification: Literal["trained", "auto", "ratio", "number", "equalise"] = "trained"
    """What the mosaic is multiplied by: as the network was trained (or its publisher says), m times
    the estimate, the gain ratio to the truth (at most 300), one number for all, or by nothing after
    the histogram of a frame or video was equalised."""
    amplification_value: float = 1.0
    """m for ``auto``, the factor for ``number``."""
    bits: Literal[0, 8] = 8
    """8: both pictures are rounded to 8 bits, half up, before they are compared; 0: floating point,
    the restored picture clipped to 0..1, the truth as it is stored."""
    ssim: str = "gaussian"
    """Variant of SSIM and window of MS-SSIM, see `rawkit.metrics.similarity.SSIM_VARIANTS`."""
    border: int = 0
    """Mosaic pixels cut off at each side before pictures are compared. Beyond that nothing is
    cropped: pictures are the visible area in whole cells, as the store holds it."""
    steady: bool = False
    """Whether the estimates of a video's frames are made one smooth curve, as `rawkit restore` does
    with videos, instead of each frame's own."""
    pieces: tuple[int, int] | None = None
    """Frames of a piece, and its side in pixels of the mosaic, that a network for clips is given at
    a time; None: as large as memory allows."""
    black_level: float | None = None
    """Black level of all planes in sensor units, instead of each file's own: what scripts do that
    hard-code one. The estimate of the amplification is then made with it too."""

    white_level: float | None = None
    """White level in sensor units, likewise."""
    space: Literal["picture", "raw"] = "picture"
    """What is compared: pictures, or packed planes of 0 to 1, amplified, with those of the long; by
    networks that give mosaics."""
    correct: bool = False
    """Whether the brightness of what is restored is corrected first, by the one factor that brings
    it nearest to the truth; of planes alone. See `rawkit.evaluate.raw.corrected`."""
    centre: int = 0
    """Side in mosaic pixels of the square in the middle that is compared; 0: all within the
    border."""
    ratios: tuple[float, ...] = ()
    """Nominal ratios that figures are also summarised by; pairs whose own are not near any of them
    do not count."""

    def __post_init__(self) -> None:
        """Check every field that could be wrong."""
        self._check_space()
        if self.amplification not in (TRAINED, "auto", "ratio", "number", "equalise"):
            raise UsageError(
                f"amplification {self.amplification!r}",
                expected="trained, auto, ratio, equalise or a number",
            )
        if self.amplification != TRAINED:
            Amplification(self.amplification, self.amplification_value)
        if self.bits not in _BITS:
            raise UsageError(f"pictures of {self.bits} bits", expected="8, or 0 for floating point")
        if self.ssim not in SSIM_VARIANTS:
            raise UsageError(
                f"SSIM variant {self.ssim!r}", expected=f"one of {', '.join(SSIM_VARIANTS)}"
            )
        if self.border < 0:
            raise UsageError(f"a border of {self.border} pixels", expected="0 or more")
        if self.black_level is not None and not 0 <= self.black_level < float("inf"):
            raise UsageError(f"a black level of {self.black_level}", expected="0 or more")
        if self.pieces is not None and min(self.pieces) < 1:
            raise UsageError(f"pieces of {self.pieces}", expected="frames and pixels above 0")
        if not self.splits:
            raise UsageError("no split", expected="train, val or test")

    def _check_space(self) -> None:
        if self.space not in _SPACES:
            raise UsageError(f"figures of {self.space!r}", expected=" or ".join(_SPACES))
        if self.correct and self.space != "raw":
            raise UsageError("a corrected brightness of pictures", expected="figures of planes")
        if self.centre < 0 or self.centre % 2:
            raise UsageError(f"a square of {self.centre} pixels", expected="an even side, or 0")
        if not all(0 < one < math.inf for one in self.ratios):
            raise UsageError(f"ratios of {self.ratios}", expected="numbers above 0")
        if self.white_level is not None and not 0 < self.white_level < math.inf:
            raise UsageError(f"a white level of {self.white_level}", expected="a number above 0")

    @property
    def identity(self) -> dict[str, Any]:
        """All fields that decide a figure; newer ones only where they say something."""
        values = asdict(self)
        if not self.steady:
            del values["steady"]
        if self.pieces is None:
            del values["pieces"]
        for name in _NEWER:
            if not values[name]:
                del values[name]
        if self.space == "picture":
            del values["space"]
        return values

    def takes(self, collection: str, name: str, scene: str, split: str) -> bool:
        """Tell whether a dark frame counts."""
        return (
            (not self.collections or collection in self.collections)
            and (not self.names or any(fnmatchcase(name, one) for one in self.names))
            and scene not in self.without
            and split in self.splits
        )

    def nominal(self, ratio: float | None) -> float | None:
        """Return the nominal ratio that a pair's own is nearest to; None if it is near none."""
        if ratio is None or not 0 < ratio < math.inf:
            return None
        found = min(self.ratios, key=lambda one: abs(math.log(one / ratio)), default=None)
        near = found is not None and 1 / _NEAR < found / ratio < _NEAR
        return found if near else None

    def amplifier(self, trained: Amplification) -> Amplification:
        """Return the amplification, given the one the weights were trained with."""
        if self.amplification == TRAINED:
            return trained
        return Amplification(self.amplification, self.amplification_value)


@cache
def protocols() -> dict[str, Protocol]:
    """Return all protocols that ship, by name."""
    found = tomllib.loads(PROTOCOLS_FILE.read_text("utf-8"))
    return {name: Protocol(name, **_tuples(values)) for name, values in found.items()}


def protocol(name: str, **changes: Any) -> Protocol:
    """Return a protocol by name, with changes; the name then says which.

    Raises
    ------
    UsageError
        If there is none of that name, or a change is none.
    """
    known = protocols()
    if name not in known:
        raise UsageError(f"protocol {name!r}", expected=f"one of {', '.join(known)}")
    unknown = sorted(changes.keys() - {field.name for field in fields(Protocol)})
    if unknown:
        raise UsageError(f"{unknown[0]} is no field of a protocol")
    base = known[name]
    real = {key: value for key, value in changes.items() if value != getattr(base, key)}
    if "splits" in real:
        real["pairs"] = None
    return replace(base, **real) if real else base


def changes_of(changed: Protocol) -> list[str]:
    """Say how a protocol differs from the one that ships under its name: ``ssim=uniform``."""
    base = protocols().get(changed.name, Protocol(changed.name))
    return [
        f"{field.name}={_text(getattr(changed, field.name))}"
        for field in fields(Protocol)
        if field.name not in {"name", "title", "source", "pairs"}
        and getattr(changed, field.name) != getattr(base, field.name)
    ]


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(one) if isinstance(one, list) else one for key, one in values.items()}


def parse_amplification(text: str, m: float | None = None) -> dict[str, Any]:
    """Read ``trained``, ``auto``, ``ratio``, ``equalise`` or a number as fields of a protocol.

    Raises
    ------
    UsageError
        If it is none of them, or an m is given for another than ``auto``.
    """
    if m is not None and text != "auto":
        raise UsageError(f"m = {m:g} with amplification {text}", expected="m with auto alone")
    if text in (TRAINED, "auto", "ratio", "equalise"):
        return {"amplification": text, "amplification_value": 1.0 if m is None else m}
    try:
        return {"amplification": "number", "amplification_value": float(text)}
    except ValueError as error:
        raise UsageError(
            f"amplification {text!r}", expected="trained, auto, ratio, equalise or a number"
        ) from error


def listed_splits(values: Sequence[str]) -> tuple[str, ...]:
    """Return splits in their usual order, each once."""
    return tuple(one for one in ("train", "val", "test") if one in values)
