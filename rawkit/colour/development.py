"""How one mosaic becomes a picture: how bright, and whose colours.

The network's own colours are right for the camera it was trained on. For any other the sensor
itself knows better: the network sees planes balanced as its camera's were, and only its detail is
kept, on colours that come from the mosaic (`rawkit.colour`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rawkit.colour.anchor import ColourAnchor, SensorColour
from rawkit.colour.cells import CellGrid, overview
from rawkit.colour.matrix import matrix_of
from rawkit.colour.mode import COLOUR_MODES, ColourNote, asked_colour
from rawkit.colour.multiple import automatic_factor, feeding
from rawkit.colour.noise import estimate_noise
from rawkit.errors import UsageError
from rawkit.sensor import (
    UNKNOWN_BALANCE,
    base_of_histograms,
    gains_to,
    neutral_of,
    plane_histograms,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rawkit.colour.mode import ColourMode
    from rawkit.sensor import Neutral, RawImage


@dataclass(frozen=True, slots=True)
class Learned:
    """What weights have learned of cameras."""

    cameras: Mapping[str, Neutral | None] = field(default_factory=dict)
    """Cameras that they were trained on, by their models, with the grey each sees; empty where
    unknown."""
    wanted: Neutral | None = None
    """Where they want grey in their input, if they were trained on balanced planes."""
    published: bool = False
    """Whether they are published ones."""
    probe: Callable[[], Neutral | None] | None = None
    """Finds the grey that they make neutral by asking them, where nothing says it."""

    @property
    def folds_blue(self) -> bool:
        """Whether blue things come out red even from the camera they were trained on.

        Probing the published ones with flat fields shows it: see the page on colour.
        """
        return self.published

    def gains(self, image: RawImage) -> tuple[float, ...] | None:
        """Return what planes are multiplied by for weights that want grey at a neutral."""
        if self.wanted is None:
            return None
        return gains_to(self.wanted, image.white_balance, image.mosaic.cell.colours)

    def neutral(self) -> Neutral | None:
        """Return the grey that they make neutral: as they say, or found by asking them.

        None where they make none so.
        """
        if self.wanted is not None:
            return self.wanted
        known = [one for one in self.cameras.values() if one is not None]
        if known:
            return known[0]
        return None if self.probe is None else self.probe()


@dataclass(frozen=True, slots=True)
class Estimates:
    """What brightness can be decided on."""

    base: float
    """The amplifier's estimate as the weights were trained on it: for planes as their camera would
    have them, or for those of the file where they were trained on balanced ones."""
    expected: float | None
    """The factor that makes a picture as bright as a photographer expects, where it was asked for
    or the colours are the sensor's."""
    by_default: bool
    """Whether that one is to be taken where nothing is asked for."""


