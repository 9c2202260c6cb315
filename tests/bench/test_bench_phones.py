"""Networks for phones: each export against torch on a real picture, and its time beside others.

LiteRT and ExecuTorch bring gigabytes, so that each has an environment of its own, made for the run
or kept in the folder that RAWKIT_PHONES names. There rawkit is this checkout, and what it needs
besides is this environment's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from rawkit.models import check_mosaic, load_network
from rawkit.models.exports.asked import fitted
from rawkit.sensor import decode
from tests.support.paths import REPOSITORY

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.phones

SHARED = Path(os.environ.get("RAWKIT_SHARED", REPOSITORY.parent / "shared"))
PUBLISHED = SHARED / "weights" / "lamba2021" / "weights"
RAW = SHARED / "raw" / "Blackmagic_BMPCC_lowlight_GBRG.dng"
PACKAGES = {
    "litert": ("ai-edge-litert==2.3.0", "litert-torch==0.10.0"),
    "executorch": ("coremltools==9.0", "executorch==1.5.1"),
}
SIZE = 512, 768
ROUNDS, RUNS = 3, 5
INT8_DECIBELS = 50.0


@pytest.fixture(scope="module")
def environments(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    kept = os.environ.get("RAWKIT_PHONES")
    root = Path(kept) if kept else tmp_path_factory.mktemp("phones")
    return {name: environment(root / name, PACKAGES[name]) for name in PACKAGES}


def environment(folder: Path, packages: tuple[str, ...]) -> Path:
    """Make an environment if it is not there; return its Python."""
    python, done = folder / "bin" / "python", folder / "rawkit.ready"
    if done.is_file():
        return python
    venv.create(folder, with_pip=True)
    pins = [
        line
        for line in (REPOSITORY / "constraints.txt").read_text("utf-8").splitlines()
        if line.startswith(("torch==", "numpy=="))  # of the rest they want other versions
    ]
    (folder / "constraints.txt").write_text("\n".join(pins), "utf-8")
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c",
         folder / "constraints.txt", *packages],
        check=True,
    )  # fmt: skip
    here = next(Path(sys.prefix).glob("lib/python*/site-packages"))
    there = next(folder.glob("lib/python*/site-packages"))
    (there / "zz-rawkit.pth").write_text(f"{REPOSITORY}\n{here}\n", "utf-8")
    done.touch()
    return python


def rawkit(python: Path, *arguments: object, code: int = 0) -> str:
    ended = subprocess.run(
        [python, "-m", "rawkit", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == code, ended.stderr
    return ended.stdout if code == 0 else ended.stderr


def picture_in(folder: Path) -> NDArray[np.float64]:
    picture = cv2.imread(str(next(folder.glob("*.png"))))
    assert picture is not None
    return picture.astype(np.float64)


@pytest.fixture(scope="module")
def exported(
    environments: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("exported")
    made = {}
    for name, kind, suffix, options in (
        ("litert f32", "litert", "tflite", ()),
        ("litert f16", "litert", "tflite", ("--precision", "f16")),
        ("litert int8", "litert", "tflite", ("--precision", "int8")),
        ("executorch f32", "executorch", "pte", ()),
        ("executorch f16", "executorch", "pte", ("--precision", "f16")),
    ):
        path = folder / f"{name.replace(' ', '-')}.{suffix}"
        rawkit(
            environments[kind], "export", path, "--format", kind, "--weights", PUBLISHED,
            "--size", "512x768,256x256", "--check", RAW, *options,
        )  # fmt: skip
        made[name] = path
    return made


def test_each_gives_what_torch_gives_and_its_time(
    environments: dict[str, Path], exported: dict[str, Path], tmp_path: Path
) -> None:
    _, loaded = load_network(PUBLISHED)
    mosaic = fitted(check_mosaic(loaded.network, decode(RAW)), SIZE)
    np.save(tmp_path / "mosaic.npy", mosaic.numpy())
    here = Path(sys.executable)
    ways = {"torch": (here, "torch"), "openvino": (here, "openvino")} | {
        name: (environments[name.split()[0]], str(path)) for name, path in exported.items()
    }
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, (python, file) in ways.items():
            ended = subprocess.run(
                [python, "-m", "tests.bench.phones_child", PUBLISHED, file,
                 tmp_path / "mosaic.npy", str(RUNS)],
                check=True, capture_output=True, text=True, cwd=REPOSITORY,
            )  # fmt: skip
            runs[name].append(json.loads(ended.stdout.splitlines()[-1]))
    print(f"\n{SIZE[0]}x{SIZE[1]} of {RAW.name}, 2 threads, ways in turn, median of {ROUNDS}")
    print(f"{'':16}{'wall ms':>9}{'CPU ms':>9}{'max diff':>10}{'dB':>8}{'MB':>7}")
    for name, found in runs.items():
        wall, cpu = (1000 * median(one[key] for one in found) for key in ("wall", "cpu"))
        size = Path(ways[name][1]).stat().st_size / 1e6 if name in exported else 0
        one = found[0]
        print(
            f"{name:16}{wall:9.1f}{cpu:9.1f}{one['difference']:10.1e}{one['psnr']:8.1f}{size:7.2f}"
        )
        if name.endswith("f32"):
            assert one["difference"] <= 1e-5
        elif name.endswith("f16"):
            assert one["psnr"] > 60
        elif name.endswith("int8"):
            assert one["psnr"] > INT8_DECIBELS


def test_restoring_with_each_is_close_to_the_weights_themselves(
    environments: dict[str, Path], exported: dict[str, Path], tmp_path: Path
) -> None:
    """Windows of 512x768 see less than the whole picture: that is what a phone will show."""
    options = ("--colour", "network", "--m", "1")
    rawkit(Path(sys.executable), "restore", RAW, "--weights", PUBLISHED, "-o", tmp_path / "torch",
           *options)  # fmt: skip
    expected = picture_in(tmp_path / "torch")
    print()
    for name, path in exported.items():
        out = tmp_path / name.replace(" ", "-")
        python = environments[name.split()[0]]
        rawkit(python, "restore", RAW, "--weights", path, "-o", out, *options)
        decibels = 10 * np.log10(255**2 / np.square(picture_in(out) - expected).mean())
        print(f"{name:16}{decibels:6.1f} dB beside torch on the whole picture")
        assert decibels > 40


def test_core_ml_is_written_and_its_card_says_that_it_was_not_run(
    environments: dict[str, Path], tmp_path: Path
) -> None:
    path = tmp_path / "apple.pte"
    python = environments["executorch"]
    rawkit(python, "export", path, "--format", "executorch", "--delegate", "coreml", "--weights",
           PUBLISHED)  # fmt: skip
    card: dict[str, Any] = json.loads(Path(f"{path}.card.json").read_text("utf-8"))
    assert card["checks"] == []
    assert "Apple" in card["unchecked"]
    said = rawkit(python, "restore", RAW, "--weights", path, "-o", tmp_path / "out", code=2)
    assert "cannot be run here" in said


@pytest.mark.parametrize("network", ["sid", "sid-xtrans"])
def test_other_networks_for_single_mosaics(
    environments: dict[str, Path], tmp_path: Path, network: str
) -> None:
    import torch

    from rawkit.models import build, describe, save_safetensors

    torch.manual_seed(0)
    net = build(network)
    with torch.no_grad():  # outputs of some size, so that a difference would be seen
        for one in net.parameters():
            one.mul_(1.5 if one.ndim > 1 else 1)
    save_safetensors(tmp_path / "net.safetensors", network, net.state_dict(), {})
    size = 8 * describe(network).multiple
    for kind, suffix in (("litert", "tflite"), ("executorch", "pte")):
        rawkit(environments[kind], "export", tmp_path / f"net.{suffix}", "--format", kind,
               "--weights", tmp_path / "net.safetensors", "--size", f"{size}x{size}")  # fmt: skip


def test_what_cannot_be_restored_is_said(
    environments: dict[str, Path], exported: dict[str, Path], tmp_path: Path
) -> None:
    path = exported["litert f32"]
    there = environments["executorch"]  # where LiteRT is missing
    said = rawkit(there, "restore", RAW, "--weights", path, "-o", tmp_path / "out", code=1)
    assert "rawkit-lowlight[litert]" in said
    bad = tmp_path / "bad.tflite"
    bad.write_bytes(path.read_bytes()[:1000])
    Path(f"{bad}.card.json").write_bytes(Path(f"{path}.card.json").read_bytes())
    said = rawkit(environments["litert"], "restore", RAW, "--weights", bad, "-o",
                  tmp_path / "out", code=1)  # fmt: skip
    assert "as its card says" in said
