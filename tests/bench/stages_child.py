"""Time each part of a network and a plain product of matrices in one process; prints JSON.

``python -m tests.bench.stages_child NETWORK SIDE ROUNDS``; one thread, and parts take turns.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from rawkit.models import build, prepare
from rawkit.models.lamba2021_fused import FusedLamba2021, _packed, _unshuffled
from rawkit.workers import kept_memory
from tests.bench.timing import interleaved

if TYPE_CHECKING:
    from collections.abc import Callable

_MATRIX = 1024


def parts(net: FusedLamba2021, side: int) -> dict[str, Callable[[], object]]:
    """Return the parts of a network on a square mosaic, by name; whole stages come first."""
    sizes, cell8, half = net.far.sizes, side // 8, side // 2

    def seen(channels: int, length: int) -> Tensor:
        shape = (1, channels, length, length)
        return torch.rand(shape).contiguous(memory_format=torch.channels_last)

    mosaic = torch.rand(1, 1, side, side)
    squeezed, features = net.squeeze(mosaic), seen(net.geometry.features, cell8)
    at8, between = seen(64, cell8), seen(sizes.near, cell8)
    joined = seen(sizes.local + sizes.context, half)
    return {
        "squeeze": partial(net.squeeze, mosaic),
        "look_far": partial(net.look_far, squeezed),
        "render": partial(net.render, mosaic, features),
        "  unshuffle to 8x": partial(_unshuffled, mosaic, 4),
        "  residual8.first": partial(net.far.residual8.first, at8),
        "  residual8.second": partial(net.far.residual8.second, between),
        "  lift8": partial(net.far.lift8, features),
        "  merge8, near": partial(net.merge_near, at8),
        "  merge8, far": partial(net.merge_far, at8),
        "  expand8": partial(net.expand8, seen(32, cell8)),
        "  unshuffle to 2x": partial(_packed, mosaic),
        "  local2": partial(net.far.local2, seen(4, half)),
        "  output2": partial(net.output2, joined),
    }


def main() -> None:
    """Measure."""
    network, side, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(1)
    torch.manual_seed(0)
    ready = prepare(build(network))
    assert isinstance(ready, FusedLamba2021)
    one, other = np.random.default_rng(0).random((2, _MATRIX, _MATRIX), np.float32)
    with torch.inference_mode(), kept_memory():
        ways = parts(ready, side)
        work = {}
        for name, way in ways.items():
            with FlopCounterMode(display=False) as counter:
                way()
            work[name] = counter.get_total_flops()
        seconds = interleaved({**ways, "product": lambda: one @ other}, rounds)
    limit = 2 * _MATRIX**3 / seconds.pop("product")
    found = {name: {"seconds": seconds[name], "flops": work[name]} for name in ways}
    print(json.dumps({"limit": limit, "parts": found}))


if __name__ == "__main__":
    main()
