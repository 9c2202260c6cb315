"""Two processes that train while frames land: the first has the ingest, both draw from the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rawkit.errors import UsageError
from rawkit.supply import record_of, start_supply
from rawkit.synth import make_collection
from rawkit.workspace import Workspace
from tests.support.fixtures_live import TINY, notes_of, same_weights, zip_of
from tests.support.fixtures_web import Web, serve
from tests.support.ranks import start_two

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = "from rawkit.cli import main; main()"


@pytest.mark.slow
def test_two_processes_learn_what_a_replay_in_two_learns(tmp_path: Path) -> None:
    make_collection("mid", tmp_path / "raw", scenes=4, size=(128, 192), isos=(100, 200),
                    shutters=(0.01,))  # fmt: skip
    data = zip_of(tmp_path / "raw")
    with serve(Web({"/mid.zip": data}, etags={"/mid.zip": '"one"'}, rate=len(data) / 15)) as web:
        source = ("--source", web.url("/mid.zip"), *TINY, "--steps", 60)
        for words in (("mid", *source, "--name", "live"), ("--replay", "live", "--name", "again")):
            begun = start_two(
                COMMAND, tmp_path / "train.py", "--workspace", tmp_path, "train", *words,
                "--device", "cpu",
            )  # fmt: skip
            _, err = begun.communicate(timeout=400)
            assert begun.returncode == 0, err
    folder = tmp_path / "runs/live"
    epochs = [one for one in notes_of(folder) if "epoch" in one]
    assert [one["epoch"] for one in epochs] == list(range(len(epochs)))
    assert 2 <= epochs[0]["pairs"] <= epochs[-1]["pairs"]
    assert same_weights(folder, tmp_path / "runs/again")


def test_a_budget_is_refused_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    record = record_of("mid", ("nowhere",), {}, {}, disk=10**9)
    begun = start_supply(Workspace(tmp_path), record, named="mid", max_ram=3 * 10**9)
    with pytest.raises(UsageError, match="with 2 processes"), begun:
        pass
