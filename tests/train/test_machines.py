"""Training over machines that share no folder: stores and runs in a bucket, a cache on each."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import torch

from rawkit.train import LAST, load_checkpoint
from rawkit.train.record import METRICS
from tests.support.namespaces import copy_objects, network, serve_objects

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.namespaces import Machine

STORES, RUNS = "s3://night/stores", "s3://night/runs"
SECONDS = 120


@dataclass
class Cluster:
    """Three machines, and a fourth with a bucket in which the store of the small SID lies."""

    machines: dict[str, Machine]
    """By name: one, two, three, and store."""
    env: dict[str, str]
    """Variables that lead to the bucket."""
    place: Path
    """A folder of this machine for what is copied from it."""

    def train(
        self,
        *machines: str,
        name: str,
        steps: int,
        more: tuple[object, ...] = (),
        each: Mapping[str, tuple[object, ...]] | None = None,
    ) -> list[subprocess.Popen[bytes]]:
        """Start a training of one process on each machine; logs are ``NAME.log``.

        All get the options `more`, and a machine those of `each` that go by its name.
        """
        rawkit = (
            "-m", "rawkit", "--stores", STORES, "--runs", RUNS, "train", "--name", name, "--steps",
            steps, "--validate-every", 2, "--cache", "/tmp/cache", *more,  # noqa: S108 - its own
        )  # fmt: skip
        first = self.machines[machines[0]]
        return [
            self.machines[one].start(
                "torchrun", "--nnodes", len(machines), "--nproc_per_node", 1, "--node_rank", rank,
                "--master_addr", first.address, "--master_port", 29500, *rawkit,
                *(each or {}).get(one, ()), env=self.env, log=f"{name}.log",
            )
            for rank, one in enumerate(machines)
        ]  # fmt: skip

    def said(self, machine: str, name: str) -> str:
        """Return what a training has printed on a machine."""
        return self.machines[machine].path(f"{name}.log").read_text("utf-8", errors="replace")

    def run(self, name: str) -> Path:
        """Copy what a run has in the bucket by now into a folder of its name."""
        folder = self.place / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for key, data in copy_objects(self.machines["store"], f"{RUNS}/{name}", self.env).items():
            (folder / key).write_bytes(data)
        return folder

    def wait_for(self, name: str) -> None:
        """Wait until a run has a checkpoint in the bucket."""
        begun = time.monotonic()
        find = "import sys, s3fs; sys.exit(not s3fs.S3FileSystem().exists(sys.argv[1]))"
        there = ("python", "-c", find, f"{RUNS}/{name}/{LAST}")
        while self.machines["store"].run(*there, env=self.env, check=False).returncode:
            assert time.monotonic() - begun < SECONDS


NEW = ("--fraction", 1, "--crop", 32, "--batch", 4, "--loss", "l1")


@pytest.fixture(scope="module")
def cluster(sid_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with network("store", "one", "two", "three") as machines:
        # Sums are the same to the last bit with one thread; gloo must be told the network.
        env = {**serve_objects(machines["store"], "night"), "OMP_NUM_THREADS": "1",
               "GLOO_SOCKET_IFNAME": "eth0"}  # fmt: skip
        shutil.copytree(sid_folder, machines["one"].path("raw"))
        machines["one"].run(
            "rawkit", "--stores", STORES, "ingest", "sid", "--source", "raw", "--workers", 0,
            env=env, seconds=SECONDS,
        )  # fmt: skip
        yield Cluster(machines, env, tmp_path_factory.mktemp("runs"))


@pytest.fixture(autouse=True)
def nothing_left(cluster: Cluster) -> Iterator[None]:
    """End what a test that fails has left running."""
    yield
    for name in ("one", "three"):  # two may be without power
        cluster.machines[name].run("pkill", "-KILL", "-f", "torchrun|rawkit", check=False)


def ended(processes: list[subprocess.Popen[bytes]]) -> list[int]:
    return [process.wait(SECONDS) for process in processes]


def lines_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / METRICS).read_text().splitlines()]


def assert_same_weights(one: Path, other: Path) -> None:
    first, second = load_checkpoint(one / LAST), load_checkpoint(other / LAST)
    assert (first.step, first.position) == (second.step, second.position)
    for name, value in first.model.items():
        assert torch.equal(value, second.model[name]), name


@pytest.mark.slow
def test_machines_learn_what_one_does_and_go_on_after_one_has_died(cluster: Cluster) -> None:
    started = cluster.train("one", "two", name="killed", steps=6000, more=NEW)
    cluster.wait_for("killed")
    cluster.machines["two"].run("pkill", "-KILL", "-f", "torchrun|rawkit")
    begun = time.monotonic()
    assert ended(started) == [1, -9]
    assert time.monotonic() - begun < 30
    said = cluster.said("one", "killed")
    assert "another process of this training has gone" in said
    assert "with --resume, goes on from it" in said
    steps = load_checkpoint(cluster.run("killed") / LAST).step + 2

    # What is resumed ends as the same machines do that nothing has happened to,
    again = cluster.train("one", "two", name="killed", steps=steps, more=("--resume", *NEW))
    assert ended(again) == [0, 0]
    assert ended(cluster.train("one", "two", name="whole", steps=steps, more=NEW)) == [0, 0]
    two = cluster.run("whole")
    assert_same_weights(cluster.run("killed"), two)
    for machine in ("one", "two"):
        assert any(cluster.machines[machine].path("cache").rglob("*")), machine
        assert not cluster.machines[machine].path("runs").exists()

    # and these as one process.
    assert ended(cluster.train("one", name="alone", steps=steps, more=NEW)) == [0]
    alone = cluster.run("alone")
    assert [line["step"] for line in lines_of(two)] == list(range(2, steps + 1, 2))
    for first, second in zip(lines_of(two), lines_of(alone), strict=True):
        assert first["loss"] == pytest.approx(second["loss"], rel=1e-4)
        assert first["psnr"] == pytest.approx(second["psnr"], abs=1e-2)
    assert {path.name for path in two.iterdir()} == {path.name for path in alone.iterdir()}


@pytest.mark.slow
def test_machines_that_would_not_do_the_same_are_told_so(cluster: Cluster) -> None:
    seeds: dict[str, tuple[object, ...]] = {"one": ("--seed", 1), "two": ("--seed", 2)}
    started = cluster.train("one", "two", name="apart", steps=4, more=NEW, each=seeds)
    assert ended(started) == [1, 1]
    assert "another settings in process 1 than in process 0" in cluster.said("one", "apart")
    assert not list(cluster.run("apart").iterdir())


@pytest.mark.slow
def test_a_machine_without_power_is_replaced_by_another(cluster: Cluster) -> None:
    patience = 20
    more: tuple[object, ...] = ("--patience", patience)
    started = cluster.train("one", "two", name="dark", steps=6000, more=(*NEW, *more))
    cluster.wait_for("dark")
    cluster.machines["two"].die()
    begun = time.monotonic()
    assert started[0].wait(SECONDS) == 1
    assert time.monotonic() - begun < patience + 30
    assert "another process of this training has gone" in cluster.said("one", "dark")
    steps = load_checkpoint(cluster.run("dark") / LAST).step + 2
    more = ("--resume", *NEW, *more)
    assert ended(cluster.train("one", "three", name="dark", steps=steps, more=more)) == [0, 0]
    assert ended(cluster.train("one", "three", name="light", steps=steps, more=NEW)) == [0, 0]
    assert_same_weights(cluster.run("dark"), cluster.run("light"))
