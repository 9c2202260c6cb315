"""Training while frames land: the whole way, over a server, killed, replayed, and without one."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

import rawkit
from rawkit.errors import UsageError
from rawkit.store import Store, frame_bytes, read_evicted
from rawkit.synth import make_collection
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
    from collections.abc import Iterator
    from pathlib import Path

SIZE = (128, 192)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Four scenes of two views, so that each split has some; two ISO speeds, two shutters."""
    folder = tmp_path_factory.mktemp("mid")
    make_collection("mid", folder, scenes=4, size=SIZE, isos=(100, 200), shutters=(0.01, 0.5))
    return zip_of(folder)


@pytest.fixture
def web(archive: bytes) -> Iterator[Web]:
    with serve(Web({"/mid.zip": archive}, etags={"/mid.zip": '"one"'})) as served:
        yield served


def train(web: Web, *more: object) -> tuple[object, ...]:
    return ("train", "mid", "--source", web.url("/mid.zip"), *TINY, *more)


@pytest.mark.slow
@pytest.mark.usefixtures("one_torch_thread")
def test_frames_land_while_others_are_trained_on_and_a_replay_learns_the_same(
    web: Web, tmp_path: Path
) -> None:
    web.rate = len(web.files["/mid.zip"]) / 5
    found = run(tmp_path, *train(web, "--steps", 60, "--name", "live", "--iso", 100))
    assert found.code == 0, found.err
    assert "waiting for 2 pairs" in found.err
    notes = [one for one in notes_of(tmp_path / "runs/live") if "epoch" in one]
    assert notes[0]["pairs"] < notes[-1]["pairs"]
    line = json.loads((tmp_path / "runs/live/metrics.jsonl").read_text().splitlines()[-1])
    assert line["landed"] > line["pairs"] >= 2
    before = len(Store(tmp_path / "stores/mid.zarr").rows)  # a fast training ends before the last
    again = run_in(tmp_path, "ingest", "mid", "--source", web.url("/mid.zip"), "--iso", 100,
                   "--workers", 0, "--json")  # fmt: skip
    assert len(Store(tmp_path / "stores/mid.zarr").rows) == before + json.loads(again.out)["added"]
    # Another store of the same frames, in the order of an ingest.
    other = tmp_path / "other"
    run_in(other, "ingest", "mid", "--source", web.url("/mid.zip"), "--iso", 100, "--workers", 0)
    (other / "runs").mkdir()
    (tmp_path / "runs/live").rename(other / "runs/live")
    rawkit.train(replay="live", name="again", workspace=other, progress=False, device="cpu")
    assert same_weights(other / "runs/live", other / "runs/again")
    scores = [json.loads((other / f"runs/{one}/metrics.jsonl").read_text().splitlines()[-1])["psnr"]
              for one in ("live", "again")]  # fmt: skip
    assert scores[0] == scores[1]


@pytest.mark.slow
def test_what_is_killed_is_taken_up_again_with_the_same_weights(web: Web, tmp_path: Path) -> None:
    web.rate = len(web.files["/mid.zip"]) / 6
    run_folder = tmp_path / "runs/live"
    begun = start(tmp_path, *train(web, "--steps", 60, "--name", "live"))
    wait_for(run_folder / "supply.json")
    assert kill_after(begun, 0.5)  # before the first step
    for seconds in (6, 9):
        assert kill_after(start(tmp_path, "train", "--resume"), seconds) or seconds > 6
    noted = notes_of(run_folder) if (run_folder / "generations.jsonl").exists() else []
    found = run(tmp_path, "train", "--resume", "--name", "live")
    assert found.code == 0, found.err
    assert notes_of(run_folder)[: len(noted)] == noted
    assert run(tmp_path, "train", "--replay", "live", "--name", "again").code == 0
    assert same_weights(run_folder, tmp_path / "runs/again")


@pytest.mark.slow
def test_ctrl_c_stops_both_and_resume_takes_up_both(web: Web, tmp_path: Path) -> None:
    web.rate = len(web.files["/mid.zip"]) / 20
    begun = start(tmp_path, *train(web, "--steps", 400, "--name", "live"))
    wait_for(tmp_path / "runs/live/last.pt")
    os.killpg(begun.pid, signal.SIGINT)
    stopped = ended(begun, 30)
    assert stopped.code == 1
    assert "--resume" in stopped.err
    before = len(Store(tmp_path / "stores/mid.zarr").rows)
    sent = web.bytes_sent
    time.sleep(0.5)
    assert web.bytes_sent == sent
    web.rate = 0
    found = run(tmp_path, "train", "--resume", "--steps", 40)
    assert found.code == 0, found.err
    assert len(Store(tmp_path / "stores/mid.zarr").rows) > before


