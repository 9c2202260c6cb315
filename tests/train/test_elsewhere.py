"""Runs in a bucket: the same files as here, whole or not at all, and found by all commands."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from rawkit.errors import MissingError, StoreUnreachableError, UsageError, WeightsError
from rawkit.locations import Url
from rawkit.source import Transfer
from rawkit.store import ObjectPlace, open_place
from rawkit.train import BEST, LAST, WEIGHTS, Trainer, check_new_run, load_checkpoint
from rawkit.train.folder import RunFolder
from rawkit.train.loop import SETTINGS
from rawkit.train.record import METRICS
from rawkit.train.runs import (
    choose_subset,
    find_run,
    new_run_name,
    newest_weights,
    open_data,
    reopen_data,
    weights_of_run,
)
from rawkit.workspace import Workspace
from tests.cli.test_train import TRAIN
from tests.support.factories import files_of
from tests.support.fixtures_cli import error_line, run_in
from tests.support.fixtures_stream import copy_workspace, tiny
from tests.train.test_loop import CallAt, assert_same_state, press_ctrl_c

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rawkit.train import TrainData
    from tests.support.fixtures_s3 import ObjectServer

pytest_plugins = ("tests.support.fixtures_s3", "tests.support.fixtures_workspace")

STEPS = 4
QUICK = Transfer(tries=2, timeout=2, pause=0.01)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing wait for minutes."""
    monkeypatch.setattr("rawkit.train.folder._FIRST_PAUSE", 0.01)
    monkeypatch.setattr("rawkit.store.places.objects.PATIENCE", QUICK)


