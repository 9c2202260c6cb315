"""The judge on pictures of integers and on known errors; its parts are held to peers elsewhere."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from pytorch_msssim import ssim as peer_ssim

from rawkit.metrics import SSIM_VARIANTS, psnr, ssim
from rawkit.metrics.similarity import compare

if TYPE_CHECKING:
    from numpy.typing import NDArray

GAUSSIAN = SSIM_VARIANTS["gaussian"]


def pictures(
    shape: tuple[int, int], noise: float = 0.1
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a noisy picture (H, W, 3) and the one without noise."""
    rng = np.random.default_rng(0)
    truth = rng.random((*shape, 3), np.float32)
    noisy = truth + rng.normal(0, noise, truth.shape).astype(np.float32)
    return np.clip(noisy, 0, 1), truth


@pytest.mark.parametrize("noise", [0.01, 0.1, 0.5])
def test_psnr_is_ten_decibels_for_each_tenth_of_the_squared_error(noise: float) -> None:
    restored, truth = pictures((40, 41), noise)
    error = ((restored.astype(np.float64) - truth) ** 2).mean()
    assert psnr(restored, truth) == pytest.approx(-10 * math.log10(error), abs=1e-9)


def test_psnr_of_a_known_error() -> None:
    truth = np.full((12, 12, 3), 0.5, np.float32)
    assert psnr(truth + np.float32(0.1), truth) == pytest.approx(20, abs=1e-5)
    assert psnr(truth, truth) == math.inf


@pytest.mark.parametrize("shape", [(11, 11), (40, 41), (600, 13)])
def test_ssim_is_that_of_the_peer_that_trainings_use(shape: tuple[int, int]) -> None:
    restored, truth = pictures(shape)
    tensors = (torch.from_numpy(one).permute(2, 0, 1)[None].double() for one in (restored, truth))
    expected = float(peer_ssim(*tensors, data_range=1.0))
    assert ssim(restored, truth, GAUSSIAN) == pytest.approx(expected, abs=2e-5)
    assert ssim(truth, truth, GAUSSIAN) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("bits", [(8, 8), (16, 16), (8, 16)])
def test_pictures_of_integers_are_compared_on_the_scale_of_0_to_1(bits: tuple[int, int]) -> None:
    restored, truth = pictures((48, 48))
    integers = [
        (picture.astype(np.float64) * (2**depth - 1) + 0.5).astype(f"u{depth // 8}")
        for picture, depth in zip((restored, truth), bits, strict=True)
    ]
    found = compare(*integers)
    assert found[0] == pytest.approx(psnr(restored, truth), abs=0.02)
    assert found[1] == pytest.approx(ssim(restored, truth, GAUSSIAN), abs=1e-3)
