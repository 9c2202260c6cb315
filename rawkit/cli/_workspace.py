"""``--workspace``, ``--stores``, ``--runs``: before the command, or after it if it works from them.

They decide which rawkit.toml holds, and so what the other options are by default. They are taken
first, and the last of them opens the workspace.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from rawkit.cli._group import defaults_of, place_of, read_defaults
from rawkit.workspace import Workspace

_KEY = "rawkit.workspace"
_COUNT = 3
"""Options of this kind."""
_URL = re.compile(r"^[a-z0-9+]{2,}:/", re.IGNORECASE)


@dataclass(slots=True)
class _Given:
    """What the command line and the environment have said so far."""

    workspace: Path = Path()
    stores: str | None = None
    runs: str | None = None
    taken: int = 0
    """Options of this kind that were dealt with, given or not."""


class PlaceOption(click.Option):
    """One of them: dealt with before all others, and no business of the command's function."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, is_eager=True, expose_value=False, callback=_take, **kwargs)


def place_options(*, after: bool = False) -> list[PlaceOption]:
    """Return them, for the command line as a whole or to be given `after` a command.

    There they go by names that no argument of a command has.
    """
    return [
        PlaceOption(
            ["--workspace", *(["workspace_at"] if after else [])],
            type=click.Path(file_okay=False, path_type=Path),
            help="Folder with data/, stores/, subsets/ and runs/.  [default: the current folder]",
        ),
        PlaceOption(
            ["--stores", *(["stores_at"] if after else [])],
            metavar="PLACE",
            help="Folder or URL in which stores lie, such as s3://bucket/stores.  "
            "[default: stores/ in the workspace, or `stores` in its rawkit.toml]",
        ),
        PlaceOption(
            ["--runs", *(["runs_at"] if after else [])],
            metavar="PLACE",
            help="Folder or URL in which runs lie, such as s3://bucket/runs.  "
            "[default: runs/ in the workspace, or `runs` in its rawkit.toml]",
        ),
    ]


def add_place_options(command: click.Command) -> None:
    """Let a command, and the commands below it, take these options as well."""
    command.params += place_options(after=True)
    if isinstance(command, click.Group):
        for part in command.commands.values():
            add_place_options(part)


def takes_places(command: click.Command) -> bool:
    """Tell whether a command takes these options."""
    return any(isinstance(parameter, PlaceOption) for parameter in command.params)


def open_workspace(ctx: click.Context) -> dict[str, dict[str, Any]]:
    """Put the workspace into a context; returns the defaults of all commands.

    Raises
    ------
    UsageError
        If its rawkit.toml is wrong.
    """
    given, root = _given(ctx), ctx.find_root().command
    tables = read_defaults(given.workspace)
    ctx.obj = Workspace(
        given.workspace,
        place_of("stores", given.stores, tables, given.workspace),
        place_of("runs", given.runs, tables, given.workspace),
    )
    if not isinstance(root, click.Group):
        return {}
    return defaults_of(tables, root, given.workspace)


def _given(ctx: click.Context) -> _Given:
    found: _Given = ctx.meta.setdefault(_KEY, _Given())
    return found


def _take(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    given = _given(ctx)
    given.taken += 1
    if "--workspace" in parameter.opts and value is not None:
        given.workspace = _folder(value, parameter)
    elif value is not None:
        setattr(given, "stores" if "--stores" in parameter.opts else "runs", value)
    if given.taken % _COUNT == 0 and ctx.parent is not None:
        defaults = open_workspace(ctx)
        if ctx.parent.parent is None:
            ctx.default_map = defaults.get(ctx.info_name or "")


def _folder(value: Path, parameter: click.Parameter) -> Path:
    """Refuse a URL where a folder is meant: it would become a folder named `s3:`."""
    if _URL.match(str(value)):
        raise click.BadParameter(
            "a URL; expected a folder. Stores may lie elsewhere: --stores URL.", param=parameter
        )
    return value