@dataclass(frozen=True, slots=True)
class Development:
    """One picture of a mosaic."""

    amplification: float
    """What normalised green is multiplied by, all in all."""
    fed: float
    """What it is multiplied by before the network; the rest is given back in linear light."""
    gains: tuple[float, ...] | None
    """What each packed plane is multiplied by beside that, before the network; None: nothing."""
    note: ColourNote
    """Whose colours it has."""
    anchor: ColourAnchor | None = None
    """Gives the network's picture the sensor's colours; None: it keeps its own."""
    warning: str | None = None
    """What is beyond the weights, for people."""

    def coloured(self, bands: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        """Give bands of the network's picture, (rows, width, 3) from the top, their colours."""
        return iter(bands) if self.anchor is None else self.anchor.bands(bands)


def develop(
    image: RawImage,
    learned: Learned,
    mode: ColourMode,
    factors: Callable[[Estimates], Sequence[float]],
    *,
    base: float,
    camera: str | None = None,
    expects: bool = False,
) -> list[Development]:
    """Decide how a mosaic becomes a picture, or several of different brightness.

    Parameters
    ----------
    image
        The mosaic.
    learned
        What is known of the weights.
    mode
        Whose colours are wanted.
    factors
        Chooses what normalised green is multiplied by, for each picture.
    base
        The amplifier's estimate for its planes as they are.
    camera
        Its model as EXIF spells it; None where unknown.
    expects
        Whether `factors` asks for the expected one, whatever the colours.

    Raises
    ------
    UsageError
        If there is no such mode.
    """
    if mode not in COLOUR_MODES:
        raise UsageError(f"colour {mode!r}", expected=", ".join(COLOUR_MODES))
    chosen, why = _chosen(mode, image, learned, camera)
    if chosen == "sensor":
        note = ColourNote("sensor", why, asked_colour(mode))
        return _by_sensor(image, learned, factors, note, base)
    gains = learned.gains(image)
    note = ColourNote("network", why, asked_colour(mode), None if gains is None else learned.wanted)
    expected = None
    if expects:
        squares = overview(CellGrid(image.pixels, image.mosaic))
        expected = automatic_factor(squares, _sensor_colour(image))
    found = factors(Estimates(base, expected, by_default=False))
    return [Development(factor, factor, gains, note) for factor in found]


def _chosen(
    mode: ColourMode, image: RawImage, learned: Learned, camera: str | None
) -> tuple[str, str]:
    """Return ``sensor`` or ``network``, and why."""
    if mode == "network":
        return "network", "asked for"
    if image.white_balance.source == UNKNOWN_BALANCE:
        return "network", "nobody knows the white balance, without which the sensor has no colours"
    if mode == "sensor":
        return "sensor", "asked for"
    if not learned.cameras:
        return "network", "the weights do not say which cameras they were trained on"
    if (camera or "").lower() not in {one.lower() for one in learned.cameras}:
        return "sensor", f"the weights have not seen {camera or 'an unknown camera'}"
    if learned.folds_blue:
        return "sensor", "the weights turn blue things red"
    return "network", f"the weights were trained on {camera}"


def _by_sensor(
    image: RawImage,
    learned: Learned,
    factors: Callable[[Estimates], Sequence[float]],
    note: ColourNote,
    base: float,
) -> list[Development]:
    colours, balance = image.mosaic.cell.colours, image.white_balance
    neutral = learned.neutral()
    gains = None if neutral is None else gains_to(neutral, balance, colours)
    colour = _sensor_colour(image)
    squares = overview(CellGrid(image.pixels, image.mosaic))
    expected = automatic_factor(squares, colour)
    matrix = colour.matrix
    told = replace(
        note, neutral=neutral, white_balance=colour.balance, white_balance_source=balance.source,
        colour_matrix=matrix.values,
        colour_matrix_source=matrix.source
        if matrix.reason is None else f"{matrix.source}: {matrix.reason}",
    )  # fmt: skip
    # Balanced weights were trained on estimates of planes as they are.
    if learned.wanted is None:
        base = _balanced_base(image, gains)
    found = []
    for factor in factors(Estimates(base, expected, by_default=learned.published)):
        feed = feeding(squares, colour, factor)
        anchor = ColourAnchor(
            image.pixels, image.mosaic, colour, feed.factor,
            brightness=feed.brightness, viewed=expected / feed.factor, squares=squares,
        )  # fmt: skip
        found.append(Development(factor, feed.factor, gains, told, anchor, feed.warning))
    return found


def _sensor_colour(image: RawImage) -> SensorColour:
    neutral = neutral_of(image.white_balance.multipliers, image.mosaic.cell.colours)
    red, green, blue = (1 / one for one in neutral)
    noise = estimate_noise(image.pixels, image.mosaic)
    return SensorColour((red, green, blue), matrix_of(image.colour_matrix), noise)


def _balanced_base(image: RawImage, gains: Sequence[float] | None) -> float:
    """Amplifier's estimate of planes times their gains."""
    mosaic = image.mosaic
    return base_of_histograms(
        plane_histograms(image), mosaic.black_level, mosaic.white_level, gains
    )
