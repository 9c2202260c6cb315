"""How each frame of a video becomes a picture: decided for each, then made smooth over time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from rawkit.colour import (
    CellGrid,
    ColourAnchor,
    Development,
    SensorColour,
    automatic_factor,
    estimate_noise,
    matrix_of,
    overview,
)
from rawkit.restore import Origin
from rawkit.video.steady import RADIUS, steadied

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from rawkit.colour import ColourMode
    from rawkit.restore import Brightness, Restorer
    from rawkit.video.footage import RawFrame

_COLOURS = 3


@dataclass(frozen=True, slots=True)
class Developed:
    """A frame, and how it becomes a picture."""

    frame: RawFrame
    """The frame."""
    alone: float
    """The amplification that it would have had by itself."""
    development: Development
    """What is done to it, on the smooth curve."""


def developed(
    frames: Iterable[RawFrame],
    restorer: Restorer,
    brightness: Brightness,
    mode: ColourMode,
    radius: int = RADIUS,
) -> Iterator[Developed]:
    """Decide for each frame of a video how bright it becomes, and whose colours it has.

    Parameters
    ----------
    frames
        In their order.
    restorer
        The network.
    brightness
        How mosaics are amplified; the first of several values counts.
    mode
        Whose colours are wanted.
    radius
        Frames to each side that the curve is smooth over; 0: each frame for itself.

    Raises
    ------
    MosaicError
        If a ratio is asked for and a file does not say enough for one.
    """
    decided = (_decided(frame, restorer, brightness, mode) for frame in frames)
    for (frame, alone), estimates in steadied(decided, radius):
        yield Developed(frame, alone.amplification, _steady(frame, alone, estimates))


def _decided(
    frame: RawFrame, restorer: Restorer, brightness: Brightness, mode: ColourMode
) -> tuple[tuple[RawFrame, Development], NDArray[np.float64]]:
    """Decide for a frame alone; its estimates are what is made smooth."""
    capture = frame.capture
    origin = Origin(frame.base, capture.exposure, None, capture.model)
    one = restorer.developments(frame.image, brightness, mode, origin)[0]
    planes = frame.image.mosaic.cell.planes
    estimates = np.concatenate(
        [
            [one.amplification, one.fed],
            np.ones(planes) if one.gains is None else one.gains,
            np.ones(_COLOURS) if one.note.white_balance is None else one.note.white_balance,
        ]
    )
    # The squares of the anchor are made anew: it would wait through the whole window.
    return (frame, replace(one, anchor=None)), estimates


def _steady(frame: RawFrame, alone: Development, estimates: NDArray[np.float64]) -> Development:
    """Return what was decided with the values of the smooth curve."""
    amplification, fed = (float(one) for one in estimates[:2])
    red, green, blue = (float(one) for one in estimates[-_COLOURS:])
    gains = tuple(float(one) for one in estimates[2:-_COLOURS])
    steady = replace(
        alone, amplification=amplification, fed=fed, gains=None if alone.gains is None else gains
    )
    if alone.note.colour != "sensor":
        return steady
    image = frame.image
    noise = estimate_noise(image.pixels, image.mosaic)
    balance = red, green, blue
    colour = SensorColour(balance, matrix_of(image.colour_matrix), noise)
    squares = overview(CellGrid(image.pixels, image.mosaic))
    anchor = ColourAnchor(
        image.pixels, image.mosaic, colour, fed, brightness=amplification / fed,
        viewed=automatic_factor(squares, colour) / fed, squares=squares,
    )  # fmt: skip
    note = replace(alone.note, white_balance=balance)
    return replace(steady, note=note, anchor=anchor)
