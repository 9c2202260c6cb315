"""Exported networks: the same picture in another runtime, at sizes not seen before."""

from __future__ import annotations

import json
import re
import shutil
import sys
from dataclasses import replace
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from rawkit.errors import MissingError, UsageError, WeightsError
from rawkit.models import (
    EXPORTERS,
    ExportedNetwork,
    amplified,
    build,
    card_path,
    check_mosaic,
    describe,
    export_network,
    fold_weight_norm,
    load_network,
    open_exported,
    save_safetensors,
)
from rawkit.models.exports.constant_form import HalfForm, constant_form
from rawkit.models.exports.run import windows
from rawkit.sensor import Mosaic
from tests.support.factories import write_noise_dng
from tests.support.fixtures_cli import run

if TYPE_CHECKING:
    from numpy.typing import NDArray

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


@pytest.fixture(scope="module")
def night(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Export a network as ONNX, with its card; not to be changed."""
    path = tmp_path_factory.mktemp("exported") / "net.onnx"
    net, loaded = load_network(weights)
    torch.set_num_threads(1)
    export_network(net, loaded, path, "onnx", check_mosaic(loaded.network))
    return path


def test_the_command_writes_a_file_that_does_what_torch_does(tmp_path: Path, weights: Path) -> None:
    path = tmp_path / "net.onnx"
    ended = run("export", path, "--weights", weights, "--json")
    assert ended.code == 0
    assert json.loads(ended.out)["files"] == [str(path), f"{path}.card.json"]
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
    assert {one.name for one in tmp_path.iterdir()} == {
        "net.xml", "net.bin", "net.xml.card.json"
    }  # fmt: skip
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
    strict = {"onnx": replace(EXPORTERS["onnx"], tolerance=-1.0)}
    monkeypatch.setattr("rawkit.models.exports.formats.EXPORTERS", strict)
    path = tmp_path / "net.onnx"
    ended = run("export", path, "--weights", weights)
    assert ended.code == 1
    assert "differs by" in ended.err
    assert not list(tmp_path.iterdir())


def test_what_a_format_cannot_do_is_said(tmp_path: Path, weights: Path) -> None:
    for arguments, words in (
        (("net.xml",), "a name in .onnx"),
        (("net.onnx", "--size", "64x64"), "takes? pictures of any size"),
        (("net.onnx", "--precision", "f16"), "f16 for onnx; expected f32"),
        (("net.onnx", "--delegate", "coreml"), "it has no choice of them"),
        (("net.pte", "--format", "executorch", "--precision", "int8"), "f32 or f16"),
        (("net.tflite", "--format", "litert", "--size", "100x64"), "next larger one is 128x64"),
        (("net.tflite", "--format", "litert", "--size", "0x64"), "multiples of 32"),
        (("net.tflite", "--format", "litert", "--size", "big"), "heights and widths such as"),
    ):
        name, *rest = arguments
        ended = run("export", tmp_path / name, "--weights", weights, *rest)
        assert ended.code == 2, arguments
        assert re.search(words, " ".join(ended.err.split())), (arguments, ended.err)
    net, loaded = load_network(weights)
    with pytest.raises(UsageError, match="format 'tflite'"):
        export_network(net, loaded, tmp_path / "n", "tflite", torch.zeros(1, 1, 32, 32))  # type: ignore[arg-type] # what is refused
    clips = replace(loaded, network="unet3d")
    with pytest.raises(UsageError, match="takes clips of any length, for litert"):
        export_network(net, clips, tmp_path / "n.tflite", "litert", torch.zeros(1, 1, 32, 32))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "kind", "extra"),
    [("net.tflite", "litert", "litert"), ("net.pte", "executorch", "executorch")],
)
def test_a_runtime_that_is_missing_is_named_with_its_extra(
    tmp_path: Path, weights: Path, name: str, kind: str, extra: str
) -> None:
    if find_spec({"litert": "litert_torch"}.get(extra, extra)) is not None:
        monkey = pytest.MonkeyPatch()  # pragma: no cover - in an environment of the extra
        monkey.setitem(sys.modules, {"litert": "litert_torch"}.get(extra, "executorch.exir"), None)
    ended = run("export", tmp_path / name, "--format", kind, "--weights", weights)
    assert ended.code == 1
    assert "is not installed" in ended.err
    assert f"rawkit-lowlight[{extra}]" in ended.err


def test_the_form_for_phones_is_the_network(weights: Path) -> None:
    net = fold_weight_norm(load_network(weights)[0])
    mosaic = torch.rand(1, 1, 96, 128)
    with torch.inference_mode():
        torch.testing.assert_close(constant_form(net)(mosaic), net(mosaic), rtol=0, atol=2e-6)
        assert net(HalfForm(net)(mosaic)[:, :1]).dtype == torch.float32  # the network stays as is
    slices = [
        node.target
        for node in torch.export.export(constant_form(net), (mosaic,)).graph.nodes
        if "slice" in str(node.target)
    ]
    assert not slices


@given(
    cells=st.integers(1, 60), size=st.integers(2, 20), overlap=st.integers(0, 9),
)  # fmt: skip
def test_windows_cover_a_side_without_gap_or_overlap(cells: int, size: int, overlap: int) -> None:
    step = 32
    length, side = max(cells, size) * step, size * step
    around = min(overlap * step, (side - step) // 3)
    found = windows(length, side, around, step)
    assert [found[0].first, *(one.last for one in found)] == [
        *(one.first for one in found), length
    ]  # fmt: skip
    for one in found:
        assert one.start % step == 0
        assert one.start <= one.first < one.last <= one.start + side <= length
        # What is kept lies inside by about the overlap, save at the picture's ends.
        assert one.first == 0 or one.first - one.start >= around - step
        assert one.last == length or one.start + side - one.last >= around - step


def test_restoring_with_an_exported_file(tmp_path: Path, weights: Path, night: Path) -> None:
    raw = tmp_path / "dark.dng"
    write_noise_dng(raw)
    assert run("restore", raw, "--weights", weights, "-o", tmp_path / "torch").code == 0
    ended = run("restore", raw, "--weights", night, "-o", tmp_path / "onnx")
    assert ended.code == 0, ended.err
    assert "theirs" in ended.err
    found, expected = (
        np.asarray(Image.open(tmp_path / name / "dark.png"), int) for name in ("onnx", "torch")
    )
    assert np.abs(found - expected).max() <= 1


def test_sizes_are_those_that_were_exported(weights: Path, night: Path) -> None:
    """With torch in the place of a runtime: what is cut and put together is the same."""
    net, _ = load_network(weights)
    card = open_exported(night).card.model_copy(update={"sizes": ((96, 160), (320, 320))})
    seen: list[tuple[int, ...]] = []

    def fixed(mosaic: NDArray[np.float32]) -> NDArray[np.float32]:
        seen.append(mosaic.shape[-2:])
        with torch.inference_mode():
            found: NDArray[np.float32] = net(torch.from_numpy(mosaic)).numpy()
        return found

    exported = ExportedNetwork(card, fixed)
    assert exported.size_for(90, 130) == (96, 160)
    assert exported.size_for(600, 600) == (320, 320)
    pixels = np.random.default_rng(0).integers(500, 3000, (331, 410)).astype(np.uint16)
    flat = Mosaic.without_margins(((1, 0), (2, 3)), pixels.shape, (512.0,) * 4, 16383.0)
    for crop in (slice(0, 331), slice(0, 70)):
        part = np.ascontiguousarray(pixels[crop])
        mosaic = amplified(part, replace(flat, height=len(part)), 5.0, describe("lamba2021"))
        bands = list(exported.bands(mosaic))
        assert [top for top, _ in bands] == list(
            np.cumsum([0, *(len(band) for _, band in bands)])[:-1]
        )
        assert np.concatenate([band for _, band in bands]).shape == (*part.shape, 3)
    assert set(seen) <= {(96, 160), (320, 320)}
    # A picture of just that size is the network's own.
    whole = torch.rand(1, 1, 320, 320)
    with torch.inference_mode():
        np.testing.assert_array_equal(exported(whole).numpy(), net(whole).numpy())
    with pytest.raises(UsageError, match="sizes that were exported: 96x160, 320x320"):
        exported(torch.rand(1, 1, 352, 320))


def test_a_card_that_is_not_the_file_s_is_refused(tmp_path: Path, night: Path) -> None:
    path = Path(shutil.copy(night, tmp_path))
    card = card_path(path)
    text = card_path(night).read_text("utf-8")
    known = json.loads(text)
    assert known["licence"] == "theirs"
    assert known["amplification"] == {"kind": "number", "value": 40.0, "ratio_to_estimate": 1.0}
    for change, error, words in (
        ({"sha256": "0" * 64}, WeightsError, "as its card says"),
        ({"rawkit_card": 9}, WeightsError, "a card of version 9"),
        ({"network": "other"}, WeightsError, "no network called 'other'"),
        ({"format": "litert"}, WeightsError, "a card of a file for litert"),
        ({"multiple": 0}, WeightsError, "no card that can be read"),
        ({"unknown": 1}, WeightsError, "no card that can be read"),
        ({"unchecked": "Core ML"}, UsageError, "cannot be run here"),
        ({"network": "unet3d"}, UsageError, "takes clips"),
    ):
        card.write_text(json.dumps(known | change), "utf-8")
        with pytest.raises(error, match=words):
            open_exported(path)
    card.write_text("{", "utf-8")
    with pytest.raises(WeightsError, match="no card that can be read"):
        open_exported(path)
    card.unlink()
    with pytest.raises(MissingError, match=r"no card net\.onnx\.card\.json beside it"):
        open_exported(path)
    path.write_bytes(b"nothing")
    known["sha256"] = sha256(b"nothing").hexdigest()
    card.write_text(json.dumps(known), "utf-8")
    with pytest.raises(WeightsError, match="onnx cannot open it"):
        open_exported(path)


def test_a_backend_of_another_file_is_refused(tmp_path: Path, weights: Path) -> None:
    raw = tmp_path / "dark.dng"
    write_noise_dng(raw)
    for path, options, words in (
        (weights, ("--backend", "litert"), "expected torch or openvino"),
        ("net.tflite", ("--backend", "executorch"), "expected --backend litert"),
        ("net.tflite", ("--precision", "bf16"), "in what it was exported in"),
        ("net.tflite", (), "no such file"),
    ):
        ended = run("restore", raw, "--weights", path, *options, "-o", tmp_path / "out")
        assert ended.code != 0
        assert words in " ".join(ended.err.split()), ended.err
