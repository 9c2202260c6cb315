"""The options of patches: in a grid, SIDE/STRIDE, and overlapping, TIMESxSIDE; mosaic pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    _Grid = click.ParamType[tuple[int, int]]
else:
    _Grid = click.ParamType  # a generic class only since click 8.4

_PATCH = 96
"""Pixels a side of overlapping patches unless told otherwise; as `rawkit.models.PATCH`."""


class _SideAndStride(_Grid):
    """Two whole numbers with a slash between them."""

    name = "SIDE/STRIDE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Read them."""
        if isinstance(value, tuple):
            return value
        side, _, stride = str(value).partition("/")
        if not (side.isdecimal() and stride.isdecimal() and int(side) and int(stride)):
            self.fail(f"{value!r} is not SIDE/STRIDE, such as 100/50", param, ctx)
        return int(side), int(stride)


class _TimesAndSide(_Grid):
    """A whole number, or two with an x between them."""

    name = "TIMES[xPIXELS]"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Read them; patches of 96 pixels where the side is left out."""
        if isinstance(value, tuple):
            return value
        times, cross, side = str(value).partition("x")
        if not times.isdecimal() or (cross and not side.isdecimal()):
            self.fail(f"{value!r} is not TIMES[xPIXELS], such as 2 or 2x96", param, ctx)
        return int(times), int(side) if cross else _PATCH


SIDE_AND_STRIDE = _SideAndStride()
TIMES_AND_SIDE = _TimesAndSide()
