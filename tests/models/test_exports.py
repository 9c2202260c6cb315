"""Exported networks: the same picture in another runtime, at sizes not seen before."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from rawkit.errors import UsageError
from rawkit.models import build, check_mosaic, export_network, load_network, save_safetensors
from rawkit.models.exports import export as module
from tests.support.fixtures_cli import run

if TYPE_CHECKING:
    from pathlib import Path

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
openvino = pytest.importorskip("openvino")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    settings = {"amplification": "number", "amplification_value": 40.0}
    save_safetensors(path, "lamba2021", build("lamba2021").state_dict(), settings, licence="theirs")
    return path


def test_the_command_writes_a_file_that_does_what_torch_does(tmp_path: Path, weights: Path) -> None:
    path = tmp_path / "net.onnx"
    ended = run("export", path, "--weights", weights, "--json")
    assert ended.code == 0
    assert json.loads(ended.out)["files"] == [str(path)]
    assert "theirs" in ended.err
    mosaic = torch.rand(1, 1, 96, 224)  # a size that was neither example nor check
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found = session.run(None, {"mosaic": mosaic.numpy()})[0]
    with torch.no_grad():
        expected = load_network(weights)[0](mosaic).numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    about = {one.key: one.value for one in onnx.load(path).metadata_props}
    assert about["rawkit_licence"] == "theirs"
    assert about["rawkit_amplification"] == "number 40.0"
    assert "multiples of 32" in about["rawkit_input"]


def test_openvino_gets_two_files_and_any_size(tmp_path: Path, weights: Path) -> None:
    path = tmp_path / "net.xml"
    assert run("export", path, "--weights", weights, "--format", "openvino").code == 0
    assert {one.name for one in tmp_path.iterdir()} == {"net.xml", "net.bin"}
    mosaic = torch.rand(1, 1, 64, 160)
    core = openvino.Core()
    model = core.read_model(path)
    assert model.get_rt_info("rawkit_network").value == "lamba2021"
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    with torch.no_grad():
        expected = load_network(weights)[0](mosaic).numpy()
    np.testing.assert_allclose(compiled([mosaic.numpy()])[0], expected, rtol=0, atol=1e-5)


def test_a_network_for_clips_takes_any_number_of_frames(tmp_path: Path) -> None:
    name = "unet3d-residual-depth2-width4"
    torch.manual_seed(0)
    save_safetensors(tmp_path / "clips.safetensors", name, build(name).state_dict(), {})
    net, loaded = load_network(tmp_path / "clips.safetensors")
    clip = torch.rand(1, 4, 7, 12, 20)
    with torch.no_grad():
        expected = net(clip).numpy()
    check = check_mosaic(loaded.network)
    export_network(net, loaded, tmp_path / "net.onnx", "onnx", check)
    session = onnxruntime.InferenceSession(
        tmp_path / "net.onnx", providers=["CPUExecutionProvider"]
    )
    found = session.run(None, {"clip": clip.numpy()})[0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)
    about = {one.key: one.value for one in onnx.load(tmp_path / "net.onnx").metadata_props}
    assert "(1, 4, T, H, W), planes R, G1, B, G2" in about["rawkit_input"]
    export_network(net, loaded, tmp_path / "net.xml", "openvino", check)
    core = openvino.Core()
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(core.read_model(tmp_path / "net.xml"), "CPU", options)
    np.testing.assert_allclose(compiled([clip.numpy()])[0], expected, rtol=0, atol=1e-4)


def test_a_runtime_that_gives_another_picture_leaves_nothing(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TOLERANCE", -1.0)
    path = tmp_path / "net.onnx"
    ended = run("export", path, "--weights", weights)
    assert ended.code == 1
    assert "differs by" in ended.err
    assert not list(tmp_path.iterdir())


def test_another_suffix_is_refused(tmp_path: Path, weights: Path) -> None:
    assert run("export", tmp_path / "net.xml", "--weights", weights).code == 2
    net, loaded = load_network(weights)
    with pytest.raises(UsageError, match="format 'tflite'"):
        export_network(net, loaded, tmp_path / "n", "tflite", torch.zeros(1, 1, 32, 32))  # type: ignore[arg-type] # what is refused
