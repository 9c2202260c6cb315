"""Fixtures shared by all tests: real camera files, and small look-alikes of each collection."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from rawkit.synth.collections import make_collection

settings.register_profile("rawkit", deadline=None)  # a busy machine is no failure
settings.load_profile("rawkit")

REPOSITORY = Path(__file__).resolve().parents[1]
SMALL = (128, 192)
"""Visible rows and columns of every synthetic picture, in pixels."""


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of raw files from real cameras; skip where it is absent."""
    folder = Path(os.environ.get("RAWKIT_REAL_DATA", REPOSITORY.parent / "shared" / "raw"))
    if not folder.is_dir():
        pytest.skip(f"no real camera files in {folder}; name their folder in RAWKIT_REAL_DATA")
    return folder


@pytest.fixture(scope="session")
def official_lists() -> Path:
    """Return the folder of the published split lists; skip where it is absent."""
    shared = Path(os.environ.get("RAWKIT_SHARED", REPOSITORY.parent / "shared"))
    folder = shared / "datasets"
    if not folder.is_dir():
        pytest.skip(f"no split lists in {folder}; name the folder above it in RAWKIT_SHARED")
    return folder


@pytest.fixture(scope="session")
def mid_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One scene of two views: ISO 100, 200 and 400 at two shutter speeds, and two longs."""
    folder = tmp_path_factory.mktemp("mid")
    make_collection("mid", folder, scenes=1, size=SMALL, isos=(100, 200, 400), shutters=(0.01, 0.5))
    return folder


@pytest.fixture(scope="session")
def sid_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three scenes, one of each split: bursts of one shot at three shutter speeds, and longs."""
    folder = tmp_path_factory.mktemp("sid")
    make_collection("sid", folder, scenes=3, size=SMALL, shots=1)
    return folder


@pytest.fixture(scope="session")
def smid_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two static videos of four shorts with longs, and a dynamic one without."""
    folder = tmp_path_factory.mktemp("smid")
    make_collection("smid", folder, scenes=2, size=SMALL, shots=4)
    return folder


@pytest.fixture
def one_torch_thread() -> Iterator[None]:
    """Let torch compute in one thread, and then in as many as before: sums depend on it."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
