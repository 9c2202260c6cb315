"""The amplifier's estimate against the plain formula with its 127 masks."""

from __future__ import annotations

import numpy as np
import pytest

from rawkit.sensor import RawImage, amplification_base
from rawkit.sensor.amplifier import bin_edges, bin_weights
from rawkit.sensor.types import Exposure, Mosaic, WhiteBalance
from tests.bench.timing import interleaved, report

HEIGHT, WIDTH = 2848, 4256


def dark_frame() -> RawImage:
    generator = np.random.default_rng(0)
    signal = generator.exponential(30, (HEIGHT, WIDTH)) + generator.normal(512, 6, (HEIGHT, WIDTH))
    return RawImage(
        pixels=np.clip(np.round(signal), 0, 16383).astype(np.uint16),
        mosaic=Mosaic.without_margins(((0, 1), (3, 2)), (HEIGHT, WIDTH), (512.0,) * 4, 16383.0),
        white_balance=WhiteBalance((2.0, 1.0, 1.5, 1.0), "camera"),
        exposure=Exposure(0.1, 100, 8),
    )


def plain_estimate(image: RawImage) -> float:
    x = np.maximum(image.pixels.astype(np.float32) - np.float32(512), 0) / np.float32(16383 - 512)
    edges, weights = bin_edges(), bin_weights()
    mask = np.zeros_like(x)
    for number, weight in enumerate(weights):
        mask[(edges[number] <= x) & (x < edges[number + 1])] = weight
    base = 0.01 * mask.sum(dtype=np.float64) / (x * mask).sum(dtype=np.float64)
    return float(np.clip(base, 1, 300))


def published_estimate(image: RawImage) -> float:
    """Keep all 127 masks and choose among them for each pixel, as the published code does."""
    x = np.maximum(image.pixels.astype(np.float32) - np.float32(512), 0) / np.float32(16383 - 512)
    edges, weights = bin_edges(), bin_weights()
    masks = [(edges[n] <= x) & (x < edges[n + 1]) for n in range(len(weights))]
    mask = np.select(masks, list(weights))
    base = 0.01 * mask.sum(dtype=np.float64) / (x * mask).sum(dtype=np.float64)
    return float(np.clip(base, 1, 300))


@pytest.mark.bench
def test_the_estimate_against_the_plain_formula() -> None:
    image = dark_frame()
    assert amplification_base(image) == pytest.approx(plain_estimate(image), rel=1e-5)
    seconds = interleaved(
        {
            "histograms (ours)": lambda: amplification_base(image),
            "127 masks kept, as published": lambda: published_estimate(image),
            "127 masks one by one, in numpy": lambda: plain_estimate(image),
        },
        rounds=2,
    )
    # The mark: at least 100 times less than the published form.
    report("Amplifier, 12 MP", seconds, ours="histograms (ours)")
