"""Which balance a file is rendered with: the camera's, or daylight where that one is none.

An as-shot balance of all ones means one of two things. Either the camera measured none (a Raspberry
Pi's DNG): then ones leave greys green, as sensors see more green than red and blue. Or it balanced
the pixels before it wrote them (a Nikon D1): then daylight, which is meant for the bare sensor,
turns greys magenta. The pixels tell the two apart: the right one of two balances brings the greys
of the frame nearer to neutral. The same is asked where multipliers are out of any camera's range.

How far a balance leaves greys from neutral is measured on means of blocks of pixels: black
subtracted, balanced, and as logarithms of R/G and B/G, whose mean is the tint (magenta over green)
and half their difference the temperature (orange over blue). Real light varies in temperature, by
a factor of two and more between shade and lamps, and hardly in tint, while a balance that belongs
to another kind of file misses in both: so temperature counts a quarter. Which blocks are grey
nobody knows; those nearest to neutral are taken to be, a quarter of all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from rawkit.sensor.types import Mosaic

    Balance = tuple[float, float, float, float]
    Blocks = Callable[[], NDArray[np.float64]]

LOWEST, HIGHEST = 0.5, 8.0
"""Multipliers of red and blue over green that a camera may have measured. Sensors with their usual
filters need 1 to 4 under the sun and under lamps alike; half as much, or twice as much, is the
light of coloured lamps. What lies beyond is a wrong number as a rule."""
_ABSURD = 1e4
"""Multipliers that are so many times others are no balance at all."""
_SAME = 1e-4
"""Multipliers that differ by no more than this part are one number."""
_BARE_SENSOR = (2.0, 1.0, 1.5)
"""What greys need under daylight on a sensor as they are, for files of which nobody knows it."""
_COLOURS = 3
_ROWS = 64
"""Rows of blocks in a frame; blocks are square."""
_LEAST_CELLS, _MOST_ROWS = 4, 8
"""Cells along the side of a block, at least, and rows of cells that are added up in it, at most."""
_LEAST_SIGNAL = 2.0
"""Sensor units over black: what lies below may be an error of the black level."""
_BRIGHTEST = 0.7
"""Share of full scale; above it some pixels of a block saturate."""
_DARK_SHARE = 0.3
"""Share of the blocks that are too dark to count: noise, and errors of the black level."""
_LEAST_BLOCKS = 16
_GREY_SHARE = 0.25
_TEMPERATURE = 0.25
_NEARER = 0.95
"""How much nearer to neutral the camera's balance must be to be taken."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A balance that was chosen."""

    values: Balance
    """Multipliers in LibRaw's order R, G1, B, G2; G1 is 1."""
    source: str
    """What `WhiteBalance.source` says."""
    decided: bool
    """Whether LibRaw would take another one by itself."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """The balances that a file and LibRaw's table offer, R, G1, B, G2 in any scale; None: none."""

    as_shot: Sequence[float] | None
    """What the camera wrote."""
    daylight: Sequence[float] | None
    """What greys need under daylight, from the camera's colour matrix."""

    def choose(self, blocks: Blocks) -> Chosen:
        """Choose; `blocks` returns `block_means`, and is called only where they must tell."""
        as_shot, daylight = _scaled(self.as_shot), _scaled(self.daylight)
        doubt = None if as_shot is None else _doubt(as_shot)
        if as_shot is not None and doubt is None:
            return Chosen(as_shot, "camera", decided=False)
        if daylight is None or _all_ones(daylight):  # LibRaw has no matrix
            if as_shot is not None:
                return _without_matrix(as_shot, f"camera ({doubt}", blocks)
            return _without_matrix(daylight, "daylight (all ones", blocks)
        if as_shot is None:
            return Chosen(daylight, "daylight", decided=False)
        usable = _usable(blocks())
        if len(usable) < _LEAST_BLOCKS:
            why = f"as-shot {doubt}; no greys to tell by"
            return Chosen(daylight, f"daylight ({why})", decided=True)
        distance, (best, greys) = _greys(usable, as_shot)[0], _greys(usable, daylight)
        if distance < _NEARER * best:
            return Chosen(as_shot, f"camera ({doubt}; the frame's greys agree)", decided=True)
        why = f"as-shot {doubt} leaves greys {_cast(greys, as_shot)}"
        return Chosen(daylight, f"daylight ({why})", decided=True)


