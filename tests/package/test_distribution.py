"""The name that pip knows rawkit by, and the extras that messages and pages tell to install."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version

import rawkit
from tests.support.paths import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]


def test_the_installed_distribution_is_ours() -> None:
    assert PROJECT["name"] == "rawkit-lowlight"
    assert version("rawkit-lowlight") == rawkit.__version__ == PROJECT["version"]


def test_whatever_is_told_to_be_installed_is_an_extra_of_ours() -> None:
    told = []
    for path in (
        REPOSITORY / "README.md",
        *REPOSITORY.glob("docs/**/*.md"),
        *REPOSITORY.glob("rawkit/**/*.py"),
    ):
        found = re.findall(r"\b(rawkit[\w-]*)\[([a-z0-9,]+)\]", path.read_text("utf-8"))
        told += [(path, name, extras.split(",")) for name, extras in found if extras.isalnum()]
    assert len(told) > 10
    for path, name, extras in told:
        if all(extra.isalpha() or extra == "s3" for extra in extras):
            assert name == PROJECT["name"], path
            assert set(extras) <= set(PROJECT["optional-dependencies"]), path


def test_the_readme_says_which_other_package_has_the_name() -> None:
    text = " ".join((REPOSITORY / "README.md").read_text("utf-8").split())
    assert "pip install rawkit-lowlight" in text or "`rawkit-lowlight`" in text
    assert "cannot be installed together" in text
