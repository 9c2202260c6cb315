"""Losses and metrics against formulas written down a second time, in plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from rawkit.train import Loss
from tests.support.fixtures_stream import tiny

Picture = NDArray[np.float64]

SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Weights of the five scales (Wang, Simoncelli and Bovik 2003)."""


def blurred(plane: Picture) -> Picture:
    """Filter with a Gaussian window of 11 and sigma 1.5, without padding."""
    window = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    window /= window.sum()
    rows = np.lib.stride_tricks.sliding_window_view(plane, 11, axis=0) @ window
    both: Picture = np.asarray(np.lib.stride_tricks.sliding_window_view(rows, 11, axis=1) @ window)
    return both


def terms(x: Picture, y: Picture) -> tuple[float, float]:
    """Return the means of SSIM and of its contrast and structure part, for one plane."""
    c1, c2 = 0.01**2, 0.03**2
    mean_x, mean_y = blurred(x), blurred(y)
    var_x = blurred(x * x) - mean_x**2
    var_y = blurred(y * y) - mean_y**2
    covariance = blurred(x * y) - mean_x * mean_y
    contrast = (2 * covariance + c2) / (var_x + var_y + c2)
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return float((luminance * contrast).mean()), float(contrast.mean())


def halved(plane: Picture) -> Picture:
    """Average 2x2 pixels."""
    height, width = plane.shape
    mean: Picture = plane.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
    return mean


def plain_ms_ssim(x: Picture, y: Picture) -> float:
    """MS-SSIM of one plane whose sides halve four times without rest."""
    product = 1.0
    for scale, weight in enumerate(SCALES):
        whole, contrast = terms(x, y)
        product *= max(whole if scale == 4 else contrast, 0.0) ** weight
        if scale < 4:
            x, y = halved(x), halved(y)
    return product


def pictures(size: int, *, seed: int = 0, noise: float = 0.2) -> tuple[Tensor, Tensor]:
    """Make a smooth picture and a noisy one, (1, 3, size, size), 0 to 1."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size] / size
    clean = np.stack([0.5 + 0.4 * np.sin(9 * x + 5 * y + k) for k in range(3)])
    noisy = np.clip(clean + generator.normal(0, noise, clean.shape), 0, 1)
    first, second = (torch.from_numpy(one[None].astype(np.float32)) for one in (noisy, clean))
    return first, second


def test_l1_alone_is_the_mean_absolute_difference() -> None:
    restored, target = pictures(32)
    expected = np.abs(restored.numpy().astype(np.float64) - target.numpy()).mean()
    assert float(Loss(tiny())(restored, target)) == pytest.approx(expected, rel=1e-5)
    assert float(Loss(tiny(l1_weight=3.0))(restored, target)) == pytest.approx(
        3 * expected, rel=1e-5
    )


def test_the_loss_is_l1_plus_a_fifth_of_1_minus_ms_ssim() -> None:
    restored, target = pictures(176)
    planes = zip(restored[0].double().numpy(), target[0].double().numpy(), strict=True)
    similarity = np.mean([plain_ms_ssim(x, y) for x, y in planes])
    l1 = np.abs(restored.double().numpy() - target.double().numpy()).mean()
    settings = tiny(crop=192, ms_ssim_weight=0.2)
    found = float(Loss(settings)(restored, target))
    assert found == pytest.approx(l1 + 0.2 * (1 - similarity), abs=2e-5)
    assert similarity < 0.95  # the term says something here


def test_ms_ssim_alone_can_be_trained_on() -> None:
    restored, target = pictures(176)
    settings = tiny(crop=192, l1_weight=0.0, ms_ssim_weight=1.0)
    assert float(Loss(settings)(target, target)) == pytest.approx(0, abs=1e-5)
    assert float(Loss(settings)(restored, target)) > 0.05


def test_the_loss_has_a_gradient_that_lowers_it() -> None:
    restored, target = pictures(176)
    settings = tiny(crop=192, ms_ssim_weight=0.2)
    restored.requires_grad_()
    loss = Loss(settings)(restored, target)
    (gradient,) = torch.autograd.grad(loss, restored)
    lower = Loss(settings)(restored - 100 * gradient, target)
    assert lower.item() < loss.item()
