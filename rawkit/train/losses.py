"""Losses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytorch_msssim import ms_ssim
from torch.nn.functional import l1_loss

if TYPE_CHECKING:
    from torch import Tensor

    from rawkit.train.settings import TrainSettings


def loss_of(restored: Tensor, target: Tensor, settings: TrainSettings) -> Tensor:
    """L1 + weight (1 - MS-SSIM) between pictures (B, 3, H, W) of 0 to 1, a scalar.

    MS-SSIM as in Wang, Simoncelli and Bovik, "Multiscale structural similarity for image quality
    assessment" (Asilomar 2003): five scales, Gaussian window of 11 with sigma 1.5.
    """
    loss = settings.l1_weight * l1_loss(restored, target)
    if settings.ms_ssim_weight:
        similarity: Tensor = ms_ssim(restored, target, data_range=1.0)
        loss = loss + settings.ms_ssim_weight * (1 - similarity)
    return loss
