"""What another program must know to make a picture as bright, with the sensor's colours."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from rawkit.colour.mode import COLOUR_VERSION
from rawkit.colour.multiple import CLIPPED, MIDDLE, MOST, Range
from rawkit.colour.scales import LUMINANCE
from rawkit.pictures import curve_constants

if TYPE_CHECKING:
    from collections.abc import Mapping


def _constants() -> dict[str, object]:
    offset, slope, end = curve_constants()
    return {
        "version": COLOUR_VERSION,
        "luminance": list(LUMINANCE),
        "median_luminance": MIDDLE,
        "share_clipped": CLIPPED,
        "largest_factor": MOST,
        "trained_median_luminance": list(Range().median),
        "curve": {"exponent": 1 / 2.222, "slope": slope, "offset": offset, "end": end},
    }


SENSOR_CONSTANTS: Mapping[str, object] = MappingProxyType(_constants())
"""By name: see the page on what an app does around a network."""
