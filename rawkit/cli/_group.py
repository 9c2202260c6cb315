"""What all commands share: clean errors, defaults from the workspace, values in lists."""

from __future__ import annotations

import sys
import tomllib
from typing import TYPE_CHECKING, Any

import click

from rawkit.errors import RawkitError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

DEFAULTS_FILE = "rawkit.toml"


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


def defaults_of(workspace: Path, group: click.Group) -> dict[str, dict[str, Any]]:
    """Defaults for options from the workspace's rawkit.toml, as click's default map.

    Raises
    ------
    UsageError
        If the file is no TOML, or names a command or option that does not exist.
    """
    path = workspace / DEFAULTS_FILE
    if not path.is_file():
        return {}
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"cannot be read as TOML ({error})", where=path) from error
    defaults: dict[str, dict[str, Any]] = {}
    for name, table in tables.items():
        command = group.commands.get(name)
        if command is None or not isinstance(table, dict):
            raise UsageError(
                f"[{name}]", expected=f"a table of {', '.join(sorted(group.commands))}", where=path
            )
        known = {parameter.name for parameter in command.params}
        chosen = {key.replace("-", "_"): value for key, value in table.items()}
        for key in chosen:
            if key not in known:
                raise UsageError(f"{key} in [{name}]", expected=_names(command), where=path)
        defaults[name] = chosen
    return defaults


def _names(command: click.Command) -> str:
    names = (parameter.name or "" for parameter in command.params)
    return "one of " + ", ".join(sorted(name.replace("_", "-") for name in names))


class ListOf(click.ParamType):
    """Values separated by commas, such as ``100,200``."""

    def __init__(self, kind: type[float] | type[str], name: str) -> None:
        self.kind = kind
        self.name = name

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Any, ...]:
        """Split and convert; a fraction such as 1/25 is a number."""
        if isinstance(value, list | tuple):
            value = ",".join(str(one) for one in value)
        parts = [part.strip() for part in str(value).split(",") if part.strip()]
        try:
            values = tuple(_number(part) if self.kind is float else part for part in parts)
        except (ValueError, ZeroDivisionError):
            self.fail(f"{value!r} is not a list of numbers such as 100,200", param, ctx)
        if not values:
            self.fail(f"{value!r} is empty", param, ctx)
        return values


def _number(text: str) -> float:
    top, slash, bottom = text.partition("/")
    number = float(top) / float(bottom) if slash else float(top)
    if not 0 < number < float("inf"):
        raise ValueError(text)
    return number


NUMBERS = ListOf(float, "numbers")
NAMES = ListOf(str, "names")
