"""Figures of papers to compare with, and where they stand."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

PUBLISHED_FILE: Final = Path(__file__).with_name("published.toml")


@dataclass(frozen=True, slots=True)
class PublishedSource:
    """Where figures stand."""

    key: str
    """Short name."""
    citation: str
    """Authors, title, place, and table."""
    url: str
    """Where it can be read."""


@dataclass(frozen=True, slots=True)
class PublishedFigure:
    """PSNR and SSIM of one method on one camera's test pairs, or on test videos."""

    method: str
    """Name as tables print it."""
    title: str
    """The paper that proposes the method."""
    collection: str
    """Collection, as in ``rawkit ingest NAME``."""
    camera: str
    """Part of the collection: Sony or Fuji; empty where it has no parts."""
    psnr: float
    """Peak signal-to-noise ratio in dB."""
    ssim: float
    """Structural similarity, as that paper's scripts compute it."""
    source: PublishedSource
    """Where these figures stand."""
    mabd: float | None = None
    """Mean squared difference of what its program calls MABD, see `rawkit.metrics.brightness`:
    comparable with ``mabd_columns`` alone. Tables print it in units of 10^-3."""
    network: str | None = None
    """Name of the network in rawkit's registry, if it is there."""
    space: Literal["picture", "raw"] = "picture"
    """What was compared, as in `Protocol`; in raw space the brightness was corrected."""
    ratio: float | None = None
    """What the dark frames were amplified by, where figures are stated by that."""


@cache
def published_figures() -> tuple[PublishedFigure, ...]:
    """Return all figures that ship, in the order of the file."""
    found = tomllib.loads(PUBLISHED_FILE.read_text("utf-8"))
    sources = {key: PublishedSource(key, **values) for key, values in found["sources"].items()}
    return tuple(
        PublishedFigure(**{**values, "source": sources[values["source"]]})
        for values in found["figure"]
    )


def published_for(
    collection: str, camera: str | None = None, space: str = "picture"
) -> tuple[PublishedFigure, ...]:
    """Return the figures of pictures, or of planes, of a collection, or of one camera of it."""
    return tuple(
        one
        for one in published_figures()
        if one.collection == collection and camera in (None, one.camera) and one.space == space
    )
