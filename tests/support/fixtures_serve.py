"""Servers of the page with small weights, and small files for them.

A test module asks for the fixtures by ``pytest_plugins = ("tests.support.fixtures_serve",)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from rawkit.models import Lamba2021
from rawkit.serve import Limits, ServeSettings
from rawkit.train import TrainState, save_checkpoint
from rawkit.workspace import Workspace
from tests.support.fixtures_stream import tiny
from tests.support.serving import served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.serving import Client


@pytest.fixture(scope="session")
def serve_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a checkpoint whose pictures are neither black nor white."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(7)
        net = Lamba2021().eval()
        net.get_parameter("output2.parametrizations.weight.original0").mul_(0.05)
        net.get_parameter("output2.bias").fill_(0.5)
    path = tmp_path_factory.mktemp("weights") / "small.pt"
    save_checkpoint(path, TrainState(tiny(), net.state_dict(), {}, 1, 1, 0.0))
    return path


@pytest.fixture(scope="session")
def serve_settings(
    sid_workspace: Workspace, serve_weights: Path, tmp_path_factory: pytest.TempPathFactory
) -> ServeSettings:
    """Return settings of a server in a workspace of its own, with the small SID's store."""
    workspace = Workspace(tmp_path_factory.mktemp("served"), sid_workspace.stores_folder)
    return ServeSettings(workspace, (serve_weights,), port=0, limits=Limits(file_bytes=4_000_000))


@pytest.fixture(scope="module")
def client(serve_settings: ServeSettings) -> Iterator[Client]:
    """Run a server for the tests of a module."""
    with served(serve_settings) as found:
        yield found


@pytest.fixture(scope="session")
def darks(sid_folder: Path) -> list[Path]:
    """Return dark raw files of a few kilobytes each, of several cameras' names."""
    return sorted(sid_folder.glob("*/short/*"))
