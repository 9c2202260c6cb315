"""Fixtures that take a small workspace to subset, train and restore from.

A test module asks for them by ``pytest_plugins = ("tests.support.fixtures_workspace",)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rawkit.catalog import Selection, load_definition
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.subset import make_subset
from rawkit.train.runs import open_data
from rawkit.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.train import TrainData


@pytest.fixture(scope="session")
def sid_workspace(sid_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Make a workspace with a store of the small SID and a subset `f1` of it; do not change it."""
    workspace = Workspace(tmp_path_factory.mktemp("workspace"))
    plan = plan_ingest(load_definition("sid"), sid_folder, workspace.store("sid"), Selection())
    run_ingest(plan, workers=0)
    make_subset(workspace, workspace.stores(), fraction=1.0)
    return workspace


@pytest.fixture(scope="session")
def tiny_data(sid_workspace: Workspace) -> TrainData:
    """Return pairs of the small SID: three to train on, three to validate on."""
    subset, _ = make_subset(sid_workspace, sid_workspace.stores(), fraction=1.0)
    return open_data(subset, sid_workspace)
