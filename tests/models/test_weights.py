"""Weights from every kind of file, and every kind of file that is none."""

import errno
import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from rawkit.errors import MissingError, UsageError, WeightsError
from rawkit.models import (
    CHECKPOINT_FORMAT,
    CHECKPOINT_VERSION,
    NETWORKS,
    Lamba2021,
    SeenCamera,
    fold_weight_norm,
    is_folded,
    load_network,
    load_weights,
)
from rawkit.models.lamba2021 import PUBLISHED_MODULES

SHARED = Path(os.environ.get("RAWKIT_SHARED", Path(__file__).parents[3] / "shared"))
PUBLISHED = SHARED / "weights" / "lamba2021" / "weights"


pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    torch.manual_seed(3)
    return dict(Lamba2021().state_dict())


def published_form(state: dict[str, Tensor]) -> OrderedDict[str, Tensor]:
    """Return the same parameters under the published names."""
    theirs = {ours: published for published, ours in PUBLISHED_MODULES.items()}
    renamed = OrderedDict()
    for name, value in state.items():
        if name.endswith(".bias"):
            renamed[f"{theirs[name.removesuffix('.bias')]}.bias"] = value
            continue
        module, _, number = name.partition(".parametrizations.weight.original")
        renamed[f"{theirs[module]}.weight_{'gv'[int(number)]}"] = value
    return renamed


def checkpoint(state: dict[str, Tensor], **changes: Any) -> dict[str, Any]:
    content = {
        "format": CHECKPOINT_FORMAT,
        "version": CHECKPOINT_VERSION,
        "network": "lamba2021",
        "model": state,
        "settings": {"steps": 10, "rate": 1e-4},
        "position": {"epoch": 3},
    }
    return content | changes


def saved(path: Path, content: object, *, legacy: bool = False) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    return path


def same(found: Any, expected: dict[str, Tensor]) -> bool:
    return found.keys() == expected.keys() and all(
        torch.equal(found[name], value) for name, value in expected.items()
    )


def refusal(path: Path) -> str:
    """Return what `load_weights` says against a file, checking what every refusal must say."""
    with pytest.raises(WeightsError) as error:
        load_weights(path)
    assert error.value.where == str(path)
    assert error.value.__cause__ is None
    assert "torch.load" not in str(error.value)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.skipif(not PUBLISHED.is_file(), reason=f"the published weights are not at {PUBLISHED}")
def test_the_published_file_loads() -> None:
    net, loaded = load_network(PUBLISHED, expect="lamba2021")
    assert loaded.network == "lamba2021"
    assert loaded.settings == {}
    assert loaded.source == PUBLISHED
    assert loaded.licence == (
        "non-commercial use only, patent pending (Copyright 2021 Mohit Lamba)"
    )
    assert not net.training
    assert not is_folded(net)
    assert same(net.state_dict(), dict(loaded.state_dict))
    raw = torch.load(PUBLISHED, map_location="cpu", weights_only=True)["model"]
    assert same(published_form(dict(loaded.state_dict)), raw)


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "_orig_mod.module."])
@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("wrapped", [False, True])
def test_published_names_become_ours(
    tmp_path: Path, state: dict[str, Tensor], prefix: str, *, legacy: bool, wrapped: bool
) -> None:
    content = {prefix + name: value for name, value in published_form(state).items()}
    path = saved(tmp_path / "w", {"model": content} if wrapped else content, legacy=legacy)
    loaded = load_weights(path)
    assert same(loaded.state_dict, state)
    assert loaded.licence is not None
    assert loaded.licence.startswith("non-commercial")


def test_a_checkpoint_loads_with_its_settings(tmp_path: Path, state: dict[str, Tensor]) -> None:
    net, loaded = load_network(saved(tmp_path / "last.pt", checkpoint(state)))
    assert same(net.state_dict(), state)
    assert loaded.settings == {"steps": 10, "rate": 1e-4}
    assert loaded.licence is None
    assert not net.training


def test_a_checkpoint_says_which_cameras_it_saw(tmp_path: Path, state: dict[str, Tensor]) -> None:
    cameras = {"ILCE-7SM2": {"pairs": 12, "neutral": [0.5, 1.0, 0.6]}}
    path = saved(tmp_path / "last.pt", checkpoint(state, cameras=cameras, neutral=[0.4, 1.0, 0.39]))
    found = load_weights(path)
    assert found.cameras == {"ILCE-7SM2": SeenCamera(12, (0.5, 1.0, 0.6))}
    assert found.neutral == (0.4, 1.0, 0.39)


