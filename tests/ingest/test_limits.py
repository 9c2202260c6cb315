"""Files that hang, crash or take too much memory cost themselves alone, and are remembered."""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from distributed import Client, LocalCluster

from rawkit.catalog import Selection, load_definition
from rawkit.errors import MissingError, StoreError, UnreadableError, UsageError
from rawkit.ingest import MaxBad, executor, plan_ingest, run_ingest
from rawkit.ingest.limits import FrameLimits, MemoryShare, share_out
from rawkit.ingest.quarantine import quarantine_path, read_quarantine
from rawkit.sensor import decode
from rawkit.source.folders import LocalFolder
from rawkit.store import Store
from rawkit.workers import Resources, resources
from tests.support.factories import files_of, local, write_noise_dng

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.ingest import IngestReport
    from rawkit.ingest.jobs import Targets
    from rawkit.source import SourceFile

FOLDER, MID = load_definition("folder"), load_definition("mid")
EVERYTHING = Selection()


@dataclass(frozen=True, slots=True)
class WildFolder(LocalFolder):
    """A folder two of whose files do to a worker what broken decoders and networks do."""

    def local_path(self, file: SourceFile) -> Path | None:  # type: ignore[override] # as a Source
        """Hang or die, where the name says so; else the path."""
        if multiprocessing_child():
            if "hang" in file.path:
                time.sleep(600)
            if "crash" in file.path:
                os.kill(os.getpid(), signal.SIGSEGV)
        return self.root / file.path


def multiprocessing_child() -> bool:
    import multiprocessing

    return multiprocessing.parent_process() is not None


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Four good files and two that a wild folder makes bad."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, name in enumerate(("a", "b-hang", "c", "d-crash", "e", "f")):
        write_noise_dng(folder / f"{name}.dng", seed=number)
    return folder


def ingest(
    source: Path | LocalFolder,
    store: Path,
    resources: Resources | None = None,
    *,
    retry: bool = False,
    max_bad: MaxBad | None = None,
) -> IngestReport:
    plan = plan_ingest(FOLDER, source, store, EVERYTHING, retry=retry)
    return run_ingest(plan, resources=resources or Resources(0), max_bad=max_bad)


def kinds(report: IngestReport) -> dict[str, str]:
    return {one.name: one.kind for one in report.left_out}


def test_a_file_that_hangs_and_one_that_crashes_cost_only_themselves(
    photos: Path, tmp_path: Path
) -> None:
    store = tmp_path / "folder.zarr"
    report = ingest(WildFolder(photos), store, Resources(2, frame_seconds=2))
    assert kinds(report) == {"b-hang.dng": "timeout", "d-crash.dng": "crashed"}
    assert [row.name for row in Store(store).rows] == ["a.dng", "c.dng", "e.dng", "f.dng"]
    again = plan_ingest(FOLDER, WildFolder(photos), store, EVERYTHING)
    assert again.wanted == ()
    assert {one.kind for one in again.quarantined} == {"quarantined"}
    assert ingest(photos, store, retry=True).added == 2
    assert not local(quarantine_path(store)).exists()


def test_a_file_that_takes_too_much_memory_is_left_out_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, store = tmp_path / "photos", tmp_path / "folder.zarr"
    source.mkdir()
    write_noise_dng(source / "large.dng", shape=(3000, 4000))
    write_noise_dng(source / "small.dng")
    monkeypatch.setattr(
        executor, "share_out", lambda *_: MemoryShare(1, FrameLimits(60, 50_000_000))
    )
    report = ingest(source, store, Resources(1))
    assert kinds(report) == {"large.dng": "memory"}, report.left_out
    assert report.added == 1
    monkeypatch.undo()
    assert ingest(source, store).added == 1


def test_workers_leave_the_environment_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    write_noise_dng(tmp_path / "photos" / "a.dng")
    before = dict(os.environ)
    assert ingest(tmp_path / "photos", tmp_path / "folder.zarr", Resources(1)).added == 1
    assert dict(os.environ) == before


@pytest.mark.parametrize("allowed", [60, 120, 180])
def test_memory_that_ends_while_a_target_is_rendered_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowed: int
) -> None:
    source, store = tmp_path / "sid", tmp_path / "sid.zarr"
    (source / "Sony/long").mkdir(parents=True)
    write_noise_dng(source / "Sony/long/00001_00_10s.ARW", shape=(3000, 4000))
    monkeypatch.setattr(
        executor, "share_out", lambda *_: MemoryShare(1, FrameLimits(60, allowed * 10**6))
    )
    plan = plan_ingest(load_definition("sid"), source, store, EVERYTHING)
    report = run_ingest(plan, resources=Resources(1))
    assert kinds(report) == {"Sony/long/00001_00_10s.ARW": "memory"}, report.left_out


@pytest.mark.parametrize(
    ("max_ram", "wanted", "workers"),
    [(2_000_000_000, 2, 2), (2_000_000_000, 64, 2), (900_000_000, 2, 1), (10**11, 16, 16)],
)
def test_memory_decides_how_many_decode_at_once(max_ram: int, wanted: int, workers: int) -> None:
    share = share_out(max_ram, 120, wanted)
    assert share.workers == workers
    assert share.workers * share.limits.frame_bytes < max_ram


