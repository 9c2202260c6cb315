"""What all commands share: clean errors, defaults from the workspace, values in lists."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rawkit.errors import RawkitError, UsageError
from rawkit.locations import location_of
from rawkit.numbers import band, number

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawkit.locations import Location

DEFAULTS_FILE = "rawkit.toml"
_ELSEWHERE = ("stores", "runs")
"""Keys of that file beside the tables of commands: what may lie elsewhere."""
_PLACES = ("workspace", *_ELSEWHERE)


class RawkitGroup(click.Group):
    """A group whose commands turn rawkit's errors into one clean line and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; exit 2 when it was called wrong, 1 when something asked for failed."""
        try:
            return super().invoke(ctx)
        except RawkitError as error:
            click.echo(f"error ({error.kind}): {error}", err=True)
            ctx.exit(2 if isinstance(error, UsageError) else 1)
        except KeyboardInterrupt:
            click.echo("interrupted; what was finished is kept", err=True)
            ctx.exit(1)
        except BrokenPipeError:
            sys.stderr.close()  # the reader of a pipe has gone; there is nobody to tell
            ctx.exit(1)


def read_defaults(workspace: Path) -> dict[str, Any]:
    """Read the workspace's rawkit.toml; nothing where there is none.

    Raises
    ------
    UsageError
        If the file is no TOML.
    """
    path = workspace / DEFAULTS_FILE
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"cannot be read as TOML ({error})", where=path) from error


def place_of(
    what: str, given: str | None, tables: dict[str, Any], workspace: Path
) -> Location | None:
    """Return where stores or runs lie: as the command line says, or rawkit.toml; None: as ever.

    Raises
    ------
    UsageError
        If what rawkit.toml says is no text.
    """
    if given is not None:
        return location_of(given)
    named = tables.get(what)
    if named is None:
        return None
    if not isinstance(named, str):
        raise UsageError(
            f"{what} = {named}", expected="a folder or a URL", where=workspace / DEFAULTS_FILE
        )
    found = location_of(named)
    return workspace / found if isinstance(found, Path) else found


def defaults_of(
    tables: dict[str, Any], group: click.Group, workspace: Path
) -> dict[str, dict[str, Any]]:
    """Defaults for options from the tables of rawkit.toml, as click's default map.

    Raises
    ------
    UsageError
        If they name a command or option that does not exist.
    """
    path = workspace / DEFAULTS_FILE
    tables = {name: table for name, table in tables.items() if name not in _ELSEWHERE}
    defaults: dict[str, dict[str, Any]] = {}
    for name, table in tables.items():
        command = group.commands.get(name)
        if command is None or not isinstance(table, dict):
            raise UsageError(
                f"[{name}]", expected=f"a table of {', '.join(sorted(group.commands))}", where=path
            )
        known = _parameters(command)
        for place in _PLACES:
            known.pop(place, None)  # which rawkit.toml holds is not for it to say
        for key, value in table.items():
            parameter = known.get(key.replace("_", "-"))
            if parameter is None:
                names = ", ".join(sorted(known))
                raise UsageError(f"{key} in [{name}]", expected=f"one of {names}", where=path)
            if not _is_value(value, parameter):
                raise UsageError(f"{key} = {value} in [{name}]", expected="one value", where=path)
        defaults[name] = {
            known[key.replace("_", "-")].name or key: value for key, value in table.items()
        }
    return defaults


def _is_value(value: object, parameter: click.Parameter) -> bool:
    """Tell whether click can convert a value; lists are for options that take several."""
    several = isinstance(parameter.type, ListOf) or parameter.nargs != 1 or parameter.multiple
    return isinstance(value, str | int | float) or (several and isinstance(value, list))


def name_variables(group: click.Group) -> None:
    """Let the environment set each option by the name it has on the command line."""
    for name, command in group.commands.items():
        for key, parameter in _parameters(command).items():
            if isinstance(parameter, click.Option) and parameter.envvar is None:
                parameter.envvar = f"RAWKIT_{name}_{key}".upper().replace("-", "_")


def _parameters(command: click.Command) -> dict[str, click.Parameter]:
    """Options by the name they are written with, arguments by their own."""
    return {
        max(parameter.opts, key=len).lstrip("-").replace("_", "-"): parameter
        for parameter in command.params
    }


if TYPE_CHECKING:
    _Values = click.ParamType[tuple[Any, ...]]
else:
    _Values = click.ParamType  # a generic class only since click 8.4


class ListOf(_Values):
    """Values separated by commas, such as ``100,200``."""

    def __init__(self, convert_one: Callable[[str], Any], name: str, form: str) -> None:
        self.convert_one = convert_one
        self.name = name
        self.form = form
        """What is expected, with an example."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Any, ...]:
        """Split and convert each part."""
        if isinstance(value, list | tuple):
            value = ",".join(str(one) for one in value)
        parts = [part.strip() for part in str(value).split(",") if part.strip()]
        try:
            values = tuple(self.convert_one(part) for part in parts)
        except (ValueError, ZeroDivisionError):
            self.fail(f"{value!r} is not {self.form}", param, ctx)
        if not values:
            self.fail(f"{value!r} is empty", param, ctx)
        return values


NUMBERS = ListOf(number, "numbers", "a list of numbers such as 100,200")
BANDS = ListOf(band, "ranges", "a list of numbers and ranges such as 100,400-1600 or 400-")
NAMES = ListOf(str, "names", "a list of names")