def test_a_checkpoint_of_an_earlier_version_says_of_no_camera(
    tmp_path: Path, state: dict[str, Tensor]
) -> None:
    found = load_weights(saved(tmp_path / "last.pt", checkpoint(state)))
    assert found.cameras == {}
    assert found.neutral is None


@pytest.mark.parametrize(
    "changes",
    [
        {"cameras": ["ILCE-7SM2"]},
        {"cameras": {"ILCE-7SM2": {"pairs": 12}}},
        {"cameras": {"ILCE-7SM2": {"pairs": "many", "neutral": None}}},
        {"cameras": {"ILCE-7SM2": {"pairs": 1, "neutral": [0.5, 1.0]}}},
        {"neutral": [0.4, 1.0, float("nan")]},
        {"neutral": "grey"},
    ],
)
def test_cameras_of_another_kind_are_refused(
    tmp_path: Path, state: dict[str, Tensor], changes: dict[str, Any]
) -> None:
    path = saved(tmp_path / "last.pt", checkpoint(state, **changes))
    with pytest.raises(WeightsError, match=r"cameras|neutral") as caught:
        load_weights(path)
    assert caught.value.where == str(path)


def test_published_weights_saw_the_camera_of_their_paper(
    tmp_path: Path, state: dict[str, Tensor]
) -> None:
    found = load_weights(saved(tmp_path / "weights", {"model": published_form(state)}))
    assert found.cameras == {"ILCE-7SM2": SeenCamera(None, (0.4, 1.0, 0.39))}
    assert found.neutral is None


def test_a_checkpoint_keeps_the_licence_it_inherited(
    tmp_path: Path, state: dict[str, Tensor]
) -> None:
    path = saved(tmp_path / "last.pt", checkpoint(state, licence="as the first weights"))
    assert load_weights(path).licence == "as the first weights"


def test_folded_weights_load_as_such(tmp_path: Path) -> None:
    folded = fold_weight_norm(Lamba2021()).state_dict()
    net, loaded = load_network(str(saved(tmp_path / "bare.pt", folded)))
    assert loaded.folded
    assert is_folded(net)
    assert same(net.state_dict(), folded)
    assert loaded.licence is None


def test_another_network_than_expected_is_named(tmp_path: Path, state: dict[str, Tensor]) -> None:
    path = saved(tmp_path / "w", state)
    with pytest.raises(UsageError, match="'nobody'"):
        load_network(path, expect="nobody")


def test_a_file_of_another_known_network_is_refused(
    tmp_path: Path, state: dict[str, Tensor]
) -> None:
    with pytest.raises(WeightsError, match="weights of lamba2021; expected weights of sid"):
        load_network(saved(tmp_path / "w", state), expect="sid")


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no such weights file"):
        load_weights(tmp_path / "nothing")


def test_a_folder(tmp_path: Path) -> None:
    assert "a folder; expected a weights file" in refusal(tmp_path)


def test_a_path_through_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert "cannot be read" in refusal(tmp_path / "file" / "weights")


def test_a_file_one_may_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # By a stand-in, as the tests may run as root, who may read everything.
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    path = tmp_path / "w"
    monkeypatch.setattr(Path, "open", refuse)
    assert "cannot be read" in refusal(path)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "an empty file"),
        (b"hello world, this is no weights file\n" * 10, "not a weights file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "not a weights file"),
        (b"PK\x03\x04" + bytes(100), "cut short or damaged (104 bytes)"),
    ],
)
def test_files_of_other_kinds(tmp_path: Path, content: bytes, text: str) -> None:
    path = tmp_path / "w"
    path.write_bytes(content)
    assert text in refusal(path)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("kept", [1, 10, 14, 300, 0.02, 0.5, 0.999])
def test_a_file_cut_short(
    tmp_path: Path, state: dict[str, Tensor], kept: float, *, legacy: bool
) -> None:
    whole = saved(tmp_path / "whole", state, legacy=legacy).read_bytes()
    path = tmp_path / "w"
    path.write_bytes(whole[: int(kept if kept >= 1 else kept * len(whole))])
    text = refusal(path)
    # One byte of a zip archive may be anything.
    assert "cut short or damaged" in text or (kept == 1 and "not a weights file" in text)


@pytest.fixture(scope="module")
def whole_files(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, bytes]:
    """Return a small file as torch writes it now (False) and of old (True)."""
    path = tmp_path_factory.mktemp("whole") / "w"
    content = {"model": {"conv2x.0.bias": torch.zeros(12)}, "note": "some text"}
    return {legacy: saved(path, content, legacy=legacy).read_bytes() for legacy in (False, True)}


