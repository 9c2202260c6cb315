"""A constructor refuses what makes no sense, with an error of rawkit's own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rawkit.errors import MosaicError, UsageError
from rawkit.sensor import Levels, Mosaic
from rawkit.stream import PlanSettings

GOOD = Mosaic(
    pattern=((0, 1), (3, 2)), black_level=(64.0,) * 4, white_level=1023.0,
    camera_white_level=None, raw_height=66, raw_width=100, top=2, left=4, height=64, width=96,
    pixel_aspect=1.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"pattern": ((0, 0), (1, 2))}, "Bayer or X-Trans"),
        ({"pattern": ((0, 1, 1), (3, 2, 2))}, "Bayer or X-Trans"),
        ({"black_level": (64.0,)}, "1 black levels; expected 4"),
        ({"pixel_aspect": 0.0}, "pixels of aspect"),
        ({"pixel_aspect": float("nan")}, "pixels of aspect"),
    ],
)
def test_what_can_be_no_mosaic_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(MosaicError, match=said):
        replace(GOOD, **change)


@pytest.mark.parametrize("levels", [(600, 512), (512, 512), (-1, None), (None, 0)])
def test_levels_the_wrong_way_round_are_refused(levels: tuple[int | None, int | None]) -> None:
    with pytest.raises(UsageError, match="level of"):
        Levels(*levels)


def test_a_crop_is_counted_in_pixels_of_the_mosaic() -> None:
    assert PlanSettings(crop=512).packed_side == 256
    assert PlanSettings(crop=512).extent == 257
    with pytest.raises(UsageError, match="crops of 33 mosaic pixels; expected an even number"):
        PlanSettings(crop=33)
