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
from rawkit.serve.app import ROUTES
from tests.support.paths import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable

TUTORIALS = REPOSITORY / "docs" / "tutorials"
_SIGNS = {"|", ">", "&&"}
_SBATCH = {
    "--job-name", "--partition", "--nodes", "--ntasks-per-node", "--cpus-per-task", "--time",
    "--signal", "--requeue", "--open-mode", "--gpus-per-node", "--parsable", "--output",
}  # fmt: skip
"""Options of sbatch that the pages may use; tests/workers/test_slurm.py hands them to SLURM."""
_SRUN = {"--kill-on-bad-exit"}
"""Likewise of srun."""


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
    from distributed.cli.dask_ssh import main as ssh
    from distributed.cli.dask_worker import main as worker

    name, *rest = words
    {"scheduler": scheduler, "ssh": ssh, "worker": worker}[name].make_context(name, rest)


def _check_torchrun(words: list[str]) -> None:
    """Parse with torchrun's own parser what is meant for it, and the rest with ours."""
    from torch.distributed.run import get_args_parser

    parser = get_args_parser()
    parser.exit_on_error = False

    def refuse(message: str) -> None:
        raise NoSuchCommandError(f"torchrun: {message}")

    parser.error = refuse  # type: ignore[assignment] # it would end the process
    known = parser.parse_args(words)
    _require(known.module and known.training_script == "rawkit", f"torchrun {shlex.join(words)}")
    check_rawkit(known.training_script_args)


def check_script(text: str) -> None:
    """Check a batch script for SLURM: what it asks for, and the programs that srun starts.

    Raises
    ------
    NoSuchCommandError
        If a line asks for what SLURM does not know, or starts a program that no test knows.
    click.ClickException
        If the parser of a command refuses it.
    """
    lines = text.replace("\\\n", " ").splitlines()
    _require(lines[0] == "#!/bin/bash", lines[0])
    started = 0
    for line in lines[1:]:
        if line.startswith("#SBATCH "):
            _flags(line.split()[1:], _SBATCH, line)
        elif line.startswith("srun "):
            words = shlex.split(_filled(line))
            at = next(i for i, word in enumerate(words[1:], start=1) if not word.startswith("-"))
            _flags(words[1:at], _SRUN, line)
            _require(words[at] == "torchrun", line)
            _check_torchrun(words[at + 1 :])
            started += 1
        else:
            _require(not line or line.startswith("first=$(scontrol show hostnames "), line)
    _require(started == 1, text)


def _filled(line: str) -> str:
    """Put values where a script has variables: that of an alternative, else a number."""
    line = re.sub(r"\$\{\w+:[-+]([^}]*)\}", r"\1", line)
    return re.sub(r"\$\{?\w+\}?", "2", line)


def _flags(words: list[str], known: set[str], what: str) -> None:
    for word in words:
        name, equals, value = word.partition("=")
        _require(name in known and bool(value) == bool(equals), f"{word} in {what}")


def _check_sbatch(words: list[str]) -> None:
    _flags([word for word in words if word.startswith("-")], _SBATCH, shlex.join(words))
    scripts = [word for word in words if not word.startswith("-")]
    _require(len(scripts) == 1 and scripts[0].endswith(".sh"), shlex.join(words))


def _check_helm(words: list[str]) -> None:
    options = {"--repo", "--namespace", "--create-namespace", "--generate-name"}
    _require(words[0] == "install", words[0])
    _require({word for word in words if word.startswith("-")} <= options, shlex.join(words))


def _check_kubectl(words: list[str]) -> None:
    """Check the two calls that the pages have."""
    text = shlex.join(words)
    _require(
        re.fullmatch(r"port-forward service/[\w-]+ \d+:\d+", text) is not None
        or re.fullmatch(r"create secret generic [\w-]+ --from-env-file=\S+", text) is not None,
        text,
    )


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
    elif module == "http.server":
        _require(set(rest[:-1:2]) <= {"--bind", "--directory"}, " ".join(rest))
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


_ADDRESSES = {route.path for route in ROUTES}


def _check_curl(words: list[str]) -> None:
    """Look for a request of the API; tests/serve/test_scripts.py sends it."""
    *_, address = words
    path = re.fullmatch(r"http://127\.0\.0\.1:8484(/[^?]*)(\?.*)?", address)
    if path is None or path[1].replace("WORK", "{work}") not in _ADDRESSES:
        raise NoSuchCommandError(f"curl {address}: no request of the API")


PROGRAMS: dict[str, Callable[[list[str]], None]] = {
    "curl": _check_curl,
    "dask": _check_dask,
    "export": _check_variables,
    "helm": _check_helm,
    "jupyter": _check_jupyter,
    "kubectl": _check_kubectl,
    "make": _check_make,
    "pip": _check_pip,
    "pytest": _check_files,
    "python": _check_module,
    "rawkit": check_rawkit,
    "sbatch": _check_sbatch,
    "torchrun": _check_torchrun,
}
"""What may stand first in a line of a page, and what becomes of the rest."""
for _program in ("pip", "pytest", "python", "rawkit"):
    PROGRAMS[str(Path(".venv/bin") / _program)] = PROGRAMS[_program]
