"""How near a picture is to the truth."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from pytorch_msssim import ssim

if TYPE_CHECKING:
    from torch import Tensor


def psnr(restored: Tensor, target: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of pictures (..., 3, H, W) of 0 to 1; inf where equal."""
    error = float(torch.mean((restored.double() - target.double()) ** 2))
    return math.inf if error == 0 else -10 * math.log10(error)


def structural_similarity(restored: Tensor, target: Tensor) -> float:
    """SSIM of pictures (1, 3, H, W) of 0 to 1: mean over channels, Gaussian window of 11, sigma 1.5.

    Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to
    structural similarity" (IEEE Transactions on Image Processing 13, 2004).
    """
    return float(ssim(restored, target, data_range=1.0))