def block_means(pixels: NDArray[np.uint16], mosaic: Mosaic) -> NDArray[np.float64]:
    """Average a mosaic (height, width) over blocks, black subtracted: (blocks, 3), R, G and B.

    In sensor units. Blocks near saturation, and those that hardly rise above black, are left out.
    Sums are of integers and exact, so the result does not depend on their order.
    """
    side = mosaic.cell.side
    height, width = pixels.shape
    cells = max(_LEAST_CELLS, height // (_ROWS * side))
    block = side * cells
    used, across = min(cells, _MOST_ROWS), width // block
    sums = np.zeros((height // block, across, side, side))
    for row in range(len(sums) if across else 0):
        band = pixels[row * block : row * block + side * used, : across * block]
        lines = np.ascontiguousarray(band).reshape(used, side * across * block)
        # At most 8 x 65535: exact in float32.
        added = cv2.reduce(lines, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32F)
        sums[row] = (
            added.reshape(side, across, cells, side).sum(2, dtype=np.float64).transpose(1, 0, 2)
        )
    means = sums.reshape(-1, side, side) / (used * cells)
    colours = np.zeros((len(means), _COLOURS))
    counts = np.zeros(_COLOURS)
    fits = np.ones(len(means), bool)
    for y, x, plane in mosaic.positions():
        black, colour = mosaic.black_level[plane], mosaic.cell.colours[plane]
        signal = means[:, y, x] - black
        colours[:, colour] += signal
        counts[colour] += 1
        fits &= signal < _BRIGHTEST * (mosaic.white_level - black)
    colours /= counts
    fits &= (colours >= _LEAST_SIGNAL).all(1)
    return colours[fits]


def _without_matrix(values: Balance | None, source: str, blocks: Blocks) -> Chosen:
    """Take a balance if it suits the greys better than what bare sensors need; else ones."""
    if values is not None:
        usable = _usable(blocks())
        if len(usable) >= _LEAST_BLOCKS and (
            _greys(usable, values)[0] < _NEARER * _greys(usable, _BARE_SENSOR)[0]
        ):
            return Chosen(values, f"{source}; the frame's greys agree)", decided=True)
    return Chosen((1.0, 1.0, 1.0, 1.0), "unknown", decided=True)


def _usable(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Leave out the darkest blocks."""
    if not len(means):
        return means
    green = means[:, 1]
    kept: NDArray[np.float64] = means[green >= np.quantile(green, _DARK_SHARE)]
    return kept


def _greys(
    means: NDArray[np.float64], balance: Sequence[float]
) -> tuple[float, NDArray[np.float64]]:
    """Return how far from neutral a balance leaves the greys among block means, and the greys."""
    distances = np.hypot(*_tint_and_temperature(means, balance))
    nearest = np.argsort(distances, kind="stable")[: max(1, int(_GREY_SHARE * len(means)))]
    return float(distances[nearest[-1]]), means[nearest]


def _cast(greys: NDArray[np.float64], balance: Sequence[float]) -> str:
    """Name the colour in which a balance leaves greys."""
    tint, temperature = (
        float(np.median(values)) for values in _tint_and_temperature(greys, balance)
    )
    if abs(tint) >= abs(temperature):
        return "magenta" if tint > 0 else "green"
    return "orange" if temperature > 0 else "blue"


def _tint_and_temperature(
    means: NDArray[np.float64], balance: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the tint of each balanced mean, and a quarter of its temperature; 0 is neutral."""
    logarithms = np.log(means * np.asarray(balance[:_COLOURS]))
    red, blue = logarithms[:, 0] - logarithms[:, 1], logarithms[:, 2] - logarithms[:, 1]
    return (red + blue) / 2, _TEMPERATURE * (red - blue) / 2


def _scaled(values: Sequence[float] | None) -> Balance | None:
    """Scale multipliers so that the first green is 1; None if they can be none.

    Cameras write zeros and negative numbers where they did not measure any, and damaged files hold
    any number. A fourth of zero is usual: both greens share one multiplier.
    """
    if values is None:
        return None
    red, green, blue = (float(value) for value in values[:_COLOURS])
    other = float(values[_COLOURS])
    if not (np.isfinite([red, green, blue]).all() and min(red, green, blue) > 0):
        return None
    if not (np.isfinite(other) and other > 0):
        other = green
    scaled = (red / green, 1.0, blue / green, other / green)
    return scaled if min(scaled) > 1 / _ABSURD and max(scaled) < _ABSURD else None


def _all_ones(values: Sequence[float]) -> bool:
    return max(abs(values[0] - 1), abs(values[2] - 1)) <= _SAME


def _doubt(as_shot: Sequence[float]) -> str | None:
    """Say why multipliers may not be what greys need; None for usual ones."""
    if _all_ones(as_shot):
        return "all ones"
    usual = all(LOWEST <= value <= HIGHEST for value in (as_shot[0], as_shot[2]))
    return None if usual else "out of range"