@given(data=st.data(), legacy=st.booleans())
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_a_damaged_file_raises_nothing_else(
    tmp_path: Path, whole_files: dict[bool, bytes], data: st.DataObject, *, legacy: bool
) -> None:
    damaged = bytearray(whole_files[legacy])
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "w"
    path.write_bytes(damaged)
    refusal(path)


class Dangerous:
    """Writes a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.trace,))


@pytest.mark.parametrize("writer", ["zip", "legacy", "pickle2", "pickle5"])
def test_pickled_code_never_runs(tmp_path: Path, state: dict[str, Tensor], writer: str) -> None:
    trace = tmp_path / "ran"
    content = {"model": state, "settings": Dangerous(trace)}
    path = tmp_path / "w"
    if writer.startswith("pickle"):
        path.write_bytes(pickle.dumps({"a": Dangerous(trace)}, protocol=int(writer[-1])))
    else:
        saved(path, content, legacy=writer == "legacy")
    assert "may run code and are not loaded" in refusal(path)
    assert not trace.exists()


def test_a_whole_module_is_refused(tmp_path: Path) -> None:
    assert "state_dict()" in refusal(saved(tmp_path / "w", torch.nn.Linear(2, 2)))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"version": 2}, "a checkpoint of version 2; expected version 1"),
        ({"version": None}, "a checkpoint of version None"),
        ({"format": "other"}, "a file of format 'other'"),
        ({"network": "unknown"}, "an unknown network, 'unknown'; expected one of lamba2021"),
        ({"network": None}, "an unknown network, None"),
        ({"model": None}, "not weights but a NoneType"),
        ({"model": {}}, "no parameters"),
        ({"model": {"squeeze32.bias": 1.0}}, "no real tensors, such as 'squeeze32.bias'"),
        ({"model": {"squeeze32.bias": torch.zeros(128, dtype=torch.int32)}}, "no real tensors"),
        ({"settings": [1, 2]}, "not weights but a list"),
    ],
)
def test_a_checkpoint_that_is_none(
    tmp_path: Path, state: dict[str, Tensor], changes: dict[str, Any], text: str
) -> None:
    assert text in refusal(saved(tmp_path / "w", checkpoint(state, **changes)))


@pytest.mark.parametrize("content", [[1, 2], torch.zeros(3), {1: torch.zeros(3)}, 7, "text"])
def test_other_values(tmp_path: Path, content: object) -> None:
    assert "expected a mapping of names to tensors" in refusal(saved(tmp_path / "w", content))


def test_names_of_no_known_network(tmp_path: Path) -> None:
    content = {f"layer{index}.weight": torch.zeros(2) for index in range(5)}
    text = refusal(saved(tmp_path / "w", content))
    assert "of no known network: layer0.weight, layer1.weight, layer2.weight and 2 more" in text
    assert f"those of {' or '.join(NETWORKS)}, such as" in text


def test_missing_and_unknown_names_are_listed(tmp_path: Path, state: dict[str, Tensor]) -> None:
    content = {name: value for name, value in state.items() if not name.startswith("local2")}
    text = refusal(saved(tmp_path / "w", content | {"extra.bias": torch.zeros(1)}))
    assert "do not fit lamba2021 (3 missing: local2.bias, local2.param" in text
    assert "1 unknown: extra.bias" in text


def test_one_parameter_under_both_names_is_refused(
    tmp_path: Path, state: dict[str, Tensor]
) -> None:
    content = state | {"conv2x.0.bias": state["local2.bias"]}
    assert "local2.bias twice" in refusal(saved(tmp_path / "w", content))


def test_other_shapes_are_named(tmp_path: Path, state: dict[str, Tensor]) -> None:
    # As many numbers as it wants, in another order of axes; and far too many, in no memory.
    content = state | {
        "merge8.bias": torch.zeros(4, 8),
        "local2.bias": torch.zeros(1).expand(10**12),
    }
    text = refusal(saved(tmp_path / "w", content))
    assert "2 parameters of other shapes than in lamba2021" in text
    assert "merge8.bias (4, 8)" in text
    assert "merge8.bias (32,)" in text


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite(
    tmp_path: Path, state: dict[str, Tensor], value: float
) -> None:
    content = state | {"local2.bias": torch.full((12,), value)}
    text = refusal(saved(tmp_path / "w", content))
    assert "1 parameters that are not finite, such as local2.bias" in text
