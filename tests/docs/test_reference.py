"""Pages that tell of the code are those that the code would make, or name all that there is."""

from __future__ import annotations

import inspect
import re
import runpy
import tomllib

import click
import pytest

import rawkit
from rawkit import errors, notebook
from rawkit.cli import main
from rawkit.cli.reference import error_reference, reference
from tests.docs.pages import DOCS
from tests.support.paths import REPOSITORY

REFERENCE = DOCS / "reference" / "cli.md"
ERRORS = DOCS / "reference" / "errors.md"
PYTHON = DOCS / "reference" / "python.md"
ARCHITECTURE = DOCS / "explanation" / "architecture.md"
DRAWINGS = runpy.run_path(str(DOCS / "figures" / "drawings.py"))["DRAWINGS"]


def test_the_command_reference_is_current() -> None:
    assert REFERENCE.read_text("utf-8") == reference(), "run: make reference"


def test_the_command_reference_has_every_command_and_option() -> None:
    text = REFERENCE.read_text("utf-8")
    for name, command in main.commands.items():
        assert f"## rawkit {name}\n" in text
        section = text.split(f"## rawkit {name}\n")[1].split("\n## ")[0]
        for parameter in command.params:
            for option in parameter.opts if isinstance(parameter, click.Option) else ():
                assert option in section, (name, option)


def test_the_page_of_errors_is_current() -> None:
    assert ERRORS.read_text("utf-8") == error_reference(), "run: make reference"


def test_every_error_has_a_kind_of_its_own_and_says_when_and_what_to_do() -> None:
    found = [
        one
        for one in vars(errors).values()
        if inspect.isclass(one)
        and issubclass(one, errors.RawkitError)
        and one is not errors.RawkitError
    ]
    kinds = [one.kind for one in found]
    assert len(found) > 20
    assert len(kinds) == len(set(kinds))
    page, tree = ERRORS.read_text("utf-8"), errors.__doc__ or ""
    for one in found:
        when, _, then = inspect.cleandoc(one.__doc__ or "").partition("\n\n")
        assert when, one
        assert then, f"{one.__name__}: say in a second paragraph what its reader can do"
        assert f"### {one.kind}\n\n`{one.__name__}`. {when}" in page
        assert re.search(rf"{one.__name__}\s+{one.kind}\s", tree), f"{one.__name__}: in the tree"


def test_words_of_lists_of_files_left_out_are_on_the_page_of_errors() -> None:
    page = ERRORS.read_text("utf-8")
    words = {
        word
        for file in (REPOSITORY / "rawkit").rglob("*.py")
        for word in re.findall(
            r"\b(?:LeftOut|Refused)\([^()\n]*?, \"([a-z-]+)\", ", file.read_text("utf-8")
        )
    }
    assert "foreign" in words
    for word in words:
        assert f"`{word}`" in page or f"### {word}\n" in page, word


def test_the_architecture_names_every_package_from_the_lowest_layer_up() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
    (layers,) = (
        contract["layers"]
        for contract in project["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers"
    )
    height = {
        name: number
        for number, layer in enumerate(reversed(layers))
        for name in layer.split(" : ")
        if name != "__main__"
    }
    table = ARCHITECTURE.read_text("utf-8").split("## The packages")[1].split("\n## ")[0]
    named = [
        name
        for first in re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", first)
    ]
    assert sorted(named) == sorted(height)
    assert [height[name] for name in named] == sorted(height[name] for name in named)


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawings_are_current(name: str) -> None:
    drawn = (DOCS / "explanation" / name).read_text("utf-8")
    assert drawn == DRAWINGS[name]().svg(), "run: make drawings"


def test_the_page_of_python_has_every_name_of_the_front_door_and_no_other() -> None:
    text = PYTHON.read_text("utf-8")
    names = sorted(set(rawkit.__all__) - {"__version__"})
    assert sorted(re.findall(r"^::: rawkit\.api\.(\w+)$", text, re.MULTILINE)) == names
    for name in names:
        section = text.split(f"\n### {name}\n")[1].split("\n### ")[0]
        assert f"rawkit.{name}(" in section or name == "open_store", name
        assert section.rstrip().split("\n## ")[0].rstrip().endswith(f"::: rawkit.api.{name}")
    things = [name for name in notebook.__all__ if name[0].isupper()]  # what hands hold
    for name in things:
        assert f"::: rawkit.notebook.{name}\n" in text, name
