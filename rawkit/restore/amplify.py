"""How much each mosaic is amplified, and what its pictures are called for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from rawkit.errors import MosaicError, UsageError
from rawkit.sensor import MAX_RATIO, Amplification, Exposure, gain_ratio

Kind = Literal["trained", "auto", "ratio", "number", "expected"]

_PARTS = {
    "seconds": re.compile(r"(?P<value>[0-9./]+)s?"),
    "iso": re.compile(r"iso(?P<value>[0-9.]+)"),
    "f_number": re.compile(r"f/?(?P<value>[0-9.]+)"),
}


@dataclass(frozen=True, slots=True)
class Brightness:
    """What is asked for; each file then has its own factors."""

    kind: Kind = "trained"
    """``trained``: as the network was; ``auto``: multiples of the estimate; ``ratio``: to an
    exposure; ``number``: one factor for all; ``expected``: as bright as a photographer expects, see
    `rawkit.colour.automatic_factor`."""
    values: tuple[float, ...] = ()
    """Multiples m for ``auto``, factors for ``number``; one picture each."""
    exposure: Exposure | None = None
    """For ``ratio``: the exposure to be as bright as; None: the long that a store knows."""

    def __post_init__(self) -> None:
        """Check that the values are some, and give names that differ."""
        if any(not 0 < value < float("inf") for value in self.values):
            raise UsageError(f"an amplification of {min(self.values):g}", expected="above 0")
        labels = [f"{value:g}" for value in self.values]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise UsageError(
                f"{', '.join(twice)} twice among {labels}",
                expected="values that differ within six digits, as names tell them apart",
            )
        if self.kind == "number" and not self.values:
            raise UsageError("an amplification by a number, without one", expected="a number")

    def labels(self) -> list[str]:
        """Return how names of pictures end, in the order of `values`; not at all for one."""
        if len(self.values) < 2:  # noqa: PLR2004 - one needs no name
            return [""]
        letter = "m" if self.kind == "auto" else "x"
        return [f"_{letter}{value:g}" for value in self.values]

    def factors(
        self,
        base: float,
        exposure: Exposure,
        ratio: float | None,
        trained: Amplification,
        *,
        ratio_to_estimate: float = 1.0,
        expected: float | None = None,
        by_default: bool = False,
    ) -> list[float]:
        """Return the factor of each picture of a file.

        Parameters
        ----------
        base
            The amplifier's estimate for the whole visible area.
        exposure
            The file's own exposure.
        ratio
            Gain ratio to its long, from a store; None where unknown.
        trained
            How the network's input was amplified in training.
        ratio_to_estimate
            For a network trained on ratios: what multiplies the estimate of a file without a long.
        expected
            The factor of ``expected``, where it is known.
        by_default
            Whether that one is taken where nothing is asked for, instead of what the network was
            trained with.

        Raises
        ------
        MosaicError
            If a ratio is asked for and the file does not say enough for one.
        """
        if self.kind == "number":
            return list(self.values)
        if trained.kind == "equalise":
            return [1.0]
        if self.kind == "ratio":
            return [self._ratio(exposure, ratio)]
        if expected is not None and (
            self.kind == "expected" or (by_default and self.kind == "trained")
        ):
            return [expected]
        if self.kind == "auto" or self.values:
            return [base * value for value in self.values or (1.0,)]
        if trained.kind == "number":
            return [trained.value]
        if trained.kind == "ratio" and ratio is not None:
            return [min(ratio, MAX_RATIO)]
        if trained.kind in ("ratio", "exposure"):
            # A raw file has no long: as many times the estimate as the training pairs had.
            return [base * ratio_to_estimate]
        return [base * trained.value]

    def _ratio(self, own: Exposure, stored: float | None) -> float:
        if self.exposure is None:
            if stored is None:
                raise MosaicError(
                    "no long exposure to take a ratio from",
                    expected="a frame of a store with its long",
                    fix="Name an exposure to be as bright as: --exposure 10s.",
                )
            return min(stored, MAX_RATIO)
        if self.exposure.iso is None:  # taken to agree, whatever it is
            own = Exposure(own.seconds, 1.0, own.f_number)
        found = gain_ratio(own, self.exposure.or_else(own))
        if not found > 0:
            raise MosaicError(
                f"a file that does not say {_missing(own, self.exposure)}",
                expected="it, for amplification by ratio",
                fix="Use the estimate: --amplification auto.",
            )
        return min(found, MAX_RATIO)


def parse_exposure(text: str) -> Exposure:
    """Read an exposure such as ``10s``, ``1/25s`` or ``10s,iso100,f/8``.

    Raises
    ------
    UsageError
        If it is none, or has no time.
    """
    values: dict[str, float] = {}
    for part in re.split(r"[,\s]+", text.strip().lower()):
        name, value = _part(part) or ("", 0.0)
        if not 0 < value < float("inf") or name in values:
            raise UsageError(f"{text!r}", expected="an exposure such as 10s or 10s,iso100,f/8")
        values[name] = value
    if "seconds" not in values:
        raise UsageError(f"{text!r} without a time", expected="an exposure such as 10s")
    return Exposure(values["seconds"], values.get("iso"), values.get("f_number"))


def parse_amplification(text: str) -> tuple[Kind, tuple[float, ...]]:
    """Read ``auto``, ``ratio``, or numbers such as ``100`` or ``50,100``.

    Raises
    ------
    UsageError
        If it is neither.
    """
    if text in ("auto", "ratio"):
        return ("auto" if text == "auto" else "ratio"), ()
    try:
        return "number", tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(
            f"amplification {text!r}", expected="auto, ratio, or a number such as 100"
        ) from None


def _part(text: str) -> tuple[str, float] | None:
    for name, pattern in _PARTS.items():
        match = pattern.fullmatch(text)
        if match is not None:
            top, slash, bottom = match["value"].partition("/")
            try:
                return name, float(top) / float(bottom) if slash else float(top)
            except (ValueError, ZeroDivisionError):
                return None
    return None


def _missing(own: Exposure, wanted: Exposure) -> str:
    """Name what a ratio needs and a file lacks; an unknown aperture is taken to agree."""
    missing = ["its exposure time"] if own.seconds is None else []
    if own.iso is None and wanted.iso is not None:
        missing.append("its ISO")
    return " and ".join(missing)
