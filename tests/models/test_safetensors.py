"""Weights in safetensors files: a round trip, other people's files, damage."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from rawkit.errors import OutputError, RawkitError, UsageError, WeightsError
from rawkit.models import (
    Lamba2021,
    SeenCamera,
    fold_weight_norm,
    is_folded,
    load_network,
    load_weights,
    save_safetensors,
)

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

SETTINGS = {"steps": 10, "learning_rate": 1e-4, "amplification": "auto", "augment": True}


@pytest.fixture(scope="module")
def net() -> Lamba2021:
    torch.manual_seed(3)
    return Lamba2021().eval()


@pytest.fixture(scope="module")
def whole(net: Lamba2021, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "weights.safetensors"
    save_safetensors(path, "lamba2021", net.state_dict(), SETTINGS, licence="theirs")
    return path.read_bytes()


def equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


@pytest.mark.parametrize("folded", [False, True])
def test_what_was_saved_comes_back(tmp_path: Path, folded: bool) -> None:  # noqa: FBT001 - a case
    torch.manual_seed(4)
    net = Lamba2021().eval()
    if folded:
        fold_weight_norm(net)
    path = tmp_path / "weights.safetensors"
    save_safetensors(path, "lamba2021", net.state_dict(), SETTINGS, licence="theirs")
    loaded, about = load_network(path)
    assert equal(loaded.state_dict(), net.state_dict())
    assert is_folded(loaded) == about.folded == folded
    assert (about.network, about.settings, about.licence) == ("lamba2021", SETTINGS, "theirs")


def test_cameras_and_neutral_come_back(tmp_path: Path, net: Lamba2021, whole: bytes) -> None:
    cameras = {"ILCE-7SM2": SeenCamera(12, (0.49, 1.0, 0.61)), "EOS": SeenCamera(3, None)}
    path = tmp_path / "weights.safetensors"
    save_safetensors(
        path, "lamba2021", net.state_dict(), SETTINGS, cameras=cameras, neutral=(0.4, 1.0, 0.39)
    )
    found = load_weights(path)
    assert found.cameras == cameras
    assert found.neutral == (0.4, 1.0, 0.39)
    path.write_bytes(whole)
    assert load_weights(path).cameras == {}
    assert load_weights(path).neutral is None


def test_the_same_weights_give_the_same_bytes_in_any_memory_order(
    tmp_path: Path, net: Lamba2021, whole: bytes
) -> None:
    state = {k: v.clone() for k, v in reversed(list(net.state_dict().items()))}
    state = {
        k: v.contiguous(memory_format=torch.channels_last) if v.ndim == 4 else v
        for k, v in state.items()
    }
    path = tmp_path / "again.safetensors"
    save_safetensors(path, "lamba2021", state, SETTINGS, licence="theirs")
    assert path.read_bytes() == whole


def test_a_file_of_others_is_known_by_its_names(tmp_path: Path, net: Lamba2021) -> None:
    path = tmp_path / "theirs.safetensors"
    save_file(dict(net.state_dict()), path, metadata={"format": "pt"})
    loaded = load_weights(path)
    assert (loaded.network, loaded.settings, loaded.licence) == ("lamba2021", {}, None)
    assert equal(dict(loaded.state_dict), dict(net.state_dict()))


def test_parameters_that_do_not_fit_are_not_written(tmp_path: Path, net: Lamba2021) -> None:
    path = tmp_path / "weights.safetensors"
    state = dict(net.state_dict())
    del state["output2.bias"]
    with pytest.raises(WeightsError, match=r"1 missing: output2\.bias"):
        save_safetensors(path, "lamba2021", state, {})
    with pytest.raises(UsageError, match="no network called"):
        save_safetensors(path, "lamba", net.state_dict(), {})
    with pytest.raises(UsageError, match="JSON cannot hold"):
        save_safetensors(path, "lamba2021", net.state_dict(), {"generator": object()})
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, net: Lamba2021) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match=r"weights\.safetensors"):
        save_safetensors(
            tmp_path / "file" / "weights.safetensors", "lamba2021", net.state_dict(), {}
        )


@given(at=st.integers(0, 20_000), byte=st.integers(0, 255), cut=st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_damaged_file_raises_nothing_but_our_errors(
    tmp_path_factory: pytest.TempPathFactory, whole: bytes, at: int, byte: int, *, cut: bool
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "weights.safetensors"
    path.write_bytes(whole[:at] if cut else whole[:at] + bytes([byte]) + whole[at + 1 :])
    try:
        load_weights(path)
    except RawkitError as error:
        assert error.where == str(path)  # noqa: PT017 - many damages leave a file that loads
    else:
        assert not cut


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"version": 7}, "weights of version 7; expected version 1"),
        ({"network": "none"}, "an unknown network, 'none'"),
        ({"settings": []}, "not weights but a list"),
        ("{", "metadata that is '{'"),
        ("[]", "metadata that is '[]'"),
        ("{}", "metadata that is '{}'"),
    ],
)
def test_metadata_that_rawkit_does_not_write_is_refused(
    tmp_path: Path, whole: bytes, changes: dict[str, object] | str, text: str
) -> None:
    length = struct.unpack("<Q", whole[:8])[0]
    header = json.loads(whole[8 : 8 + length])
    about = json.loads(header["__metadata__"]["rawkit"])
    text_now = changes if isinstance(changes, str) else json.dumps(about | changes)
    header["__metadata__"]["rawkit"] = text_now
    changed = json.dumps(header).encode()
    path = tmp_path / "weights.safetensors"
    path.write_bytes(struct.pack("<Q", len(changed)) + changed + whole[8 + length :])
    with pytest.raises(WeightsError) as error:
        load_weights(path)
    assert text in str(error.value)
