"""Commands of the pages, given to the parsers that would read them; none is carried out."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from rawkit.cli import main
from tests.support.paths import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable

TUTORIALS = REPOSITORY / "docs" / "tutorials"
_SIGNS = {"|", ">", "&&"}


class NoSuchCommandError(AssertionError):
    """A page tells of what cannot be typed."""


def check(command: str) -> None:
    """Parse one line of a page as whoever runs it would.

    Raises
    ------
    NoSuchCommandError
        If its program, a file, a target or an extra that it names is not there.
    click.ClickException
        If the parser of a command refuses it.
    """
    words = shlex.split(command, comments=True)
    while words:
        end = next((i for i, word in enumerate(words) if word in _SIGNS), len(words))
        one, words = words[:end], words[end + 1 :]
        program, *rest = one
        if program not in PROGRAMS:
            raise NoSuchCommandError(f"{program}: no program that a test knows")
        PROGRAMS[program](rest)


def check_rawkit(words: list[str]) -> None:
    """Parse a call of rawkit with click, options' types and callbacks included."""
    parse = click.Command.invoke

    def invoke(command: click.Command, context: click.Context) -> object:
        # The main command only looks where the workspace is; all others would begin their work.
        return parse(command, context) if command is main else None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(click.Command, "invoke", invoke)
        code = main.main(words, prog_name="rawkit", standalone_mode=False)
    if code:
        raise NoSuchCommandError(f"rawkit {shlex.join(words)}: exit code {code}")


def mentions(code: str) -> None:
    """Check a call in a sentence: its commands and options exist; values may be left out.

    Raises
    ------
    NoSuchCommandError
        If one does not.
    """
    command: click.Command = main
    for word in code.split()[1:]:
        if word.startswith("-") and not word[1:2].isdigit():
            _require(word.partition("=")[0] in _options(command), f"{word} in {code}")
        elif isinstance(command, click.Group) and not word.isupper() and word != "...":
            if command is not main and word not in command.commands:
                continue  # the value of an option of a command with parts
            _require(word in command.commands, f"{word} in {code}")
            command = command.commands[word]


def _options(command: click.Command) -> set[str]:
    names = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    return names | {"--help", "-h"}


def _check_dask(words: list[str]) -> None:
    from distributed.cli.dask_scheduler import main as scheduler
    from distributed.cli.dask_worker import main as worker

    name, *rest = words
    {"scheduler": scheduler, "worker": worker}[name].make_context(name, rest)


def _check_pip(words: list[str]) -> None:
    _require(words[0] == "install", words[0])
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    for word in words[1:]:
        if found := re.fullmatch(r"([\w-]+)\[([\w,]+)\]", word):
            _require(found[1] == project["name"], f"{found[1]}: to pip it is {project['name']}")
            for extra in found[2].split(","):
                _require(extra in project["optional-dependencies"], f"extra {extra}")
        elif "." in word:
            _require((REPOSITORY / word).exists(), word)


def _check_make(words: list[str]) -> None:
    targets = re.findall(r"^(\w+):", (REPOSITORY / "Makefile").read_text("utf-8"), re.MULTILINE)
    for word in words:
        _require("=" in word or word in targets, f"target {word}")


def _check_files(words: list[str]) -> None:
    for word in words:
        if "/" in word:
            _require((REPOSITORY / word.partition("::")[0]).exists(), word)


def _check_module(words: list[str]) -> None:
    at = words.index("-m")
    module, rest = words[at + 1], words[at + 2 :]
    if module == "rawkit":
        check_rawkit(rest)
    else:
        _require(REPOSITORY.joinpath(*module.split(".")).with_suffix(".py").exists(), module)


def _check_variables(words: list[str]) -> None:
    for word in words:
        _require(re.match(r"[A-Z_]+=", word) is not None, word)


def _require(holds: bool, what: str) -> None:  # noqa: FBT001 - an assertion with a name
    if not holds:
        raise NoSuchCommandError(what)


def _check_jupyter(words: list[str]) -> None:
    for word in words:
        _require(word == "lab" or (TUTORIALS / word).is_file(), word)


PROGRAMS: dict[str, Callable[[list[str]], None]] = {
    "dask": _check_dask,
    "export": _check_variables,
    "jupyter": _check_jupyter,
    "make": _check_make,
    "pip": _check_pip,
    "pytest": _check_files,
    "python": _check_module,
    "rawkit": check_rawkit,
    "torchrun": _check_module,
}
"""What may stand first in a line of a page, and what becomes of the rest."""
for _program in ("pip", "pytest", "python", "rawkit"):
    PROGRAMS[str(Path(".venv/bin") / _program)] = PROGRAMS[_program]