def test_limits_that_leave_no_room_are_refused() -> None:
    with pytest.raises(UsageError, match="at least 850 MB"):
        share_out(100_000_000, 120, 1)
    with pytest.raises(UsageError, match="more than 0"):
        share_out(2_000_000_000, 0, 1)


def test_pipes_are_refused_without_waiting_for_a_writer(photos: Path, tmp_path: Path) -> None:
    os.mkfifo(photos / "pipe.dng")
    with pytest.raises(UnreadableError, match="a pipe"):
        decode(photos / "pipe.dng")
    report = ingest(photos, tmp_path / "folder.zarr")
    assert kinds(report) == {"pipe.dng": "unreadable"}
    assert report.added == 6


def test_bad_files_are_remembered_until_they_change(photos: Path, tmp_path: Path) -> None:
    store = tmp_path / "folder.zarr"
    bad = photos / "c.dng"
    whole = bad.read_bytes()
    bad.write_bytes(whole[:-99])
    assert kinds(ingest(photos, store)) == {"c.dng": "truncated"}
    (line,) = local(quarantine_path(store)).read_text().splitlines()
    assert quarantine_path(store).name == "folder.quarantine.jsonl"
    about = json.loads(line)
    assert list(about) == ["name", "kind", "reason", "size", "stamp"]
    assert (about["name"], about["size"]) == ("c.dng", len(whole) - 99)
    before = files_of(tmp_path)
    report = ingest(photos, store)
    assert (kinds(report), report.plan.wanted) == ({"c.dng": "quarantined"}, ())
    assert report.plan.already == 5
    assert files_of(tmp_path) == before
    assert kinds(ingest(photos, store, retry=True)) == {"c.dng": "truncated"}
    bad.write_bytes(whole)
    assert ingest(photos, store).added == 1
    assert read_quarantine(store) == {}


def test_a_damaged_list_is_no_reason_to_stop(photos: Path, tmp_path: Path) -> None:
    store = tmp_path / "folder.zarr"
    local(quarantine_path(store)).write_text('{"name": "a.dng"}\nnonsense\n[1]\n')
    assert ingest(photos, store).added == 6


def test_a_run_that_finds_too_many_bad_files_stops_and_keeps_what_is_done(
    photos: Path, tmp_path: Path
) -> None:
    store = tmp_path / "folder.zarr"
    for name in ("b-hang", "d-crash", "e"):
        (photos / f"{name}.dng").write_bytes(b"no picture")
    report = ingest(photos, store, max_bad=MaxBad.parse("1"))
    assert report.stopped == "2 of 4 files cannot be used, more than 1"
    assert [row.name for row in Store(store).rows] == ["a.dng", "c.dng"]
    report = ingest(photos, store, max_bad=MaxBad.parse("50%"))
    assert report.stopped is None
    assert report.added == 1


@pytest.mark.parametrize("text", ["", "-1", "many", "101%", "-5%", "%", "nan%"])
def test_a_limit_of_bad_files_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="a number such as 10, or 5%"):
        MaxBad.parse(text)


@pytest.mark.parametrize(("targets", "dtype"), [(16, "uint16"), (8, "uint8"), (0, None)])
def test_a_store_has_one_kind_of_target(
    mid_folder: Path, tmp_path: Path, targets: Targets, dtype: str | None
) -> None:
    store = tmp_path / "mid.zarr"
    selection = Selection(isos=(100.0,))
    plan = plan_ingest(MID, mid_folder, store, selection, targets=targets)
    assert run_ingest(plan, workers=0).targets == (0 if dtype is None else 2)
    (group,) = Store(store).groups.values()
    assert (None if group.target is None else group.target.dtype) == dtype
    other = plan_ingest(MID, mid_folder, store, EVERYTHING, targets=8 if targets == 16 else 16)
    with pytest.raises(StoreError, match="targets rendered"):
        run_ingest(other, workers=0)


def test_a_running_scheduler_gives_the_same_store(mid_folder: Path, tmp_path: Path) -> None:
    here, there = tmp_path / "here.zarr", tmp_path / "there.zarr"
    run_ingest(plan_ingest(MID, mid_folder, here, EVERYTHING), workers=0)
    with (
        LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0"
        ) as cluster,
        Client(cluster),  # type: ignore[no-untyped-call]
    ):
        resources = Resources(scheduler=cluster.scheduler_address)
        report = run_ingest(plan_ingest(MID, mid_folder, there, EVERYTHING), resources=resources)
    assert report.added == 14
    assert files_of(there) == files_of(here)


def test_a_scheduler_that_does_not_answer_is_missing(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "_CONNECT_SECONDS", 1)
    with pytest.raises(MissingError, match="no dask scheduler answers"):
        ingest(photos, tmp_path / "folder.zarr", Resources(scheduler="tcp://127.0.0.1:1"))
