"""What the pages have people type can be typed."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import click
import pytest

from tests.docs.commands import NoSuchCommandError, check, check_script, mentions
from tests.docs.pages import PAGES, Block, blocks_in, name_of, prose_of
from tests.support.paths import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path


def typed(block: Block) -> list[str]:
    """Return the lines of a block that are typed; the others are answers."""
    lines = block.text.replace("\\\n", " ").splitlines()
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


TYPED = [(block, line) for block in blocks_in("console") for line in typed(block)]


@pytest.fixture(autouse=True)
def small_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse in a folder of its own, with the files that options check for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))


def test_the_pages_have_people_type_something() -> None:
    assert len(TYPED) > 80
    assert all(block.reason is None for block, _ in TYPED)
    for block in blocks_in("console"):
        assert typed(block), f"{block}: nothing is typed; begin a command with `$ `"


@pytest.mark.parametrize(("block", "line"), TYPED, ids=str)
def test_what_is_typed_is_understood(block: Block, line: str) -> None:
    assert block.page.is_file()
    check(line)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_calls_in_sentences_name_commands_and_options_that_exist(page: Path) -> None:
    for code in re.findall(r"`([^`]+)`", prose_of(page)):
        if re.match(r"rawkit( |$)", code):
            mentions(" ".join(code.split()))


@pytest.mark.parametrize(
    "command",
    ["rawkit nonsense", "rawkit train --nonsense", "rawkit --nonsense", "rawkit subset nonsense",
     "rawkit subset --fraction 7", "rawkit ingest mid --iso fast", "rawkit ingest",
     "dask worker --nthreads many", "pip install rawkit[nonsense]", "make nonsense", "nonsense",
     "torchrun --nproc_per_node 2 -m rawkit train --nonsense", "pytest tests/nonsense.py",
     "torchrun --nonsense 2 -m rawkit train", "torchrun --nnodes 2 nonsense.py",
     "dask ssh --nonsense one", "sbatch --nonsense night.sh", "helm nonsense", "kubectl nonsense"],
)  # fmt: skip
def test_what_cannot_be_typed_would_be_noticed(command: str) -> None:
    with pytest.raises((NoSuchCommandError, click.ClickException)):
        check(command)


@pytest.mark.parametrize("block", blocks_in("bash"), ids=str)
def test_batch_scripts_ask_for_what_there_is(block: Block) -> None:
    check_script(block.text)
    for line, nonsense in (
        ("#SBATCH --nodes", "#SBATCH --nonsense"), ("srun --kill", "srun --nonsense"),
        ("--rdzv_id", "--nonsense"), ("-m rawkit train", "-m rawkit nonsense"),
        ("--name night", "--nonsense night"), ("srun ", "mpirun "),
    ):  # fmt: skip
        assert line in block.text
        with pytest.raises((NoSuchCommandError, click.ClickException)):
            check_script(block.text.replace(line, nonsense))


@pytest.mark.parametrize(
    "code", ["rawkit nonsense", "rawkit train --nonsense", "rawkit --nonsense"]
)
def test_a_sentence_about_nothing_would_be_noticed(code: str) -> None:
    with pytest.raises(NoSuchCommandError):
        mentions(code)


@pytest.mark.parametrize("block", blocks_in("toml"), ids=str)
def test_settings_in_the_pages_are_toml(block: Block) -> None:
    assert tomllib.loads(block.text)


def test_the_readme_names_every_command_of_the_way() -> None:
    text = (REPOSITORY / "README.md").read_text("utf-8")
    for name in ("demo", "synth", "ingest", "subset", "train", "restore", "info"):
        assert f"rawkit {name}" in text or f"make {name}" in text, name
