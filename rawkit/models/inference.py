"""Restore a whole mosaic in little memory.

A network in two stages is cut where that is cheap: the stage that sees far runs once on the whole
picture, at a resolution where that costs little, and the stage that costs most runs tile by tile.
The result is that of one run on the whole picture, to rounding.
"""

from copy import deepcopy
from typing import ClassVar, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

from rawkit.errors import UsageError
from rawkit.models.folding import fold_weight_norm, is_folded
from rawkit.models.tiles import tiles

Net = TypeVar("Net", bound=nn.Module)


@runtime_checkable
class TwoStage(Protocol):
    """A network whose costly part can be run on tiles."""

    RENDER_HALO: ClassVar[int]
    """Pixels that `render` must see around a tile."""
    RENDER_TILE: ClassVar[int]
    """Pixels: side of a tile's core when none is given."""
    RENDER_MULTIPLE: ClassVar[int]
    """Pixels: what borders of tiles must be multiples of; also the side of a feature's cell."""

    def global_features(self, mosaic: Tensor) -> Tensor:
        """Return (B, C, H/RENDER_MULTIPLE, W/RENDER_MULTIPLE) of a whole (B, 1, H, W) mosaic."""
        ...

    def render(self, mosaic: Tensor, features: Tensor) -> Tensor:
        """Return the (B, 3, h, w) picture of a tile of mosaic and features."""
        ...


def prepare(net: Net) -> Net:
    """Return a copy of `net` that is fit for inference: evaluation mode, folded, channels last.

    The network itself, which may be in training, is left as it is.
    """
    ready = fold_weight_norm(deepcopy(net)).eval()
    return ready.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


@torch.inference_mode()
def restore_mosaic(net: nn.Module, mosaic: Tensor, *, tile: int | None = None) -> Tensor:
    """Restore one whole mosaic, tile by tile where the network allows it.

    Parameters
    ----------
    net
        A network of the registry. `prepare` it once if many mosaics are to come; one that still
        has weight norm is copied and prepared at each call.
    mosaic
        float32 (1, 1, H, W), amplified, H and W multiples of what the network wants, on the
        network's device.
    tile
        Greatest side of a tile in pixels, a multiple of the network's ``RENDER_MULTIPLE``;
        its ``RENDER_TILE`` if None. Smaller tiles take less memory and more time. A network that is
        not `TwoStage` runs on the whole mosaic.

    Returns
    -------
    Tensor
        float32 (1, 3, H, W), RGB of 0 to 1, an ordinary contiguous tensor of inference mode.

    Raises
    ------
    UsageError
        If the mosaic or the tile has a size that does not fit, or if a tile is given for a
        network that cannot be tiled.
    """
    if mosaic.ndim == 0 or mosaic.shape[0] != 1:
        raise UsageError(
            f"a mosaic of shape {tuple(mosaic.shape)}",
            expected="one mosaic, (1, 1, H, W)",
        )
    ready = net if is_folded(net) else prepare(net)
    if isinstance(ready, TwoStage):
        return _restore_tiled(ready, mosaic, ready.RENDER_TILE if tile is None else tile)
    if tile is not None:
        raise UsageError(
            f"tiles of {tile} pixels for {type(net).__name__}",
            expected="a network in two stages",
            fix="Leave the tile out.",
        )
    whole: Tensor = ready(mosaic)
    return whole


def _restore_tiled(net: TwoStage, mosaic: Tensor, tile: int) -> Tensor:
    features = net.global_features(mosaic)
    height, width = mosaic.shape[2:]
    cell = net.RENDER_MULTIPLE
    grid = tiles(height, width, tile=tile, halo=net.RENDER_HALO, multiple=cell)
    picture = mosaic.new_empty((1, 3, height, width))
    for part in grid:
        # Halos end at the picture's border, so that the network pads there as it always does.
        rendered = net.render(
            mosaic[..., *part.outer.slices()], features[..., *part.outer.slices(cell)]
        )
        picture[..., *part.core.slices()] = rendered[..., *part.inner.slices()]
    return picture
