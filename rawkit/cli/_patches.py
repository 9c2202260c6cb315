"""The option of patches in a grid, ``SIDE/STRIDE`` in mosaic pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    _Grid = click.ParamType[tuple[int, int]]
else:
    _Grid = click.ParamType  # a generic class only since click 8.4


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


SIDE_AND_STRIDE = _SideAndStride()
