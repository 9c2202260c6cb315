"""``--source``: where raw files come from, for all commands that need them."""

from __future__ import annotations

from typing import Any

import click


class SourceOption(click.Option):
    """An option that may be given again; one text stands for one value wherever it comes from.

    click would take a text of rawkit.toml letter by letter, and split a variable of the environment
    at spaces.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "multiple": True, "type": str, "metavar": "SOURCE"})

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        """Make one value a list of one."""
        return super().type_cast_value(ctx, (value,) if isinstance(value, str) else value)

    def value_from_envvar(self, ctx: click.Context) -> Any:
        """Take a variable whole."""
        found = self.resolve_envvar_value(ctx)
        return None if found is None else (found,)


source_option = click.option(
    "--source",
    cls=SourceOption,
    help="Folder, zip or tar archive or one of its parts, or URL with the raw files; or where the "
    "collection's definition says they are offered, such as official; several with commas between "
    "them, or given again.  [default: data/COLLECTION in the workspace]",
)
"""Gives a command `source: tuple[str, ...]`; empty where it is not given."""

patience_option = click.option(
    "--patience",
    type=click.FloatRange(min=0),
    default=180.0,
    show_default=True,
    help="Seconds for which a server that has answered and went away is waited for.",
)
"""Gives a command `patience: float`."""
