"""Dask clusters as people start them: each process from its own folder, with its own modules."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.fixtures_cli import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SECONDS = 60


@dataclass
class DaskCluster:
    """A scheduler and its workers over TCP, one thread each, without nannies."""

    folder: Path
    """The folder that all run in, where they write to."""
    address: str = ""
    """The scheduler's."""
    scheduler: subprocess.Popen[bytes] | None = None
    """Its process."""
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    """Processes of workers, in the order they were started in."""

    @property
    def _about(self) -> Path:
        return self.folder / "scheduler.json"

    def start_scheduler(self, path: Sequence[Path] = ()) -> None:
        """Start the scheduler; modules come from `path` first."""
        self.scheduler = self._start(
            ["scheduler", "--host", "tcp://127.0.0.1", "--port", "0", "--no-dashboard",
             "--scheduler-file", str(self._about)], path
        )  # fmt: skip
        begun = time.monotonic()
        while not self._about.exists() or not self._about.read_text():
            assert time.monotonic() - begun < SECONDS
            time.sleep(0.05)
        self.address = json.loads(self._about.read_text())["address"]
        assert self.address.startswith("tcp://")

    def start_worker(self, path: Sequence[Path] = ()) -> subprocess.Popen[bytes]:
        """Start a worker; modules come from `path` first."""
        process = self._start(
            ["worker", "--scheduler-file", str(self._about), "--nthreads", "1", "--no-nanny",
             "--no-dashboard", "--memory-limit", "0", "--local-directory", str(self.folder)], path
        )  # fmt: skip
        self.workers.append(process)
        return process

    def wait(self, count: int) -> None:
        """Wait until so many workers are there."""
        from distributed import Client
        from distributed.versions import VersionMismatchWarning

        with warnings.catch_warnings():  # other versions are what is tested
            warnings.simplefilter("ignore", VersionMismatchWarning)
            with Client(self.address) as client:  # type: ignore[no-untyped-call]
                client.wait_for_workers(count, timeout=SECONDS)

    def end(self) -> None:
        """End all."""
        for process in (*self.workers, self.scheduler):
            if process is not None:
                process.kill()
                process.wait()

    def _start(self, command: list[str], path: Sequence[Path]) -> subprocess.Popen[bytes]:
        paths = os.pathsep.join(str(one) for one in (*path, REPOSITORY))
        return subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "dask", *command], cwd=self.folder,
            env={**os.environ, "PYTHONPATH": paths}, stderr=subprocess.DEVNULL,
        )  # fmt: skip


@contextmanager
def dask_cluster(
    folder: Path,
    workers: int,
    *,
    scheduler_path: Sequence[Path] = (),
    worker_path: Sequence[Path] = (),
) -> Iterator[DaskCluster]:
    """Start a scheduler and so many workers in a folder; wait for them."""
    folder.mkdir(parents=True, exist_ok=True)
    cluster = DaskCluster(folder)
    try:
        cluster.start_scheduler(scheduler_path)
        for _ in range(workers):
            cluster.start_worker(worker_path)
        if workers:
            cluster.wait(workers)
        yield cluster
    finally:
        cluster.end()


def without_rawkit(folder: Path) -> Path:
    """Write a folder that, first among the modules, keeps a process from importing rawkit."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import sys\n"
        "class Without:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'rawkit':\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Without())\n"
    )
    return folder


def with_package(folder: Path, name: str, version: str) -> Path:
    """Write a folder that, first among the modules, gives a package another version."""
    about = folder / f"{name}-{version}.dist-info" / "METADATA"
    about.parent.mkdir(parents=True)
    about.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return folder


def with_rawkit(folder: Path, version: str) -> Path:
    """Copy rawkit into a folder that, first among the modules, gives it another version."""
    import shutil

    shutil.copytree(
        REPOSITORY / "rawkit", folder / "rawkit", ignore=shutil.ignore_patterns("__pycache__")
    )
    init = folder / "rawkit" / "__init__.py"
    text = init.read_text()
    assert '__version__ = "' in text
    init.write_text(text + f'\n__version__ = "{version}"\n')
    return folder
