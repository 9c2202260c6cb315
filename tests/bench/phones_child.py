"""One way of running a network on a mosaic: how far from torch, and how long.

``python -m tests.bench.phones_child WEIGHTS FILE MOSAIC RUNS``: FILE is an exported one, ``torch``
or ``openvino``; MOSAIC an .npy, float32 (1, 1, H, W). Prints JSON: the shortest run in seconds, CPU
seconds of a run, and differences from torch.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from rawkit.models import (
    compile_openvino,
    fold_weight_norm,
    load_network,
    open_exported,
    prepare,
    restore_mosaic,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor


def main(weights: str, file: str, mosaic: str, runs: str) -> None:
    """Measure one way."""
    torch.set_num_threads(2)
    net, _ = load_network(weights)
    values = torch.from_numpy(np.load(mosaic))
    with torch.inference_mode():
        expected = fold_weight_norm(net)(values).numpy()
    side = max(values.shape[-2:])
    tile = side // 8 * 8

    def act() -> NDArray[np.float32]:
        if file in ("torch", "openvino"):
            return restore_mosaic(ready, values, tile=tile).numpy()
        restored: Tensor = ready(values)
        return restored.numpy()

    ready: Any
    if file == "torch":
        ready = prepare(net)
    elif file == "openvino":
        ready = compile_openvino(net)
    else:
        ready = open_exported(Path(file))
    found = act()
    walls, begun = [], time.process_time()
    for _ in range(int(runs)):
        start = time.perf_counter()
        act()
        walls.append(time.perf_counter() - start)
    difference = np.abs(found - expected)
    mean = float(np.square(difference, dtype=np.float64).mean())
    print(
        json.dumps(
            {
                "wall": min(walls),
                "cpu": (time.process_time() - begun) / len(walls),
                "difference": float(difference.max()),
                "psnr": -10 * float(np.log10(max(mean, 1e-30))),
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
