"""OpenVINO gives what torch gives, and says how to get it."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from rawkit.errors import MissingError, UsageError
from rawkit.models import Staged, build, compile_openvino, prepare, restore_mosaic

pytest.importorskip("openvino")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize(
    ("name", "shape"), [("lamba2021", (1, 1, 160, 256)), ("sid-xtrans", (1, 1, 48, 96))]
)
def test_tiles_by_openvino_are_the_whole_picture_by_torch(
    name: str, shape: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    net = build(name).eval()
    mosaic = torch.rand(shape)
    with torch.no_grad():
        whole = net(mosaic)
    compiled = compile_openvino(net, threads=1)
    assert isinstance(compiled, Staged)
    for _ in range(2):  # the second time with what was compiled
        tiled = restore_mosaic(compiled, mosaic, tile=96)
        torch.testing.assert_close(tiled, whole, rtol=0, atol=1e-5)


def test_half_precision_comes_only_when_asked_for() -> None:
    torch.manual_seed(0)
    net = build("lamba2021").eval()
    mosaic = torch.rand(1, 1, 64, 64)
    exact = restore_mosaic(prepare(net), mosaic).numpy()
    near = restore_mosaic(compile_openvino(net, precision="bf16", threads=1), mosaic).numpy()
    assert np.abs(exact - near).max() < 0.1
    with pytest.raises(UsageError, match="precision 'int8'"):
        compile_openvino(net, precision="int8")  # type: ignore[arg-type] # what is refused


def test_without_openvino_the_way_to_install_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingError, match=r"pip install 'rawkit-lowlight\[openvino\]'"):
        compile_openvino(build("lamba2021"))
