"""A workspace with a small store, made through the front door itself."""

from pathlib import Path

import pytest

import rawkit


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace with a look-alike of MID, ingested: ISO 100 and 200, one scene."""
    root = tmp_path_factory.mktemp("workspace")
    rawkit.synth("mid", workspace=root, scenes=1, size=(160, 224), isos=(100, 200),
                 shutters=(0.01, 0.5))  # fmt: skip
    rawkit.ingest("mid", workspace=root, workers=0, progress=False)
    return root
