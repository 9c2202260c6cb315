"""What a network costs and how far it sees, found out from the network itself."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from rawkit.models.folding import fold_weight_norm
from rawkit.models.registry import build, describe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PIXELS_8MP = 2048 * 4096
"""The size that papers state the work for, in pixels."""
_CELLS = 4
"""Cells each way of the mosaic that work is counted on."""


@cache
def count_parameters(network: str) -> int:
    """Return the number of parameters while it is trained, weight norm included.

    Raises
    ------
    UsageError
        If there is no such network.
    """
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in build(network).parameters())


@cache
def count_macs(network: str, pixels: int = PIXELS_8MP) -> int:
    """Return the multiplications with addition for a mosaic of so many pixels, weights folded.

    Raises
    ------
    UsageError
        If there is no such network.
    """
    side = _CELLS * describe(network).multiple
    with torch.device("meta"):
        net = fold_weight_norm(build(network)).eval()
        mosaic = torch.empty(1, 1, side, side)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        net(mosaic)
    # The work of every layer is proportional to the area.
    return round(counter.get_total_flops() / 2 * pixels / side**2)


@cache
def receptive_field(network: str) -> int:
    """Return how many pixels an area depends on, to each side beyond its own.

    The area's borders are multiples of what the network wants. Found from gradients: a pixel is
    seen if the area's sum changes with it. Weights are all one positive number, no value is clipped
    and maxima are means, so that nothing seen cancels or hides.

    Raises
    ------
    UsageError
        If there is no such network.
    """
    multiple = describe(network).multiple
    net = build(network).double().eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(0.1)
    cells = 8
    while True:
        start = cells * multiple
        mosaic = torch.full((1, 1, multiple, 2 * start + multiple), 0.01, dtype=torch.float64)
        mosaic.requires_grad_()
        with _Linear():
            area = net(mosaic)[..., start : start + multiple].sum()
        (gradient,) = torch.autograd.grad(area, mosaic)
        seen = gradient.sum(dim=(0, 1, 2)).nonzero().flatten()
        first, last = int(seen[0]), int(seen[-1])
        if first > 0 and last < mosaic.shape[-1] - 1:
            return int(max(start - first, last + 1 - (start + multiple)))
        cells *= 2


class _Linear(TorchFunctionMode):
    """Clips nothing, and takes means for maxima."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func is Tensor.clamp:
            return args[0]
        if func is max_pool2d:
            return avg_pool2d(args[0], args[1])
        return func(*args, **(kwargs or {}))
