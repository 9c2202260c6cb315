"""What tiled inference asks of a network.

A network in stages is cut where that is cheap. What sees far runs once on the whole picture, at a
resolution where that costs little; what costs most runs tile by tile::

    mosaic ──squeeze──► (C, H/32, W/32) ──look_far──► features (C', H/8, W/8) ─┐
       │      strips                      once                                 ├─► picture
       └───────────────────────── render, tile by tile ────────────────────────┘

No stage sees more of its input than its halo, save `look_far`, which sees it all. So the result is
that of one run on the whole picture, to rounding.
"""

from copy import deepcopy
from typing import Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

from rawkit.models.folding import fold_weight_norm
from rawkit.models.geometry import Geometry
from rawkit.models.lamba2021 import Lamba2021
from rawkit.models.lamba2021_fused import FusedLamba2021

Net = TypeVar("Net", bound=nn.Module)


@runtime_checkable
class Staged(Protocol):
    """A network whose costly part can be run on tiles, whatever computes it."""

    @property
    def geometry(self) -> Geometry:
        """How it may be cut."""
        ...

    def squeeze(self, mosaic: Tensor) -> Tensor:
        """Return (B, C, H/multiple, W/multiple) of a (B, 1, H, W) mosaic or a strip of it."""
        ...

    def look_far(self, squeezed: Tensor) -> Tensor:
        """Return (B, C', H/render_multiple, W/render_multiple) of all that was squeezed."""
        ...

    def render(self, mosaic: Tensor, features: Tensor) -> Tensor:
        """Return the (B, 3, h, w) picture of a tile of mosaic and features."""
        ...


def prepare(
    net: nn.Module,
    *,
    device: "torch.device | str | None" = None,
    dtype: torch.dtype | None = None,
) -> nn.Module:
    """Return a copy of `net` that is fit for inference: evaluation mode, folded, channels last.

    The network itself, which may be in training, is left as it is.

    Parameters
    ----------
    net
        A network of the registry.
    device
        Where it is to run; where it is if None. `best_device` names the GPU if there is one.
    dtype
        What it computes in; as now if None. Half precision (``torch.bfloat16``, on a GPU also
        ``torch.float16``) is faster and not exact.

    Returns
    -------
    nn.Module
        For a network with a fused form that form, which gives the same to rounding.
    """
    folded = fold_weight_norm(deepcopy(net)).eval()
    ready: nn.Module = FusedLamba2021(folded) if isinstance(folded, Lamba2021) else folded
    ready = ready.eval().to(device=device, dtype=dtype)
    if getattr(net, "takes_clips", False):
        return ready  # lays out its input by itself
    return ready.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def best_device() -> torch.device:
    """Return the GPU if torch can use one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_of(net: object) -> tuple[torch.device, torch.dtype]:
    """Return where and in what a network computes; the CPU and float32 if it has no parameters."""
    if isinstance(net, nn.Module):
        for parameter in net.parameters():
            return parameter.device, parameter.dtype
    return torch.device("cpu"), torch.float32
