"""Checkpoints: whole or not at all, and refused by name when they are something else."""

from __future__ import annotations

import resource
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import torch

from rawkit.errors import MissingError, OutputError, WeightsError
from rawkit.models import build, load_network
from rawkit.train import TrainState, load_checkpoint, save_checkpoint
from tests.support.fixtures_stream import tiny

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def state_of(seed: int = 0, *, step: int = 3) -> TrainState:
    """Make the state of a training that has done one step of Adam."""
    torch.manual_seed(seed)
    net = build("lamba2021")
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for parameter in net.parameters():
        parameter.grad = torch.randn_like(parameter)
    optimizer.step()
    return TrainState(tiny(), net.state_dict(), optimizer.state_dict(), step, 2 * step, 21.5)


@pytest.fixture(scope="module")
def state() -> TrainState:
    return state_of()


@contextmanager
def no_more_than(count: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def changed(path: Path, state: TrainState, **changes: Any) -> Path:
    """Write a checkpoint with some of its entries changed; None takes one away."""
    save_checkpoint(path, state)
    content = torch.load(path, weights_only=True)
    content.update(changes)
    torch.save({key: value for key, value in content.items() if value is not None}, path)
    return path


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path, state: TrainState) -> None:
    save_checkpoint(tmp_path / "last.pt", state)
    found = load_checkpoint(tmp_path / "last.pt")
    assert found.settings == state.settings
    assert (found.step, found.position, found.best_psnr) == (3, 6, 21.5)
    assert list(found.model) == list(state.model)
    for name, value in state.model.items():
        assert torch.equal(found.model[name], value), name
    assert found.optimizer["param_groups"] == state.optimizer["param_groups"]
    for number, moments in state.optimizer["state"].items():
        for name, value in moments.items():
            assert torch.equal(found.optimizer["state"][number][name], value)


def test_before_the_first_validation_the_best_is_minus_infinity(
    tmp_path: Path, state: TrainState
) -> None:
    path = changed(tmp_path / "last.pt", state, best_psnr=float("-inf"))
    assert load_checkpoint(path).best_psnr == float("-inf")


def test_a_checkpoint_is_also_weights_to_restore_with(tmp_path: Path, state: TrainState) -> None:
    save_checkpoint(tmp_path / "last.pt", state)
    net, loaded = load_network(tmp_path / "last.pt", expect="lamba2021")
    assert loaded.settings == state.settings.as_dict()
    for name, value in net.state_dict().items():
        assert torch.equal(value, state.model[name])


def test_a_disk_that_is_full_leaves_the_checkpoint_that_was_there(
    tmp_path: Path, state: TrainState
) -> None:
    path = tmp_path / "run" / "last.pt"
    save_checkpoint(path, state)
    before = path.read_bytes()
    with no_more_than(len(before) // 2), pytest.raises(OutputError, match="cannot be written"):
        save_checkpoint(path, state_of(1, step=4))
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == ["last.pt"]
    save_checkpoint(path, state_of(1, step=4))
    assert load_checkpoint(path).step == 4


def test_a_run_folder_that_is_a_file_is_named(tmp_path: Path, state: TrainState) -> None:
    (tmp_path / "run").write_text("mine")
    with pytest.raises(OutputError):
        save_checkpoint(tmp_path / "run" / "last.pt", state)
    assert (tmp_path / "run").read_text() == "mine"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"version": 2}, "a checkpoint of version 2; expected version 1"),
        ({"format": "another"}, "a file of format 'another'"),
        ({"network": "unet"}, "a checkpoint of an unknown network, 'unet'"),
        ({"network": None}, "a checkpoint of an unknown network, None"),
        ({"optimizer": None}, "weights without the state of a training"),
        ({"step": None}, "a checkpoint without a usable 'step'"),
        ({"position": "far"}, "a checkpoint without a usable invalid literal"),
        ({"settings": {"subset": "x"}}, "settings that cannot be used"),
        ({"settings": None}, "settings that cannot be used"),
        ({"model": {"a": torch.ones(3)}}, ""),
        ({"model": None}, ""),
    ],
)  # fmt: skip
def test_what_is_no_checkpoint_of_this_version_is_refused(
    tmp_path: Path, state: TrainState, changes: dict[str, Any], reason: str
) -> None:
    path = changed(tmp_path / "last.pt", state, **changes)
    with pytest.raises(WeightsError) as caught:
        load_checkpoint(path)
    assert reason in caught.value.reason
    assert caught.value.where == str(path)


def test_weights_alone_cannot_be_resumed_from(tmp_path: Path, state: TrainState) -> None:
    torch.save(dict(state.model), tmp_path / "weights.pt")
    with pytest.raises(WeightsError, match="weights without the state of a training"):
        load_checkpoint(tmp_path / "weights.pt")


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 neither"])
def test_files_of_another_kind_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "last.pt").write_bytes(content)
    with pytest.raises(WeightsError):
        load_checkpoint(tmp_path / "last.pt")


def test_a_checkpoint_that_was_cut_is_refused(tmp_path: Path, state: TrainState) -> None:
    path = tmp_path / "last.pt"
    save_checkpoint(path, state)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(WeightsError):
        load_checkpoint(path)


def test_a_checkpoint_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingError):
        load_checkpoint(tmp_path / "last.pt")
