"""From raw files to pictures: against the plain way stage by stage, by the folder, in memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from rawkit.models import build, load_network, padding_for
from rawkit.pictures.write import PictureFormat, quantise, write_picture
from rawkit.restore import Compute, Output, load_restorer, restore_files
from rawkit.restore.manifest import read_manifest
from rawkit.sensor import RawImage, decode, normalise
from rawkit.synth import DngMeta, write_dng
from tests.bench.published import as_published
from tests.bench.test_bench_amplifier import HEIGHT, WIDTH, published_estimate
from tests.support.fixtures_cli import REPOSITORY

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from rawkit.restore import Restorer

PUBLISHED = REPOSITORY.parent / "shared" / "weights" / "lamba2021" / "weights"
_ROUNDS = 2
CORES = len(os.sched_getaffinity(0))
META = DngMeta("Bench", "Camera", iso=3200, seconds=0.1, f_number=2.8, black_level=512)


def write_dark(path: Path, shape: tuple[int, int] = (HEIGHT, WIDTH), seed: int = 0) -> Path:
    """Write a dark frame with smooth light and sensor noise."""
    generator = np.random.default_rng(seed)
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    light = 30 + 25 * np.sin(rows / 300) * np.cos(columns / 200)
    mosaic = np.empty(shape, np.uint16)
    for top in range(0, shape[0], 512):
        part = light[top : top + 512]
        noisy = 512 + part + generator.standard_normal(part.shape, np.float32) * np.sqrt(part + 9)
        mosaic[top : top + 512] = np.clip(noisy, 0, 16383)
    write_dng(path, mosaic, META)
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if PUBLISHED.is_file():
        return PUBLISHED
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "random.pt"
    torch.save(build("lamba2021").state_dict(), path)
    return path


def plain_way(path: Path, net: nn.Module, out: Path) -> dict[str, float]:
    """Decode, amplify, restore and write one after the other; CPU seconds of each stage."""
    seconds: dict[str, float] = {}
    started = time.process_time()

    def lap(stage: str) -> None:
        nonlocal started
        now = time.process_time()
        seconds[stage], started = now - started, now

    image = decode(path)
    lap("decode")
    factor = published_estimate(image)
    lap("amplifier")
    picture = _whole(image, net, factor)
    lap("network")
    write_picture(out, quantise(picture, 8), PictureFormat())
    lap("encode")
    return seconds


def _whole(image: RawImage, net: nn.Module, factor: float) -> NDArray[np.float32]:
    """Run the network as it is published: weight norm attached, on the whole picture."""
    mosaic = image.mosaic
    height, width = image.pixels.shape
    x = torch.from_numpy(normalise(image.pixels, mosaic.black_level[0], mosaic.white_level))
    padding = padding_for(height, width, mosaic.phase, 32)
    with torch.inference_mode():
        restored = padding.cut(net(padding.apply(x[None, None]) * factor))[0]
    return restored.permute(1, 2, 0).numpy()


def ways_of(weights: Path) -> dict[str, Restorer]:
    """Return the ways there are to run the network."""
    found = {"torch f32": Compute(weights)}
    if find_spec("openvino") is not None:
        found["OpenVINO f32"] = Compute(weights, "openvino")
        found["OpenVINO bf16"] = Compute(weights, "openvino", precision="bf16")
    return {name: load_restorer(weights, compute) for name, compute in found.items()}


@pytest.mark.bench
def test_a_raw_file_to_png_against_the_plain_way(weights: Path, tmp_path: Path) -> None:
    """12 MP, m = 1, the same PNG encoder. The mark: 4 times less CPU time."""
    path = write_dark(tmp_path / "a.dng")
    net = as_published(load_network(weights)[0])
    ways = ways_of(weights)
    for name, restorer in ways.items():  # compiled, and warm
        restore_files([path], Output(tmp_path / name, colour="network"), restorer)
    plain: list[dict[str, float]] = []
    ours: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(_ROUNDS):
        plain.append(plain_way(path, net, tmp_path / "plain.png"))
        for name, restorer in ways.items():
            started = time.process_time()
            restore_files([path], Output(tmp_path / name, colour="network"), restorer)
            ours[name].append(time.process_time() - started)
    least = min(plain, key=lambda one: sum(one.values()))
    total = sum(least.values())
    print(f"\nraw file to PNG, 12 MP, m = 1, {CORES} cores, CPU seconds, least of {_ROUNDS}")
    print("  plain way        " + f"{total:7.3f}  "
          + ", ".join(f"{stage} {value:.3f}" for stage, value in least.items()))  # fmt: skip
    for name, seconds in ours.items():
        (line,) = read_manifest(tmp_path / name).values()
        stages = ", ".join(
            f"{stage} {line[f'{stage}_seconds']:.3f}" for stage in ("decode", "restore", "write")
        )
        print(f"  {name:16} {min(seconds):7.3f}  {total / min(seconds):.2f} times less, the mark "
              f"is 4 (wall, overlapping: {stages})")  # fmt: skip


@pytest.mark.bench
def test_a_folder_of_20_files(weights: Path, tmp_path: Path) -> None:
    """Wall time over (CPU seconds of all stages / cores). The mark: at most 1.1."""
    folder = tmp_path / "dark"
    folder.mkdir()
    first = write_dark(folder / "00.dng", (2048, 3072))
    for number in range(1, 20):
        (folder / f"{number:02d}.dng").write_bytes(first.read_bytes())
    code = (
        "import sys, time, resource\nfrom pathlib import Path\n"
        "from rawkit.restore import find_inputs, load_restorer, restore_items, Output\n"
        "restorer = load_restorer(Path(sys.argv[1]))\n"
        "items = find_inputs([sys.argv[2]]).items\n"
        "output = Output(Path(sys.argv[3]), colour='network')\n"
        "restore_items(items[:2], output, restorer)\n"
        "def cpu():\n"
        "    used = [resource.getrusage(who) for who in\n"
        "            (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]\n"
        "    return sum(one.ru_utime + one.ru_stime for one in used)\n"
        "before, wall = cpu(), time.monotonic()\n"
        "restore_items(items, output, restorer)\n"
        "print(time.monotonic() - wall, cpu() - before)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(weights), str(folder), str(tmp_path / "out")],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, text=True, capture_output=True,
        check=True,
    )  # fmt: skip
    wall, cpu = map(float, ended.stdout.split())
    print(f"\n20 files of 6 MP, warm, {CORES} cores: {wall:.2f} s wall, {cpu:.2f} CPU s; "
          f"wall / (CPU / cores) = {wall / (cpu / CORES):.3f}; the mark is 1.1")  # fmt: skip


@pytest.mark.bench
@pytest.mark.parametrize(
    ("shape", "mark"), [((HEIGHT, WIDTH), 700), ((8704, 11648), 1200)], ids=["12MP", "100MP"]
)
def test_peak_memory(weights: Path, tmp_path: Path, shape: tuple[int, int], mark: int) -> None:
    """Peak resident memory of the whole command: this process and the one that decodes."""
    path = write_dark(tmp_path / "a.dng", shape)
    code = (
        "import sys\nfrom rawkit.cli import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "finally:\n"
        "    lines = open('/proc/self/status').read().splitlines()\n"
        "    print([one for one in lines if 'VmHWM' in one][0].split()[1])\n"
    )
    command = [sys.executable, "-c", code, "restore", str(path), "-o", str(tmp_path / "out"),
               "--weights", str(weights), "--max-ram", f"{mark}MB"]  # fmt: skip
    started = time.monotonic()
    process = subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, text=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    both = children = 0
    while process.poll() is None:
        here, below = _resident(process.pid), sum(map(_resident, _children(process.pid)))
        both, children = max(both, here + below), max(children, below)
        time.sleep(0.02)
    assert process.returncode == 0
    output = process.communicate()[0]
    peak = int(output.split()[-1]) / 1000
    print(f"\n{shape[0] * shape[1] / 1e6:.0f} MP, --max-ram {mark}MB: peak {peak:.0f} MB, decoder "
          f"{children / 1e6:.0f} MB, at one time {both / 1e6:.0f} MB; the mark is {mark}; "
          f"{time.monotonic() - started:.1f} s")  # fmt: skip


def _resident(pid: int) -> int:
    """Bytes of memory a process holds now, without pages it shares with nobody's copy."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(one) for one in text.split()]