@pytest.fixture(scope="module")
def whole(tiny_data: TrainData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run here that was never stopped, validated after each step."""
    import torch

    before, folder = torch.get_num_threads(), tmp_path_factory.mktemp("runs") / "whole"
    torch.set_num_threads(1)
    Trainer(tiny(STEPS), tiny_data, folder, keep=2).run(validate_every=1)
    torch.set_num_threads(before)
    return folder


def copied(url: Url, to: Path) -> Path:
    """Copy all that lies below a URL into a folder."""
    place = open_place(url)
    for key in place.sizes():
        path = to / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(place.read(key))
    return to


def comparable(folder: Path) -> dict[str, Any]:
    """Return what two runs of the same must have alike, by file.

    Losses are means over the last steps, which begin anew where a run is resumed.
    """
    lines = [json.loads(line) for line in (folder / METRICS).read_text().splitlines()]
    timeless = [
        {key: one[key] for key in ("step", "samples", "rate", "psnr", "ssim")} for one in lines
    ]
    return {
        "names": sorted(path.name for path in folder.iterdir()),
        METRICS: timeless,
        WEIGHTS: (folder / WEIGHTS).read_bytes(),
        SETTINGS: (folder / SETTINGS).read_bytes(),
    }


@pytest.mark.usefixtures("one_torch_thread")
def test_a_run_in_a_bucket_is_the_run_of_a_folder(
    tiny_data: TrainData, whole: Path, bucket: Url, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    Trainer(tiny(STEPS), tiny_data, bucket / "there", keep=2).run(validate_every=1)
    copied(bucket / "there", there)
    assert_same_state(whole, there)
    assert comparable(whole) == comparable(there)
    assert {"step-00000003.pt", "step-00000004.pt", LAST, BEST} <= set(comparable(there)["names"])


@pytest.mark.usefixtures("one_torch_thread")
def test_a_run_goes_on_from_the_bucket(
    sid_workspace: Workspace, tiny_data: TrainData, whole: Path, bucket: Url, tmp_path: Path
) -> None:
    first = Trainer(tiny(STEPS), tiny_data, bucket / "one")
    stopped = first.run(validate_every=1, progress=CallAt(3, press_ctrl_c))
    assert (stopped.interrupted, stopped.steps) == (True, 3)
    workspace = Workspace(sid_workspace.root, runs_at=bucket)
    for name in ("one", None):
        found = find_run(workspace, name)
        assert (found.folder, found.state.step) == (bucket / "one", 3)
    second = Trainer(tiny(STEPS), tiny_data, bucket / "one")
    second.resume(found.state)
    second.run(validate_every=1)
    assert_same_state(whole, copied(bucket / "one", tmp_path / "one"))
    assert comparable(whole)[METRICS][-1] == comparable(tmp_path / "one")[METRICS][-1]


class StoppedAt(Exception):  # noqa: N818 - it stands for the power that fails
    """The process ends at this write."""


@pytest.mark.usefixtures("one_torch_thread")
@pytest.mark.parametrize("fails", [2, 5, 6, 8, 10])
def test_every_beginning_of_what_is_written_can_be_gone_on_from(
    tiny_data: TrainData,
    whole: Path,
    bucket: Url,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fails: int,
) -> None:
    """Whichever write is the last one, what is resumed ends as if nothing had happened."""
    count = 0

    def counted(act: Callable[..., None]) -> Callable[..., None]:
        def step(*args: Any, **options: Any) -> None:
            nonlocal count
            count += 1
            if count == fails:
                raise StoppedAt
            act(*args, **options)

        return step

    with monkeypatch.context() as patch:
        for name in ("write", "copy", "delete"):
            patch.setattr(ObjectPlace, name, counted(getattr(ObjectPlace, name)))
        with pytest.raises(StoppedAt):
            Trainer(tiny(STEPS), tiny_data, bucket / "one", keep=2).run(validate_every=1)
    again = Trainer(tiny(STEPS), tiny_data, bucket / "one", keep=2)
    folder = RunFolder(bucket / "one")
    if folder.exists(LAST):
        with folder.opened(LAST) as path:
            again.resume(load_checkpoint(path))
    again.run(validate_every=1)
    copied(bucket / "one", tmp_path / "one")
    assert_same_state(whole, tmp_path / "one")
    found, expected = comparable(tmp_path / "one"), comparable(whole)
    assert load_checkpoint(tmp_path / "one" / BEST).step == load_checkpoint(whole / BEST).step
    assert {key: found[key] for key in (METRICS, WEIGHTS, SETTINGS)} == {
        key: expected[key] for key in (METRICS, WEIGHTS, SETTINGS)
    }


def test_a_server_that_comes_back_is_waited_for_with_a_word(
    tiny_data: TrainData, bucket: Url, object_server: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def back(words: str) -> None:
        told.append(words)
        if len(told) == 2:
            object_server.start()

    monkeypatch.setattr("rawkit.train.folder._FIRST_PAUSE", 0.01)
    trainer = Trainer(tiny(STEPS), tiny_data, bucket / "one", told=back)
    assert trainer.run(progress=CallAt(STEPS, object_server.stop)).steps == STEPS
    assert len(told) >= 2
    assert all("trying again in" in words for words in told)
    assert {METRICS, SETTINGS, LAST, BEST} <= set(RunFolder(bucket / "one").files())


@pytest.mark.usefixtures("hasty")
def test_a_server_that_stays_away_ends_the_run_and_the_last_checkpoint_stays(
    tiny_data: TrainData, bucket: Url, object_server: ObjectServer
) -> None:
    told: list[str] = []
    trainer = Trainer(tiny(STEPS), tiny_data, bucket / "one", told=told.append)
    try:
        with pytest.raises(StoreUnreachableError, match="in each of 8 tries"):
            trainer.run(validate_every=1, progress=CallAt(3, object_server.stop))
    finally:
        object_server.start()
    assert len(told) == 7
    folder = RunFolder(bucket / "one")
    with folder.opened(LAST) as path:
        assert load_checkpoint(path).step == 2


@pytest.mark.usefixtures("hasty")
def test_a_bucket_that_cannot_be_written_ends_a_run_before_its_first_step(
    tiny_data: TrainData, object_server: ObjectServer
) -> None:
    assert object_server.port
    seen: list[int] = []
    with pytest.raises(StoreUnreachableError, match="no such bucket"):
        Trainer(tiny(STEPS), tiny_data, Url("s3://nowhere/one")).run(
            progress=CallAt(1, lambda: seen.append(1))
        )
    assert not seen


@pytest.mark.usefixtures("one_torch_thread")
def test_metrics_for_tensorboard_lie_in_the_bucket_too(
    tiny_data: TrainData, bucket: Url, tmp_path: Path
) -> None:
    Trainer(tiny(STEPS), tiny_data, bucket / "one", board=True).run(validate_every=2)
    copied(bucket / "one", tmp_path)
    events = list((tmp_path / "tensorboard").iterdir())
    assert len(events) == 1
    assert events[0].stat().st_size > 200


def test_names_and_times_of_runs_in_a_bucket(
    sid_workspace: Workspace, tiny_data: TrainData, bucket: Url, tmp_path: Path
) -> None:
    workspace = Workspace(copy_workspace(sid_workspace, tmp_path).root, runs_at=bucket)
    assert workspace.runs() == []
    for search in (find_run, weights_of_run):
        with pytest.raises(MissingError, match="no run one") as missing:
            search(workspace, "one")
    assert missing.value.where == str(bucket)
    assert new_run_name(workspace, "f1", "lamba2021") == "f1-lamba2021-001"
    for name in ("f1-lamba2021-001", "a"):
        Trainer(tiny(1), tiny_data, bucket / name).run()
        time.sleep(1.1)  # the server's clock counts seconds
    assert new_run_name(workspace, "f1", "lamba2021") == "f1-lamba2021-002"
    assert [run.name for run in workspace.runs()] == ["f1-lamba2021-001", "a"]
    assert find_run(workspace, None).folder == bucket / "a"
    path = newest_weights(workspace)
    assert path == workspace.root / "fetched" / "a" / BEST
    assert path.read_bytes() == open_place(bucket / "a").read(BEST)
    open_place(bucket / "a").delete(BEST)
    assert newest_weights(workspace).name == LAST
    with pytest.raises(Exception, match="is there already"):
        check_new_run(bucket / "a")
    check_new_run(bucket / "b")


def test_a_damaged_checkpoint_in_a_bucket_is_named_by_its_url(
    sid_workspace: Workspace, tiny_data: TrainData, bucket: Url
) -> None:
    Trainer(tiny(2), tiny_data, bucket / "one").run(validate_every=1)
    place = open_place(bucket / "one")
    place.write(LAST, place.read(LAST)[:-1000])
    with pytest.raises(WeightsError) as caught:
        find_run(Workspace(sid_workspace.root, runs_at=bucket), "one")
    assert caught.value.where == f"{bucket}/one/{LAST}"
    assert "step-00000002.pt" in (caught.value.fix or "")


def test_a_machine_without_the_subset_makes_the_same_choice(
    sid_workspace: Workspace, tmp_path: Path
) -> None:
    data = open_data(choose_subset(sid_workspace, "f1"), sid_workspace)
    Trainer(tiny(1), data, tmp_path / "one").run()
    other = Workspace(tmp_path / "other", stores_at=sid_workspace.stores_folder)
    state = load_checkpoint(tmp_path / "one" / LAST)
    rules = dict(state.data.rules) if state.data else {}
    rules["stores"] = {"sid": os.fspath(sid_workspace.root / "stores" / "sid.zarr")}
    object.__setattr__(state.data, "rules", rules)
    found = reopen_data(state, other, tmp_path)
    assert found.identity is not None
    assert state.data is not None
    assert found.identity.content == state.data.content
    assert found.identity.named


def test_commands_find_a_run_in_a_bucket(
    sid_workspace: Workspace, bucket: Url, tmp_path: Path
) -> None:
    root = copy_workspace(sid_workspace, tmp_path / "workspace").root

    def rawkit(*arguments: object, env: dict[str, str] | None = None) -> str:
        ended = run_in(root, *arguments, env=env)
        assert ended.code == 0, ended.err
        return ended.out

    there = ("--runs", bucket)
    trained = json.loads(rawkit("train", *there, "--name", "one", *TRAIN, "--json"))
    assert trained["run"] == f"{bucket}/one"
    assert not (root / "runs").exists()
    assert "is there already" in error_line(run_in(root, "train", *there, "--name", "one", *TRAIN))
    (root / "rawkit.toml").write_text(f'runs = "{bucket}"\n', "utf-8")
    rawkit("train", "--resume", "--steps", 2)
    with RunFolder(bucket / "one").opened(LAST) as path:
        assert load_checkpoint(path).step == 2
    evaluated = json.loads(rawkit("evaluate", "--run", "one", "--limit", 1, "--json"))
    assert evaluated["folder"].startswith(str(root / "runs" / "one" / "evaluations"))
    rawkit("export", tmp_path / "net.onnx")
    assert (tmp_path / "net.onnx").stat().st_size > 0
    rawkit("restore", "sid", "--limit", 1, "-o", tmp_path / "restored")
    assert list((tmp_path / "restored").rglob("*.png"))
    told = json.loads(rawkit("report", "-o", tmp_path / "report", "--json"))
    assert told["runs"] == ["one"]
    assert len(told["evaluations"]) == 1
    (root / "rawkit.toml").unlink()
    variable = {"RAWKIT_RUNS": str(bucket)}
    told = json.loads(rawkit("report", "-o", tmp_path / "again", "--json", env=variable))
    assert told["runs"] == ["one"]
    gone = error_line(run_in(root, "train", *there, "--resume", "--name", "two"))
    assert f"{bucket}: no run two; expected one of: one" in gone
    assert files_of(bucket / "one")


def test_runs_may_lie_in_another_folder(sid_workspace: Workspace, tmp_path: Path) -> None:
    root = copy_workspace(sid_workspace, tmp_path / "workspace").root
    other = tmp_path / "other"
    assert run_in(root, "--runs", other, "train", *TRAIN, "--name", "one").code == 0
    assert (other / "one" / LAST).is_file()
    assert not (root / "runs").exists()
    (root / "rawkit.toml").write_text("runs = 3\n", "utf-8")
    assert "runs = 3" in error_line(run_in(root, "train"))
    web = error_line(run_in(root, "train", "--runs", "https://example.org/runs", *TRAIN))
    assert "a web server" in web


def test_a_study_keeps_its_runs_on_this_machine(tmp_path: Path) -> None:
    from rawkit.pipeline.artefact import Artefact, usual_path

    workspace = Workspace(tmp_path, runs_at=Url("s3://night/runs"))
    with pytest.raises(UsageError, match="runs on this machine"):
        usual_path(Artefact("run", "one"), workspace)
