"""Restore one frame after the other in a process of its own, and print what one takes as JSON.

``python -m tests.bench.frame_child NETWORK WAY HEIGHT WIDTH THREADS ROUNDS``; ways are those of
`tests.bench.network_child` but ``plain``. A frame is a decoded mosaic of 16-bit integers: it is
normalised, amplified, restored and put together as a picture of float32.
"""

from __future__ import annotations

import json
import sys
import time
from statistics import median

import numpy as np
import torch

from rawkit.models import amplified, describe, restore_bands
from rawkit.sensor import Mosaic
from rawkit.workers import kept_memory
from tests.bench.network_child import staged


def main() -> None:
    """Measure."""
    network, way, height, width, threads, rounds = sys.argv[1:]
    torch.set_num_threads(int(threads))
    shape, cell = (int(height), int(width)), describe(network).cell
    pixels = np.random.default_rng(0).integers(500, 4000, shape, dtype=np.uint16)
    mosaic = Mosaic.without_margins(cell.pattern(), shape, (512.0,) * cell.planes, 16383.0)
    source = amplified(pixels, mosaic, 4.0, describe(network))
    ready = staged(network, way)
    cpu, wall = [], []
    with kept_memory():
        for _ in range(int(rounds) + 2):
            started = time.process_time(), time.perf_counter()
            for _ in restore_bands(ready, source):
                pass
            cpu.append(1000 * (time.process_time() - started[0]))
            wall.append(1000 * (time.perf_counter() - started[1]))
    print(json.dumps({"cpu": median(cpu[2:]), "wall": median(wall[2:]), "least": min(wall[2:])}))


if __name__ == "__main__":
    main()
