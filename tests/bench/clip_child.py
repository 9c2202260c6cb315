"""Run a network for clips once in a process of its own, and print what it took as JSON.

``python -m tests.bench.clip_child NETWORK WAY FRAMES SIDE [ROUNDS]``: SIDE in packed pixels. Ways
are ``torch`` and ``openvino`` for inference, ``train`` for a step that keeps all activations, and
``recompute`` for one that computes them again.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch

from rawkit.models import Unet3d, build, prepare
from rawkit.workers import kept_memory
from tests.bench.network_child import peak_bytes

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    """Measure."""
    network, way, frames, side, *more = sys.argv[1:]
    torch.manual_seed(0)
    clip = torch.rand(1, 4, int(frames), int(side), int(side))
    run = _training(network, clip, way) if way in ("train", "recompute") else _inference(
        network, clip, way
    )  # fmt: skip
    before = peak_bytes()
    cpu = []
    # As in a training: what a step frees is kept, but where memory is dear.
    with kept_memory() if way == "train" else nullcontext():
        for _ in range(int(more[0]) if more else 1):
            started = time.process_time()
            run()
            cpu.append(time.process_time() - started)
    print(json.dumps({"cpu": min(cpu), "before": before, "peak": peak_bytes()}))


def _inference(network: str, clip: torch.Tensor, way: str) -> Callable[[], object]:
    net = prepare(build(network))
    if way == "torch":
        return torch.inference_mode()(lambda: net(clip))
    import openvino

    model = openvino.convert_model(net, example_input=clip, input=[list(clip.shape)])
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda: compiled([clip.numpy()])


def _training(network: str, clip: torch.Tensor, way: str) -> Callable[[], None]:
    net = build(network)
    assert isinstance(net, Unet3d)
    net.recompute = way == "recompute"
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-4)
    shape = (1, 3, clip.shape[2], 2 * clip.shape[3], 2 * clip.shape[4])
    target = torch.rand(shape)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        torch.nn.functional.l1_loss(net(clip), target).backward()  # type: ignore[no-untyped-call] # not in its stubs
        optimizer.step()

    return step


if __name__ == "__main__":
    main()
