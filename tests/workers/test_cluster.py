"""Clusters whose workers run elsewhere, or lack what the work needs: told, and no file blamed."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

import rawkit
from rawkit.catalog import Selection, load_definition
from rawkit.errors import ClusterError
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.ingest.quarantine import quarantine_path
from rawkit.models import build
from rawkit.restore import Output, find_inputs, load_restorer, restore_items
from rawkit.store import Store
from rawkit.workers import Resources, connect_cluster
from tests.support.dask_cluster import (
    dask_cluster,
    with_package,
    with_rawkit,
    without_rawkit,
)
from tests.support.factories import files_of, local, write_noise_dng

if TYPE_CHECKING:
    from tests.support.dask_cluster import DaskCluster

MID = load_definition("mid")


def ingest_error(cluster: DaskCluster, mid_folder: Path, store: Path) -> ClusterError:
    """Ingest and return why it stopped; no frame may be in the store or blamed."""
    plan = plan_ingest(MID, mid_folder, store, Selection())
    with pytest.raises(ClusterError) as caught:
        run_ingest(plan, resources=Resources(scheduler=cluster.address))
    assert not store.exists() or not Store(store).rows
    assert not local(quarantine_path(store)).exists()
    return caught.value


def test_where_rawkit_is_not_installed_nothing_begins(mid_folder: Path, tmp_path: Path) -> None:
    path = [without_rawkit(tmp_path / "without")]
    with dask_cluster(tmp_path / "elsewhere", 2, worker_path=path) as cluster:
        error = ingest_error(cluster, mid_folder, tmp_path / "mid.zarr")
    assert error.kind == "cluster"
    assert error.where is not None
    assert error.where.startswith("worker tcp://127.0.0.1:")
    assert error.where.endswith(" and 1 more")
    assert "No module named 'rawkit'" in error.found
    assert "No file is at fault" in str(error)


def test_a_scheduler_without_rawkit_passes_on_what_it_does_not_unpack(
    mid_folder: Path, tmp_path: Path
) -> None:
    here, there = tmp_path / "here.zarr", tmp_path / "there.zarr"
    run_ingest(plan_ingest(MID, mid_folder, here, Selection()), workers=0)
    path = [without_rawkit(tmp_path / "without")]
    with dask_cluster(tmp_path / "elsewhere", 1, scheduler_path=path) as cluster:
        plan = plan_ingest(MID, mid_folder, there, Selection())
        report = run_ingest(plan, resources=Resources(scheduler=cluster.address))
    assert (report.added, report.left_out) == (14, [])
    assert files_of(there) == files_of(here)


def test_a_scheduler_of_another_version_is_named(mid_folder: Path, tmp_path: Path) -> None:
    path = [with_package(tmp_path / "other", "cloudpickle", "0.9")]
    with dask_cluster(tmp_path / "elsewhere", 1, scheduler_path=path) as cluster:
        error = ingest_error(cluster, mid_folder, tmp_path / "mid.zarr")
    assert error.found.startswith("cloudpickle 0.9 instead of ")
    assert error.where == f"scheduler {cluster.address}"


def test_a_worker_with_other_versions_is_named_with_what_differs(
    mid_folder: Path, tmp_path: Path
) -> None:
    with dask_cluster(tmp_path / "elsewhere", 1) as cluster:
        other = with_package(tmp_path / "other", "cloudpickle", "0.9")
        with_package(tmp_path / "other", "rawpy", "0.1")
        cluster.start_worker([with_rawkit(other, "0.0.9")])
        cluster.wait(2)
        error = ingest_error(cluster, mid_folder, tmp_path / "mid.zarr")
    assert "rawkit 0.0.9 (code " in error.found
    assert f" instead of {rawkit.__version__} (code " in error.found
    assert "cloudpickle 0.9 instead of " in error.found
    assert "rawpy 0.1 instead of " in error.found
    assert "dask" not in error.found
    assert error.where is not None
    assert error.where.startswith("worker tcp://127.0.0.1:")
    assert "more" not in error.where


def which_process() -> int:
    import os

    time.sleep(0.05)
    return os.getpid()


@pytest.mark.parametrize("lacks", ["rawkit", "version"])
def test_a_worker_that_joins_later_is_asked_before_it_works(tmp_path: Path, lacks: str) -> None:
    with (
        dask_cluster(tmp_path / "elsewhere", 1) as dask,
        connect_cluster(dask.address) as cluster,
    ):
        path = (
            without_rawkit(tmp_path / "without")
            if lacks == "rawkit"
            else with_rawkit(tmp_path / "other", "0.0.9")
        )
        assert cluster.result(cluster.submit(which_process)) == dask.workers[0].pid
        dask.start_worker([path])
        dask.wait(2)
        futures = [cluster.submit(which_process) for _ in range(20)]
        seen = set()
        with pytest.raises(ClusterError) as caught:
            seen = {cluster.result(future) for future in futures}
    assert seen <= {dask.workers[0].pid}
    assert caught.value.where is not None
    assert caught.value.where.startswith("worker tcp://")
    assert {"rawkit": "No module named", "version": "rawkit 0.0.9"}[lacks] in caught.value.found


def test_a_scheduler_that_is_lost_is_no_fault_of_a_file(tmp_path: Path) -> None:
    with (
        dask_cluster(tmp_path / "elsewhere", 1) as dask,
        connect_cluster(dask.address) as cluster,
    ):
        assert dask.scheduler is not None
        future = cluster.submit(time.sleep, 60)
        dask.scheduler.send_signal(signal.SIGKILL)
        with pytest.raises(ClusterError, match="could not be handed over"):
            cluster.result(future)


def test_a_wait_for_workers_is_told_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rawkit.workers.cluster._LOOK_SECONDS", 0.1)
    said: list[str] = []
    with (
        dask_cluster(tmp_path / "elsewhere", 0) as dask,
        connect_cluster(dask.address) as cluster,
    ):
        future = cluster.submit(which_process)

        def begin(text: str) -> None:
            if not said:
                dask.start_worker()
            said.append(text)

        assert cluster.result(future, begin) == dask.workers[0].pid
        assert set(said) == {f"waiting for a worker to join {dask.address}"}
        dask.workers[0].kill()
        monkeypatch.setattr("rawkit.workers.cluster._ALONE_SECONDS", 0.3)
        with pytest.raises(ClusterError, match="no worker for"):
            cluster.result(cluster.submit(which_process))


class OddError(Exception):
    """An error that no process can hand to another."""

    def __init__(self, one: int, other: int) -> None:
        super().__init__(f"{one} and {other}")


def fail(kind: str) -> None:
    if kind == "odd":
        raise OddError(1, 2)
    raise ValueError(kind)


def test_what_the_work_raises_is_not_the_clusters(tmp_path: Path) -> None:
    with (
        dask_cluster(tmp_path / "elsewhere", 1) as dask,
        connect_cluster(dask.address) as cluster,
    ):
        with pytest.raises(ValueError, match="plain"):
            cluster.result(cluster.submit(fail, "plain"))
        with pytest.raises(RuntimeError, match="OddError: 1 and 2"):
            cluster.result(cluster.submit(fail, "odd"))
        path = cluster.result(cluster.submit(Path, Path("below") / "here"))
        assert path == Path.cwd() / "below" / "here"


class Unreadable:
    """What can be sent and not be read."""

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return int, ("no number",)


def test_an_answer_that_cannot_be_read_is_an_error_and_no_wait_for_ever(tmp_path: Path) -> None:
    with (
        dask_cluster(tmp_path / "elsewhere", 1) as dask,
        connect_cluster(dask.address) as cluster,
        pytest.raises(ClusterError, match="no number"),
    ):
        cluster.result(cluster.submit(Unreadable))


def test_a_worker_that_does_not_see_the_weights_ends_the_batch(tmp_path: Path) -> None:
    """Not each file, with an error of its own."""
    torch.manual_seed(0)
    weights, out = tmp_path / "weights.pt", tmp_path / "out"
    torch.save(build("lamba2021").state_dict(), weights)
    for number in range(3):
        write_noise_dng(tmp_path / f"{number}.dng", seed=number)
    restorer = load_restorer(weights)
    weights.rename(tmp_path / "elsewhere.pt")
    with dask_cluster(tmp_path / "elsewhere", 1) as cluster:
        report = restore_items(
            find_inputs([tmp_path / "*.dng"]).items, Output(out), restorer,
            resources=Resources(scheduler=cluster.address),
        )  # fmt: skip
    assert (report.restored, report.failed) == ([], [])
    assert isinstance(report.stopped, ClusterError)
    assert "does not see the weights" in report.stopped.found
