"""Pages tell of commands and options that exist, and the command reference is current."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from rawkit.cli import main
from rawkit.cli.reference import reference

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = sorted([REPOSITORY / "README.md", *(REPOSITORY / "docs").rglob("*.md")])
REFERENCE = REPOSITORY / "docs" / "reference" / "cli.md"

Found = tuple[Path, str]


def fenced(text: str) -> list[str]:
    """Return the lines of all fenced blocks of a page."""
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]


def commands_of(page: Path) -> list[str]:
    """Return calls of rawkit in a page: lines of fenced blocks, and code in its sentences."""
    text = page.read_text("utf-8")
    lines = [line.strip().removeprefix("$ ") for line in fenced(text)]
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    lines += [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose)]
    return [line for line in lines if re.match(r"rawkit( |$)", line)]


def all_commands() -> list[Found]:
    return [(page, command) for page in PAGES if page != REFERENCE for command in commands_of(page)]


def check(command: str) -> None:
    """Parse a call as click does, without running it; what stands for something is left alone."""
    words = shlex.split(command, comments=True)[1:]
    words = words[: next((i for i, word in enumerate(words) if word in {"|", ">", "&&"}), None)]
    while words and words[0].startswith("-"):
        option = words.pop(0)
        known = {name for parameter in main.params for name in parameter.opts}
        assert option.partition("=")[0] in known | {"--help", "-h"}, option
        if option in {"--workspace", "--stores"}:
            words.pop(0)
    if not words or words[0].isupper() or words[0] == "...":
        return
    name, *rest = words
    assert name in main.commands, f"no command {name}"
    known = {
        option
        for parameter in main.commands[name].params
        for option in (*parameter.opts, *parameter.secondary_opts)
    } | {"--help", "-h"}
    for word in rest:
        if re.match(r"--?[a-z]", word):
            assert word.partition("=")[0] in known, f"{word} is no option of {name}"
    complete = not any(word in {"...", "…"} or word.isupper() for word in rest)
    required = any(
        isinstance(parameter, click.Argument) and parameter.required
        for parameter in main.commands[name].params
    )
    parent = click.Context(main, **main.context_settings)
    if complete and rest and not (required and all(word.startswith("-") for word in rest)):
        main.commands[name].make_context(name, list(rest), parent=parent)


def test_the_pages_call_rawkit_at_all() -> None:
    assert len(all_commands()) > 10


@pytest.mark.parametrize(
    ("page", "command"), all_commands(), ids=lambda value: getattr(value, "name", value)
)
def test_commands_in_the_pages_can_be_typed(page: Path, command: str) -> None:
    assert page.is_file()
    check(command)


@pytest.mark.parametrize(
    "command",
    ["rawkit nonsense", "rawkit train --nonsense", "rawkit --nonsense",
     "rawkit subset --fraction 7", "rawkit ingest mid --iso fast"],
)  # fmt: skip
def test_commands_that_do_not_exist_would_be_noticed(command: str) -> None:
    with pytest.raises((AssertionError, click.ClickException)):
        check(command)


def test_the_command_reference_is_current() -> None:
    expected = reference()
    assert REFERENCE.read_text("utf-8") == expected, (
        "run: python -m rawkit.cli.reference > docs/reference/cli.md"
    )


def test_the_command_reference_has_every_command_and_option() -> None:
    text = REFERENCE.read_text("utf-8")
    for name, command in main.commands.items():
        assert f"## rawkit {name}\n" in text
        section = text.split(f"## rawkit {name}\n")[1].split("\n## ")[0]
        for parameter in command.params:
            for option in parameter.opts if isinstance(parameter, click.Option) else ():
                assert option in section, (name, option)


def test_the_readme_names_every_command_of_the_way() -> None:
    text = (REPOSITORY / "README.md").read_text("utf-8")
    for name in ("demo", "synth", "ingest", "subset", "train", "restore", "info"):
        assert f"rawkit {name}" in text or f"make {name}" in text, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), target
