"""Several processes give the same pictures as one; one that dies costs the file it was at."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from distributed import Client, LocalCluster

from rawkit.errors import UsageError
from rawkit.models import build, prepare
from rawkit.restore import (
    Item,
    LocalRaw,
    Output,
    Restorer,
    find_inputs,
    load_restorer,
    restore_files,
    restore_items,
)
from rawkit.restore.parallel import workers_that_fit
from rawkit.sensor import Amplification
from rawkit.workers import Resources
from tests.support.factories import files_of, write_noise_dng

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from rawkit.progress import Advance


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "weights.pt"
    torch.save(build("lamba2021").state_dict(), path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dark")
    for number in range(4):
        write_noise_dng(folder / f"{number}.dng", seed=number)
    (folder / "broken.dng").write_bytes(b"not a raw file\n" * 1000)
    return folder


@pytest.fixture(scope="module")
def alone(weights: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Restore in this process, in one thread: on some machines two sum up in another order."""
    out = tmp_path_factory.mktemp("alone")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    restore_files(sorted(folder.iterdir()), Output(out), load_restorer(weights))
    torch.set_num_threads(threads)
    return out


def pictures(folder: Path) -> dict[str, str]:
    return {name: digest for name, digest in files_of(folder).items() if name.endswith(".png")}


@pytest.mark.usefixtures("one_torch_thread")
@pytest.mark.parametrize("workers", [1, 2])
def test_processes_give_the_pictures_of_one(
    weights: Path, folder: Path, alone: Path, tmp_path: Path, workers: int
) -> None:
    items = find_inputs([folder]).items
    report = restore_items(
        items, Output(tmp_path), load_restorer(weights), resources=Resources(workers)
    )
    assert [Path(one.source).name for one in report.restored] == [f"{n}.dng" for n in range(4)]
    assert [(Path(where).name, error.kind) for where, error in report.failed] == [
        ("broken.dng", "not-raw")
    ]
    assert pictures(tmp_path) == pictures(alone)
    assert len((tmp_path / "manifest.jsonl").read_text().splitlines()) == 4


def test_a_cluster_gives_the_pictures_of_one(
    weights: Path, folder: Path, alone: Path, tmp_path: Path
) -> None:
    with (
        LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0"
        ) as cluster,
        Client(cluster),  # type: ignore[no-untyped-call]
    ):
        resources = Resources(scheduler=cluster.scheduler_address)
        report = restore_items(
            find_inputs([folder]).items, Output(tmp_path), load_restorer(weights),
            resources=resources,
        )  # fmt: skip
    assert len(report.restored) == 4
    assert [error.kind for _, error in report.failed] == ["not-raw"]
    assert pictures(tmp_path) == pictures(alone)


class KillingProgress:
    """Kills a worker when the first file is done."""

    def __init__(self) -> None:
        self.killed = False

    def stage(self, label: str, total: int | None, unit: str) -> AbstractContextManager[Advance]:  # noqa: ARG002 - the protocol's
        """Open a stage."""
        from contextlib import contextmanager

        def advance(done: int = 1, note: str = "") -> None:  # noqa: ARG001 - the protocol's
            if not self.killed:
                self.killed = True
                os.kill(_workers()[0], signal.SIGKILL)

        @contextmanager
        def opened() -> Iterator[Advance]:
            yield advance

        return opened()


def _workers() -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
                parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
            except OSError:
                continue
            if b"rawkit.restore.parallel" in command and int(parent) == os.getpid():
                found.append(int(entry.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="finds processes in /proc")
def test_a_process_that_dies_costs_at_most_the_file_it_was_at(
    weights: Path, folder: Path, tmp_path: Path
) -> None:
    items = [
        Item(LocalRaw(path), f"{path.stem}-{again}")
        for again in range(4)
        for path in sorted(folder.glob("[0-9].dng"))
    ]
    items = [Item(item.what, f"{number}") for number, item in enumerate(items)]
    report = restore_items(
        items, Output(tmp_path), load_restorer(weights), KillingProgress(), Resources(2)
    )
    assert len(report.restored) + len(report.failed) == len(items)
    assert {error.kind for _, error in report.failed} <= {"crashed"}
    assert len(report.failed) <= 1
    assert not list(tmp_path.glob("*.part")) or report.failed


def test_weights_that_no_worker_can_load_are_told_at_once(folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    made = Restorer(prepare(build("lamba2021")), "lamba2021", None, Amplification())
    with pytest.raises(UsageError, match="made in this process"):
        restore_items(find_inputs([folder]).items, Output(tmp_path), made, resources=Resources(2))


def test_processes_are_as_many_as_fit() -> None:
    found: list[Any] = [workers_that_fit(4, ram, 800) for ram in (100, 800, 1700, 10_000)]
    np.testing.assert_array_equal(found, [1, 1, 2, 4])
