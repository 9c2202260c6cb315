"""How bright a picture should be, and how bright a frame a network should be fed.

Both are told from the mosaic before the network runs: from the linear light of its squares of 8x8
cells, which have next to no noise left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rawkit.colour.scales import LUMINANCE, mix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.colour.anchor import SensorColour

MIDDLE = 0.18
"""Median luminance of a picture as a photographer expects it: a grey card's."""
CLIPPED = 0.01
"""Share of a picture that may be brighter than white for it."""
MOST = 2400.0
"""Largest factor of the published protocol: the estimate's limit of 300, times m = 8."""
_LEAST_LIGHT = 1e-7


@dataclass(frozen=True, slots=True)
class Range:
    """Brightness of what a network has been trained on, after amplification."""

    median: tuple[float, float] = (0.02, 0.2)
    """Lowest and highest median luminance."""
    most: float = MOST
    """Largest factor."""


@dataclass(frozen=True, slots=True)
class Feeding:
    """What a network is fed and what is done to its picture's light."""

    factor: float
    """What normalised green is multiplied by before the network."""
    brightness: float
    """What the linear light of the picture is multiplied by after it."""
    warning: str | None = None
    """What cannot be had, if anything."""


def automatic_factor(squares: NDArray[np.float32], colour: SensorColour) -> float:
    """Return the factor that makes the median luminance 0.18 with at most a share of 1% clipped.

    Parameters
    ----------
    squares
        The mosaic's `overview`, float32 (3, rows, columns).
    colour
        The camera's balance and matrix.

    Returns
    -------
    float
        Above 0, at most `MOST`; below 1 for frames brighter than that. A frame without light gets
        `MOST`.
    """
    luminance, brightest = _light(squares, colour)
    middle = float(np.median(luminance))
    top = float(np.quantile(brightest, 1 - CLIPPED))
    wanted = MIDDLE / middle if middle > _LEAST_LIGHT else MOST
    allowed = 1 / top if top > _LEAST_LIGHT else MOST
    return float(min(wanted, allowed, MOST))


def feeding(
    squares: NDArray[np.float32],
    colour: SensorColour,
    factor: float,
    trained: Range | None = None,
) -> Feeding:
    """Decide how bright a frame a network is fed for a picture amplified by `factor`.

    Inside the trained range it is the factor itself, and the brightness 1. A frame that would be
    brighter is fed darker, below 1 if need be, and its light given back after the network.
    """
    trained = trained or Range()
    luminance, _ = _light(squares, colour)
    middle = float(np.median(luminance)) * factor
    fed, warning = factor, None
    if middle > trained.median[1]:
        fed = factor * trained.median[1] / middle
    if fed > trained.most:
        fed = trained.most
        warning = (
            f"amplified {factor:.0f} times, beyond the {trained.most:.0f} that the weights"
            " were trained for"
        )
    elif middle < trained.median[0]:
        warning = (
            f"a median luminance of {middle:.3f} after amplification, where the weights were"
            f" trained on {trained.median[0]:g} and more"
        )
    return Feeding(fed, factor / fed, warning)


def _light(
    squares: NDArray[np.float32], colour: SensorColour
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Luminance and brightest channel of linear sRGB of squares, unamplified."""
    gains = np.array(colour.balance, np.float32)
    camera = np.minimum(squares * gains[:, None, None], gains.min())
    light = mix(colour.matrix.array(), camera)
    return mix(np.array([LUMINANCE], np.float32), light)[0], light.max(axis=0)
