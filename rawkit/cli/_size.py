"""Sizes in bytes, as people write them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

_UNITS = {"kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
          "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40, "b": 1}  # fmt: skip

if TYPE_CHECKING:
    _Bytes = click.ParamType[int]
else:
    _Bytes = click.ParamType  # a generic class only since click 8.4


class Size(_Bytes):
    """A number of bytes, such as ``4GB`` or ``500MiB``."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read a number and a unit."""
        text = str(value).strip().lower()
        unit = next((unit for unit in _UNITS if text.endswith(unit)), "")
        try:
            count = float(text.removesuffix(unit)) * _UNITS.get(unit, 1)
        except ValueError:
            count = math.nan
        if not 1 <= count < math.inf:
            self.fail(f"{value!r} is no size such as 4GB", param, ctx)
        return int(count)


SIZE = Size()
