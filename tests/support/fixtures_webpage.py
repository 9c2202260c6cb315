"""A page that was exported with the published weights.

A test module asks for the fixtures by ``pytest_plugins = ("tests.support.fixtures_webpage",)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rawkit.restore import load_restorer
from rawkit.webpage import Webpage, write_webpage
from tests.support.paths import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.restore import Restorer

PUBLISHED = REPOSITORY.parent / "shared" / "weights" / "lamba2021" / "weights"


@pytest.fixture(scope="session")
def published_weights() -> Path:
    """Return the published weights; skip where they are absent."""
    if not PUBLISHED.exists():
        pytest.skip(f"no published weights in {PUBLISHED.parent}")
    return PUBLISHED


@pytest.fixture(scope="session")
def webpage(published_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Webpage:
    """Export a page with the published weights."""
    folder = tmp_path_factory.mktemp("page")
    return write_webpage(folder, published_weights, accept_licence=True)


@pytest.fixture(scope="session")
def restorer(published_weights: Path) -> Restorer:
    """Load the published weights as `rawkit restore` does."""
    return load_restorer(published_weights)
