"""Run one way of restoring one picture in a process of its own, and print what it took as JSON.

``python -m tests.bench.network_child NETWORK WAY HEIGHT WIDTH ROUNDS [TILE [THREADS]]``; ways are
``plain`` (weight norm attached, whole picture, as published), ``torch``, ``torch-bf16``,
``openvino`` and ``openvino-bf16``.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

import numpy as np
import torch

from rawkit.models import (
    Staged,
    amplified,
    build,
    compile_openvino,
    describe,
    prepare,
    restore_bands,
)
from rawkit.sensor import Mosaic
from tests.bench.published import as_published


def peak_bytes() -> int:
    """Greatest resident memory so far; not ru_maxrss, which begins with that of the parent."""
    status = Path("/proc/self/status").read_text("utf-8")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024


def staged(network: str, way: str) -> Staged:
    """Return a random network, the same for every way, ready to run that way."""
    torch.manual_seed(0)
    net = build(network).eval()
    if way.startswith("openvino"):
        return compile_openvino(net, precision="bf16" if way.endswith("bf16") else "f32")
    ready = prepare(net, dtype=torch.bfloat16 if way.endswith("bf16") else None)
    assert isinstance(ready, Staged)
    return ready


def main() -> None:
    """Measure."""
    network, way, height, width, rounds, *more = sys.argv[1:]
    tile = int(more[0]) if more and int(more[0]) else None
    torch.set_num_threads(int(more[1]) if len(more) > 1 else 1)
    shape = (int(height), int(width))
    side = describe(network).cell
    pixels = np.random.default_rng(0).integers(500, 4000, shape, dtype=np.uint16)
    mosaic = Mosaic.without_margins(side.pattern(), shape, (512.0,) * side.planes, 16383.0)
    source = amplified(pixels, mosaic, 4.0, describe(network))
    checksum = 0.0

    if way == "plain":
        torch.manual_seed(0)
        net = as_published(build(network).eval())

        def run() -> None:
            nonlocal checksum
            values = np.maximum(pixels.astype(np.float32) - 512, 0) / np.float32(16383 - 512) * 4
            whole = source.padding.apply(torch.from_numpy(values))
            with torch.inference_mode():
                picture = source.padding.cut(net(whole[None, None]))[0]
            checksum = float(picture[..., 7].double().mean())
    else:
        ready = staged(network, way)

        def run() -> None:
            nonlocal checksum
            total = 0.0
            for _, band in restore_bands(ready, source, tile=tile):
                total += float(band[:, 7].sum(dtype=np.float64))
            checksum = total / 3 / shape[0]

    cpu, wall = [], []
    for _ in range(int(rounds) + 1):
        started = time.process_time(), time.perf_counter()
        run()
        cpu.append(time.process_time() - started[0])
        wall.append(time.perf_counter() - started[1])
    counted = slice(1, None) if int(rounds) else slice(None)
    report = {"cpu": min(cpu[counted]), "wall": min(wall[counted]), "peak": peak_bytes()}
    print(json.dumps({**report, "mean": checksum}))


if __name__ == "__main__":
    main()
