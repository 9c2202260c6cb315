"""The prepared, tiled network against the plain one, weight norm attached, on the whole picture."""

from __future__ import annotations

import pytest
import torch

from rawkit.models import build, prepare, restore_mosaic
from tests.bench.timing import interleaved, report


@pytest.mark.bench
def test_the_tiled_network_against_the_plain_one() -> None:
    torch.manual_seed(0)
    net = build("lamba2021").eval()
    ready = prepare(net)
    mosaic = torch.rand(1, 1, 2048, 4096)

    def plain() -> torch.Tensor:
        with torch.inference_mode():
            whole: torch.Tensor = net(mosaic)
        return whole

    def tiled() -> torch.Tensor:
        return restore_mosaic(ready, mosaic)

    assert torch.allclose(plain(), tiled(), atol=1e-5)
    ways = {"prepared, in tiles (ours)": tiled, "plain, whole picture": plain}
    report("lamba2021, 8 MP, fp32", interleaved(ways, rounds=3), ours="prepared, in tiles (ours)")