@pytest.mark.slow
def test_a_server_that_is_gone_for_good_costs_frames_and_not_the_training(
    web: Web, tmp_path: Path
) -> None:
    web.rate = len(web.files["/mid.zip"]) / 25
    begun = start(tmp_path, *train(web, "--steps", 50, "--validate-every", 50, "--name", "live",
                                   "--iso", 100))  # fmt: skip
    wait_for(tmp_path / "runs/live/last.pt")
    web.refusal = 503
    found = ended(begun)
    assert found.code == 1
    assert "waiting, and trying again" in found.err
    assert "have not landed" in found.err
    web.refusal, web.rate = 0, 0.0
    assert run(tmp_path, "train", "--resume").code == 0


@pytest.mark.slow
def test_a_server_that_is_away_for_a_moment_costs_nothing(web: Web, tmp_path: Path) -> None:
    web.rate = len(web.files["/mid.zip"]) / 25
    begun = start(tmp_path, *train(web, "--steps", 150, "--name", "live", "--iso", 100))
    wait_for(tmp_path / "runs/live/last.pt")
    web.refusal = 503
    time.sleep(4)
    web.refusal = 0
    found = ended(begun)
    assert found.code == 0, found.err
    assert "frames land again" in found.err


def test_a_login_page_is_a_clear_error_and_leaves_no_run(tmp_path: Path) -> None:
    with serve(Web({"/mid.zip": b"<html>Log in</html>"}, ranges=False)) as page:
        found = run(tmp_path, *train(page, "--steps", 10))
    assert found.code == 2
    assert "range requests" in found.err
    assert not list((tmp_path / "runs").glob("*"))


@pytest.mark.slow
def test_an_archive_that_changes_ends_the_ingest_and_not_the_training(
    web: Web, tmp_path: Path
) -> None:
    web.rate = len(web.files["/mid.zip"]) / 10
    begun = start(tmp_path, *train(web, "--steps", 300, "--validate-every", 300, "--name", "live"))
    wait_for(tmp_path / "runs/live/last.pt")
    web.etags["/mid.zip"] = '"two"'
    found = ended(begun)
    assert found.code == 1
    assert "another file now" in found.err
    assert (tmp_path / "runs/live/weights.safetensors").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--source", "http://127.0.0.1:9/x.zip"), "without a collection"),
        (("mid", "--subset", "f1"), "--subset with a collection"),
        (("mid", "--replay", "live"), "--replay"),
        (("mid", "--resume"), "--resume"),
    ],
)
def test_options_that_make_no_sense_together_are_refused(
    arguments: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    found = run(tmp_path, "train", *arguments)
    assert found.code == 2
    assert words in found.err


@pytest.mark.usefixtures("one_torch_thread")
def test_a_notebook_trains_on_a_folder_while_its_frames_land(
    sid_folder: Path, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"workspace": tmp_path, "progress": False, "device": "cpu"}
    report = rawkit.train("sid", source=sid_folder, filters={"iso": "100-25600"}, steps=3, crop=32,
                          batch_size=1, network="sid", name="live", **options)  # fmt: skip
    assert (report.steps, report.missing) == (3, "")
    assert rawkit.train(replay="live", name="again", **options).steps == 3
    assert same_weights(tmp_path / "runs/live", tmp_path / "runs/again")
    assert rawkit.train(resume=True, name="live", **options).steps == 3
    with pytest.raises(UsageError, match="several of"):
        rawkit.train(replay="live", resume=True, **options)
    # What had not landed when the training ended.
    rawkit.ingest("sid", source=sid_folder, iso="100-25600", workspace=tmp_path, progress=False)
    store = Store(tmp_path / "stores/sid.zarr")
    small = sum(frame_bytes(store, row) for row in store.rows) - 1
    for given in ({"replay": "live"}, {"frames": "sid", "filters": {"iso": "100-25600"}}):
        within: dict[str, Any] = {"steps": 3, "crop": 32, "batch_size": 1, "network": "sid"}
        within = {} if "replay" in given else within
        name = "small" if "replay" in given else "landed"
        rawkit.train(**given, **within, source=sid_folder, disk=small, name=name, **options)
        assert read_evicted(tmp_path / "stores/sid.zarr")
    assert same_weights(tmp_path / "runs/live", tmp_path / "runs/small")
