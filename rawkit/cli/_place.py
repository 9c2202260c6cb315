"""A folder or a URL as the value of an option."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rawkit.errors import UsageError
from rawkit.locations import location_of

if TYPE_CHECKING:
    from rawkit.locations import Location

    _Places = click.ParamType[Location]
else:
    _Places = click.ParamType  # a generic class only since click 8.4


class _Place(_Places):
    """A path of this machine, or a URL."""

    name = "place"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Location:
        """Read either."""
        if not isinstance(value, str):
            found: Location = value
            return found
        try:
            return location_of(value)
        except UsageError as error:
            self.fail(str(error), param, ctx)


PLACE = _Place()
