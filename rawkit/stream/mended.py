"""Crops without what their cameras put into them, in torch, on the device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def mended_planes(
    packed: Tensor,
    white: Tensor,
    down: Tensor,
    across: Tensor,
    hot: Tensor,
    near: Tensor,
    count: Tensor,
) -> Tensor:
    """Subtract dark shading from packed planes and mend their hot pixels, as `noise.mended` does.

    What saturates stays so. The rest of the arguments are `Darkness`.

    Parameters
    ----------
    packed
        Packed planes, shape (B, 4, n, n), sensor units; not written to.
    white
        White level, shape (B,), sensor units.

    Returns
    -------
    Tensor
        Planes, (B, 4, n, n), float32, sensor units; black is still in them.
    """
    values = packed.to(torch.float32, memory_format=torch.contiguous_format)
    shading = torch.zeros_like(values)
    # Sums of products, not matrix products: the same to the last bit whatever the library.
    for rows, columns in zip(down.unbind(), across.unbind(), strict=True):
        shading.addcmul_(rows[..., :, None], columns[..., None, :])
    shading.masked_fill_(values >= white[:, None, None, None], 0.0)
    values = values - shading
    if not len(hot):
        return values
    flat = values.view(-1)
    known = torch.arange(near.shape[1], device=near.device) < count[:, None]
    around = flat[near].masked_fill_(~known, float("inf")).sort(dim=1).values
    low, high = ((count - one).clamp_(min=0) // 2 for one in (1, 0))
    pairs = around.gather(1, torch.stack([low, high], dim=1))
    flat[hot] = torch.where(count > 0, pairs.mean(dim=1), flat[hot])
    return values
