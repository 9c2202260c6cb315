"""A full disk ends a run with a clear error; the store is whole, and the next run completes it."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from rawkit.catalog import Selection, load_definition
from rawkit.errors import OutputError
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.progress import SILENT
from rawkit.store import Store, is_store
from rawkit.store.verify import verify_store
from tests.ingest.test_ingest import AfterFrames
from tests.support.disks import mounted
from tests.support.factories import files_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rawkit.ingest import IngestReport
    from rawkit.progress import Progress

SID = load_definition("sid")
FRAMES = 12
PAGE = os.sysconf("SC_PAGE_SIZE")
ENOUGH = 25
"""Pages that may be enough for a commit: each of its files takes one or more."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 8 MB; skip where that is not permitted."""
    with mounted(tmp_path / "disk", "8m") as path:
        yield path


@pytest.fixture(scope="module")
def whole(sid_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the files of a store written in one go."""
    store = tmp_path_factory.mktemp("whole") / "sid.zarr"
    assert ingest(sid_folder, store).added == FRAMES
    return files_of(store)


def ingest(source: Path, store: Path, progress: Progress = SILENT) -> IngestReport:
    return run_ingest(
        plan_ingest(SID, source, store, Selection()), workers=0, progress=progress
    )  # fmt: skip


def fill(disk: Path, pages: int) -> None:
    """Fill a disk up to so many pages, whatever else is written meanwhile."""
    with (disk / "ballast").open("wb", buffering=0) as file:
        with suppress(OSError):
            while file.write(bytes(PAGE)):
                pass
        file.truncate(max(0, file.tell() - pages * PAGE))


@pytest.mark.parametrize(
    ("frames", "pages"),
    [(1, 0), (5, 0), (5, 20), *((FRAMES - 1, pages) for pages in (0, 1, 10, 25, 30, 35, 40, 50))],
)
def test_a_full_disk_breaks_nothing(
    sid_folder: Path, disk: Path, whole: dict[str, str], monkeypatch: pytest.MonkeyPatch,
    frames: int, pages: int,
) -> None:  # fmt: skip
    """After some frames the disk is full: a shard, a coordinate or the table finds no room."""
    monkeypatch.setattr("rawkit.ingest.run.COMMIT_FRAMES", 4)
    store = disk / "sid.zarr"
    said = None
    try:
        ingest(sid_folder, store, AfterFrames(frames, lambda: fill(disk, pages)))
    except OutputError as error:
        said = str(error)
    if said is None:
        assert pages >= ENOUGH, "there was no room for a commit"
    else:
        assert "No space left on device" in said
        assert "make room" in said
    committed = 0
    if is_store(store):
        committed = len(Store(store).rows)
        assert verify_store(store)[0] == []
    assert committed in {0, 4, 8, FRAMES}
    assert not list(disk.rglob("*.part"))
    (disk / "ballast").unlink()
    assert ingest(sid_folder, store).added == FRAMES - committed
    assert files_of(store) == whole
