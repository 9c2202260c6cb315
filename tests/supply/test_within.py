"""Training within a budget of bytes while frames land: killed, replayed, on a full disk."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

import rawkit
from rawkit.store import Store
from rawkit.synth import make_collection
from tests.support.disks import mounted
from tests.support.fixtures_cli import run_in
from tests.support.fixtures_live import (
    TINY,
    ended,
    kill_after,
    notes_of,
    run,
    same_weights,
    start,
    wait_for,
    zip_of,
)
from tests.support.fixtures_web import Web, serve

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

BUDGET = 1_400_000
"""Bytes: hardly more than the frames that are validated on, and two pairs."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Five scenes of two views, of two dark frames and a long each."""
    folder = tmp_path_factory.mktemp("mid")
    make_collection("mid", folder, scenes=5, size=(128, 192), isos=(100, 200), shutters=(0.01,))
    return zip_of(folder)


@pytest.fixture
def web(archive: bytes) -> Iterator[Web]:
    with serve(Web({"/mid.zip": archive}, etags={"/mid.zip": '"one"'})) as served:
        yield served


def train(web: Web, *more: object, disk: str = f"{BUDGET}B") -> tuple[object, ...]:
    source = ("--source", web.url("/mid.zip"))
    return ("train", "mid", *source, *TINY, "--disk", disk, "--name", "live", *more)


def bytes_in(store: Path) -> int:
    """Bytes of all shards that lie in a store, and of those being written."""
    shards = (*store.glob("*/*/packed/c/**/*"), *store.glob("*/*/target/c/**/*"))
    written = (*store.parent.glob("*.part/*.packed"), *store.parent.glob("*.part/*.target"))
    return sum(path.stat().st_size for path in (*shards, *written) if path.is_file())


def watched(process: subprocess.Popen[str], store: Path) -> int:
    """Wait for a command; returns the most bytes that a store ever had."""
    most = 0
    while process.poll() is None:
        try:
            most = max(most, bytes_in(store))
        except FileNotFoundError:
            continue  # it went while it was looked at
        time.sleep(0.05)
    return most


@pytest.mark.slow
@pytest.mark.usefixtures("one_torch_thread")
def test_a_small_disk_holds_what_is_needed_and_every_way_learns_the_same(
    web: Web, tmp_path: Path
) -> None:
    begun = start(tmp_path, *train(web, "--steps", 60, "--validate-every", 30))
    most = watched(begun, tmp_path / "stores/mid.zarr")
    found = ended(begun)
    assert found.code == 0, found.err
    assert "came again" in found.err
    assert 0 < most <= BUDGET
    folder = tmp_path / "runs/live"
    line = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])
    assert line["landed"] > line["pairs"] >= 2
    # In this process, which has torch already.
    options: dict[str, Any] = {"workspace": tmp_path, "progress": False, "device": "cpu"}
    source = web.url("/mid.zip")
    rawkit.train(replay="live", name="small", source=source, disk=BUDGET, **options)
    assert bytes_in(tmp_path / "stores/mid.zarr") <= BUDGET
    assert run_in(tmp_path, "verify", "mid", "--refill", "--source", source).code == 0
    rawkit.train(replay="live", name="whole", **options)
    assert same_weights(folder, tmp_path / "runs/small")
    assert same_weights(folder, tmp_path / "runs/whole")


@pytest.mark.slow
def test_what_is_killed_or_stopped_goes_on_within_the_budget_with_the_same_weights(
    web: Web, tmp_path: Path
) -> None:
    folder, store = tmp_path / "runs/live", tmp_path / "stores/mid.zarr"
    often = ("--validate-every", 20)
    begun = start(tmp_path, *train(web, "--steps", 100, *often))
    wait_for(folder / "last.pt")
    assert kill_after(begun, 2.0)
    noted = notes_of(folder)
    again = start(tmp_path, "train", "--resume", *often)
    time.sleep(6)
    os.killpg(again.pid, signal.SIGINT)
    stopped = ended(again)
    assert stopped.code in {0, 1}
    assert not list(store.parent.glob("*.part"))
    assert bytes_in(store) <= BUDGET
    found = run(tmp_path, "train", "--resume", "--name", "live", *often)
    assert found.code == 0, found.err
    assert notes_of(folder)[: len(noted)] == noted
    assert bytes_in(store) <= BUDGET
    source = ("--source", web.url("/mid.zip"), "--disk", f"{BUDGET}B")
    assert run(tmp_path, "train", "--replay", "live", "--name", "again", *source).code == 0
    assert same_weights(folder, tmp_path / "runs/again")


def test_a_budget_that_is_too_small_is_refused_with_about_the_least(
    web: Web, tmp_path: Path
) -> None:
    found = run(tmp_path, *train(web, "--steps", 10, disk="300kB"))
    assert found.code == 2
    assert "about" in found.err
    assert "at least" in found.err


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk that is smaller than the budget; skip where that is not permitted."""
    with mounted(tmp_path / "disk", "900k") as path:
        yield path


@pytest.mark.slow
def test_a_disk_that_is_fuller_than_the_budget_says_so_and_loses_nothing(
    web: Web, small_disk: Path, tmp_path: Path
) -> None:
    stores = ("--stores", small_disk / "stores")
    begun = start(tmp_path / "ws", *stores, *train(web, "--steps", 40, "--validate-every", 20))
    found = ended(begun)
    assert "waiting, and trying again" in found.err
    assert found.code == 1
    store = Store(small_disk / "stores/mid.zarr")
    assert len(store.rows) > 0
    assert run(tmp_path / "ws", *stores, "verify", "mid").code == 0
