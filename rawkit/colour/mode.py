"""Whose colours a picture has: what may be asked for, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rawkit.sensor import Neutral

ColourMode = Literal["auto", "sensor", "network"]
"""``network``: its own; ``sensor``: the sensor's, under the network's detail; ``auto``: the
network's for a camera it was trained on, the sensor's for any other."""
COLOUR_MODES: tuple[ColourMode, ...] = ("auto", "sensor", "network")
COLOUR_VERSION = 1
"""Rises when the sensor's colours come out otherwise, so that existing pictures are made anew."""
NETWORK_COLOUR = "network"


def asked_colour(mode: ColourMode) -> str:
    """Return what the manifest says was asked for: pictures of one such text come out alike."""
    return NETWORK_COLOUR if mode == "network" else f"{mode}/{COLOUR_VERSION}"


@dataclass(frozen=True, slots=True)
class ColourNote:
    """Whose colours a picture has, and by what."""

    colour: str
    """``network`` or ``sensor``."""
    colour_why: str
    """One line for people."""
    colour_asked: str
    """Of `asked_colour`."""
    neutral: Neutral | None = None
    """Camera R, G and B to which grey was brought before the network; None: planes as they are."""
    white_balance: tuple[float, float, float] | None = None
    """Multipliers of R, G and B that make grey neutral, where the sensor's colours were taken."""
    white_balance_source: str | None = None
    """Where they are from."""
    colour_matrix: tuple[tuple[float, float, float], ...] | None = None
    """Balanced camera colours to linear sRGB, rows adding up to 1."""
    colour_matrix_source: str | None = None
    """``file``, ``libraw``, or ``none`` with the reason."""
