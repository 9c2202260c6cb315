"""What a network costs and how far it sees, found out from the network itself."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, avg_pool3d, max_pool2d, max_pool3d
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from rawkit.models.folding import fold_weight_norm
from rawkit.models.registry import build, describe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rawkit.models.registry import Network

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

    Of a network for clips: for each frame.

    Raises
    ------
    UsageError
        If there is no such network.
    """
    about = describe(network)
    side = _CELLS * about.multiple
    with torch.device("meta"):
        net = fold_weight_norm(build(network)).eval()
        seen = torch.empty(_shape(about, side, side))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        net(seen)
    # The work of every layer is proportional to the area.
    macs: int = counter.get_total_flops() // 2
    return round(macs * pixels / side**2)


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
    about = describe(network)
    multiple = about.multiple
    # Planes of a clip have half the side of the mosaic.
    scale = 2 if about.takes_clips else 1

    def shape(cells: int) -> tuple[int, ...]:
        return _shape(about, multiple, (2 * cells + 1) * multiple)

    return scale * _reach(network, shape, -1, multiple // scale)


@cache
def receptive_frames(network: str) -> int:
    """Return how many frames a frame depends on, to each side beyond itself.

    None for a network that takes single mosaics. Found as `receptive_field` is.

    Raises
    ------
    UsageError
        If there is no such network.
    """
    about = describe(network)
    if not about.takes_clips:
        return 0
    multiple = about.multiple

    def shape(cells: int) -> tuple[int, ...]:
        return _shape(about, multiple, multiple, frames=2 * cells + 1)

    return _reach(network, shape, 2, 1)


def _shape(about: Network, height: int, width: int, frames: int = 1) -> tuple[int, ...]:
    """Shape of what a network takes, of a mosaic of so many pixels."""
    if about.takes_clips:
        return (1, about.cell.planes, frames, height // 2, width // 2)
    return (1, 2 if about.takes_sigma else 1, height, width)


def _reach(network: str, shape: Callable[[int], tuple[int, ...]], axis: int, cell: int) -> int:
    """Return how far a cell of an axis depends on the input, to each side beyond itself.

    Parameters
    ----------
    network
        Name in the registry.
    shape
        Shape of an input with so many cells to each side of the middle one.
    axis
        The axis, of input and output.
    cell
        Length of a cell along the axis of the input.
    """
    net = build(describe(network).sees_like or network).double().eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(0.1)
    cells = 8
    while True:
        start = cells * cell
        seen = torch.full(shape(cells), 0.01, dtype=torch.float64).requires_grad_()
        with _Linear():
            made = net(seen)
            scale = made.shape[axis] // seen.shape[axis]
            area = made.narrow(axis, start * scale, cell * scale).sum()
        (gradient,) = torch.autograd.grad(area, seen)
        touched = gradient.abs().movedim(axis, 0).flatten(1).sum(1).nonzero().flatten()
        first, last = int(touched[0]), int(touched[-1])
        if first > 0 and last < seen.shape[axis] - 1:
            return int(max(start - first, last + 1 - (start + cell)))
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
        if func in (Tensor.clamp, Tensor.clamp_):
            return args[0]
        if func is max_pool2d:
            return avg_pool2d(args[0], args[1])
        if func is max_pool3d:
            return avg_pool3d(args[0], args[1])
        return func(*args, **(kwargs or {}))
