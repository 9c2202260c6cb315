"""How one mosaic becomes a picture: how bright, and whose colours.

The network's own colours are right for the camera it was trained on. For any other the sensor
itself knows better: the network sees planes balanced as its camera's were, and only its detail is
kept, on colours that come from the mosaic (`rawkit.colour`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rawkit.colour import (
    CellGrid,
    ColourAnchor,
    SensorColour,
    automatic_factor,
    estimate_noise,
    feeding,
    matrix_of,
    overview,
)
from rawkit.errors import UsageError
from rawkit.restore.colours import COLOUR_MODES, ColourNote, asked_colour
from rawkit.sensor import (
    UNKNOWN_BALANCE,
    base_of_histograms,
    gains_to,
    neutral_of,
    plane_histograms,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rawkit.restore.amplify import Brightness
    from rawkit.restore.colours import ColourMode
    from rawkit.restore.restorer import Restorer
    from rawkit.sensor import Exposure, RawImage


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
    restorer: Restorer,
    brightness: Brightness,
    mode: ColourMode = "auto",
    *,
    base: float,
    exposure: Exposure,
    gain_ratio: float | None = None,
    camera: str | None = None,
) -> list[Development]:
    """Decide for each brightness how a mosaic becomes a picture.

    Parameters
    ----------
    image
        The mosaic.
    restorer
        The network, and what is known of its weights.
    brightness
        How bright; one picture for each of its values.
    mode
        Whose colours are wanted.
    base
        The amplifier's estimate for its planes as they are.
    exposure
        Its exposure.
    gain_ratio
        Gain ratio to its long, from a store; None where unknown.
    camera
        Its model as EXIF spells it; None where unknown.

    Raises
    ------
    MosaicError
        If a ratio is asked for and the file does not say enough for one.
    UsageError
        If there is no such mode.
    """
    if mode not in COLOUR_MODES:
        raise UsageError(f"colour {mode!r}", expected=", ".join(COLOUR_MODES))
    chosen, why = _chosen(mode, image, restorer, camera)
    asked = asked_colour(mode)
    if chosen == "sensor":
        return _by_sensor(image, restorer, brightness, base, exposure, gain_ratio, why, asked)
    # The base is that of the planes as they are, for balanced weights too: so they were trained.
    gains = restorer.gains(image)
    note = ColourNote("network", why, asked, None if gains is None else restorer.neutral)
    light = None
    if brightness.kind == "expected":
        colour = _sensor_colour(image)
        light = automatic_factor(overview(CellGrid(image.pixels, image.mosaic)), colour)
    factors = brightness.factors(
        base, exposure, gain_ratio, restorer.amplification,
        ratio_to_estimate=restorer.ratio_to_estimate, expected=light,
    )  # fmt: skip
    return [Development(factor, factor, gains, note) for factor in factors]


def _chosen(
    mode: ColourMode, image: RawImage, restorer: Restorer, camera: str | None
) -> tuple[str, str]:
    """Return ``sensor`` or ``network``, and why."""
    if mode == "network":
        return "network", "asked for"
    if image.white_balance.source == UNKNOWN_BALANCE:
        return "network", "nobody knows the white balance, without which the sensor has no colours"
    if mode == "sensor":
        return "sensor", "asked for"
    if not restorer.cameras:
        return "network", "the weights do not say which cameras they were trained on"
    seen = (camera or "").lower() in {one.lower() for one in restorer.cameras}
    if not seen:
        return "sensor", f"the weights have not seen {camera or 'an unknown camera'}"
    if restorer.folds_blue:
        return "sensor", "the weights turn blue things red"
    return "network", f"the weights were trained on {camera}"


def _by_sensor(
    image: RawImage,
    restorer: Restorer,
    brightness: Brightness,
    base: float,
    exposure: Exposure,
    gain_ratio: float | None,
    why: str,
    asked: str,
) -> list[Development]:
    colours, balance = image.mosaic.cell.colours, image.white_balance
    neutral = restorer.learned_neutral()
    gains = None if neutral is None else gains_to(neutral, balance, colours)
    colour = _sensor_colour(image)
    squares = overview(CellGrid(image.pixels, image.mosaic))
    expected = automatic_factor(squares, colour)
    matrix = colour.matrix
    note = ColourNote(
        "sensor", why, asked, neutral, colour.balance, balance.source, matrix.values,
        matrix.source if matrix.reason is None else f"{matrix.source}: {matrix.reason}",
    )  # fmt: skip
    if restorer.neutral is None:  # balanced weights were trained on the base of planes as they are
        base = _balanced_base(image, gains)
    factors = brightness.factors(
        base, exposure, gain_ratio, restorer.amplification,
        ratio_to_estimate=restorer.ratio_to_estimate,
        expected=expected, by_default=restorer.published,
    )  # fmt: skip
    found = []
    for factor in factors:
        feed = feeding(squares, colour, factor)
        anchor = ColourAnchor(
            image.pixels, image.mosaic, colour, feed.factor,
            brightness=feed.brightness, viewed=expected / feed.factor, squares=squares,
        )  # fmt: skip
        found.append(Development(factor, feed.factor, gains, note, anchor, feed.warning))
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
