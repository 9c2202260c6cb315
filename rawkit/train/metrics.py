"""How near a picture is to the truth."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from pytorch_msssim import ssim

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor


_BAND = 256
"""Rows looked at together: whole frames would take 20 times their own memory."""
_WINDOW = 11
"""Rows of SSIM's window."""


def psnr(restored: Tensor, target: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of pictures (..., 3, H, W) of 0 to 1; inf where equal."""
    error = 0.0
    for top in range(0, restored.shape[-2], _BAND):
        rows = slice(top, top + _BAND)
        error += float(((restored[..., rows, :].double() - target[..., rows, :]) ** 2).sum())
    error /= restored.numel()
    return math.inf if error == 0 else -10 * math.log10(error)


def structural_similarity(restored: Tensor, target: Tensor) -> float:
    """SSIM of pictures (1, 3, H, W) of 0 to 1, mean over channels.

    The window is a Gaussian of 11 pixels with sigma 1.5:
    Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to
    structural similarity" (IEEE Transactions on Image Processing 13, 2004).
    """
    valid = restored.shape[-2] - _WINDOW + 1
    if valid <= _BAND:
        return float(ssim(restored, target, data_range=1.0))
    total = 0.0
    for top in range(0, valid, _BAND):
        rows = min(_BAND, valid - top)
        band = slice(top, top + rows + _WINDOW - 1)
        similarity = ssim(restored[..., band, :], target[..., band, :], data_range=1.0)
        total += rows * float(similarity)
    return total / valid


def compare(
    restored: NDArray[np.unsignedinteger], target: NDArray[np.unsignedinteger]
) -> tuple[float, float]:
    """PSNR in dB and SSIM of two pictures (H, W, 3) of 8 or 16 bits each."""
    first, second = (
        torch.from_numpy(picture.astype(np.float32) / np.float32(np.iinfo(picture.dtype).max))
        .permute(2, 0, 1)
        .unsqueeze(0)
        for picture in (restored, target)
    )
    return psnr(first, second), structural_similarity(first, second)
