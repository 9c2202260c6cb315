"""A server that is away for a moment while frames land, go and come again within a budget."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from rawkit.store import Store, verify_store
from rawkit.supply import begin_supply, record_of
from rawkit.synth import make_collection
from rawkit.workspace import Workspace
from tests.support.fixtures_live import zip_of
from tests.support.fixtures_web import Web, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rawkit.supply import Supply


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    """Serve two scenes of two views, of two dark frames and a long each."""
    make_collection("mid", tmp_path / "raw", scenes=2, size=(128, 192), isos=(100, 200),
                    shutters=(0.01,))  # fmt: skip
    with serve(Web({"/mid.zip": zip_of(tmp_path / "raw")}, etags={"/mid.zip": '"one"'})) as served:
        yield served


@pytest.fixture
def said() -> list[str]:
    """Return what people are told."""
    return []


@pytest.fixture
def supply(web: Web, said: list[str], tmp_path: Path) -> Iterator[Supply]:
    """Begin an ingest into a store with room for some frames."""
    record = record_of("mid", (web.url("/mid.zip"),), {}, {"batch_size": 2}, disk=500_000)
    begun = begin_supply(
        Workspace(tmp_path), record, named="mid", max_ram=3 * 10**9, say=said.append
    )
    yield begun
    begun.close()


def wait(supply: Supply, ready: Callable[[], bool], seconds: float = 60) -> None:
    assert supply.wait(ready, seconds), supply.text()


def test_frames_land_and_come_again_once_it_is_there_again(
    supply: Supply, web: Web, said: list[str], tmp_path: Path
) -> None:
    room = supply.room
    assert room is not None
    wait(supply, lambda: room.stuck and supply.commits > 0)
    held = dict(room.here)
    gone = sorted(held)[:2]
    web.refusal = 503
    supply.evict(gone)
    coming = supply.bring(gone[0])
    for name in gone:
        room.leave(name)  # so that another asks for the room of the second, and lands
    room.reserve(gone[0], held[gone[0]])
    wait(supply, lambda: bool(supply.away))
    assert "503" in supply.text()
    assert not coming.done()
    time.sleep(1.0)
    web.refusal = 0
    assert coming.result(60) > 0
    room.arrive(gone[0], held[gone[0]])
    wait(supply, lambda: not supply.away)
    landed = supply.landed
    wait(supply, lambda: supply.landed > landed or not room.asks or room.stuck)
    supply.close()
    words = " / ".join(said)
    assert words.startswith("waiting, and trying again")
    assert "frames land again" in words
    store = Store(tmp_path / "stores/mid.zarr")
    assert {row.name for row in store.rows} >= held.keys()
    assert verify_store(store.path)[0] == []
    assert not list((tmp_path / "stores").glob("*.part"))
