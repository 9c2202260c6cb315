"""Workspaces with stores to choose subsets from.

A test module asks for them by ``pytest_plugins = ("tests.support.fixtures_subset",)``.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from rawkit.workspace import Workspace
from tests.support.small_stores import CAMERAS, fill, fill_varied

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the root of a workspace of two stores, the first one with two cameras."""
    root = tmp_path_factory.mktemp("stores")
    fill(root / "stores" / "one.zarr", "one", CAMERAS)
    fill(root / "stores" / "two.zarr", "two", {"gamma": 3})
    return root


@pytest.fixture
def workspace(filled: Path, tmp_path: Path) -> Workspace:
    """Return a copy to change."""
    shutil.copytree(filled, tmp_path / "workspace")
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def varied(tmp_path: Path) -> Workspace:
    """Return a workspace of one store of several ISO speeds, shutters, cameras and places."""
    workspace = Workspace(tmp_path / "varied")
    fill_varied(workspace.store("varied"))
    return workspace
