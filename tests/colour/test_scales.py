"""Scales are what their formulas say, and trust what there is light for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rawkit.colour.scales import (
    EDGE,
    LUMINANCE,
    Estimate,
    Scale,
    coarse,
    colour_noise,
    detailed,
    guided,
    mix,
    reduce,
)
from tests.colour.scenes import MATRIX

Y = np.array(LUMINANCE)
MATRIX32 = (MATRIX / MATRIX.sum(1, keepdims=True)).astype(np.float32)
SILENT = colour_noise(MATRIX32, np.ones(3, np.float32), np.ones(3, np.float32), 0.0, 1e-12)


def neutral(shape: tuple[int, int]) -> Estimate:
    return Estimate(np.ones((3, *shape), np.float32), np.ones(shape, np.float32))


def window_mean(values: np.ndarray, radius: int) -> np.ndarray:
    """Mean over a square around each pixel, reflected at the borders, one pixel at a time."""
    padded = np.pad(values, radius, mode="symmetric")
    means = np.empty(values.shape)
    for y in range(values.shape[0]):
        for x in range(values.shape[1]):
            means[y, x] = padded[y : y + 2 * radius + 1, x : x + 2 * radius + 1].mean()
    return means


def slow_guided(values: np.ndarray, guide: np.ndarray, radius: int) -> np.ndarray:
    """Follow the formulas of He, Sun and Tang."""
    mean, average = window_mean(guide, radius), window_mean(values, radius)
    covariance = window_mean(guide * values, radius) - mean * average
    variance = window_mean(guide * guide, radius) - mean * mean
    slope = covariance / (variance + EDGE)
    offset = average - slope * mean
    return np.asarray(window_mean(slope, radius) * guide + window_mean(offset, radius))


def slow_weight(square: np.ndarray, noise: np.ndarray, radius: int, most: float) -> np.ndarray:
    beyond = np.clip(window_mean(square, radius) - 2 * noise, 0, most**2)
    return np.asarray(beyond / (beyond + noise + 1e-12))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), radius=st.integers(1, 4))
def test_a_guided_scale_is_what_the_slow_formula_says(seed: int, radius: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (24, 32)
    colour = rng.uniform(0.05, 0.6, (3, *shape))
    light = rng.uniform(0.05, 0.8, shape)
    scale = Scale(radius, 2 * radius, radius + 1)
    gains = np.array([2.0, 1.0, 1.5])
    counts, shot, read = np.array([1.0, 2.0, 1.0]), 0.02, 0.003
    noise = colour_noise(MATRIX32, gains.astype(np.float32), counts.astype(np.float32), shot, read)
    found = guided(
        colour.astype(np.float32), light.astype(np.float32), scale, noise, 4, neutral(shape), 0.7
    )

    guide = (0.7 * light) ** (1 / 2.222)
    followed = np.stack([slow_guided(one, guide, radius) for one in colour])
    along = slow_guided(light, guide, radius)
    structure = np.maximum(along, 0.25 * light)
    trust = np.clip((along / light - 0.55) / 0.35, 0, 1)
    camera = np.tensordot(np.linalg.inv(MATRIX32.astype(float)), followed, 1)
    rows = np.vstack([MATRIX32, Y @ MATRIX32])
    shots = np.tensordot(rows**2 / counts * (shot * gains), camera, 1)
    variances = np.maximum(shots, 0) + ((rows**2 / counts) @ (read * gains**2))[:, None, None]
    own = np.tensordot(Y, followed, 1)
    level = np.maximum(own, 0.35 * structure)
    variances /= 4 * 2.25 * (2 * radius + 1) ** 2 * level**2
    square, light_noise = variances[:3].max(axis=0), variances[3]
    off = np.clip(own / structure, 0.2, 20) - 1
    light_noise = np.maximum(light_noise, window_mean(light_noise, radius + 1))
    gain = 1 + slow_weight(off**2, light_noise, radius + 1, 0.5) * off * trust
    away = np.clip(followed / level, -1, 8) - 1
    chroma = 1 + slow_weight((away**2).max(axis=0), square, 2 * radius, 0.2) * away * trust
    chroma /= np.maximum(np.tensordot(Y, chroma, 1), 0.2)
    np.testing.assert_allclose(found.gain, gain, atol=2e-3)
    np.testing.assert_allclose(found.chroma, chroma, atol=5e-3)


def test_beside_a_bright_coloured_edge_there_is_no_rim_of_the_opposite_colour() -> None:
    # A bright blue line, as a lens draws it, on a dark grey; the network draws its foot too dark.
    across = np.abs(np.arange(64) - 32)
    line = 0.6 * np.exp(-((across / 3) ** 2))
    light = np.tile((0.01 + line).astype(np.float32), (48, 1))
    blue = np.array([0.05, 0.8, 2.5])
    blue /= blue @ Y
    colour = (np.full(3, 0.01)[:, None, None] + blue[:, None, None] * (light - 0.01)).astype("f4")
    light[:, (across > 6) & (across < 10)] *= 0.5
    scale = Scale(6, 9, 15)
    found = guided(colour, light, scale, SILENT, 1, neutral(light.shape), 1.0)
    assert found.chroma[0].max() < 1.2  # red of grey is 1


def test_without_noise_the_colour_is_the_sensors() -> None:
    colour = (
        np.full((3, 32, 32), 0.2, np.float32) * np.array([2, 1, 0.5], np.float32)[:, None, None]
    )
    light = np.full((32, 32), 0.1, np.float32)
    found = guided(colour, light, Scale(2, 3, 3), SILENT, 1, neutral((32, 32)), 1.0)
    luminance = colour[:, 0, 0] @ Y
    np.testing.assert_allclose(found.chroma[:, 5, 5], colour[:, 0, 0] / luminance, rtol=1e-4)
    np.testing.assert_allclose(found.gain, luminance / 0.1, rtol=1e-4)


def test_where_there_is_no_light_what_is_known_stays() -> None:
    rng = np.random.default_rng(0)
    loud = colour_noise(MATRIX32, np.ones(3, np.float32), np.ones(3, np.float32), 0.0, 1.0)
    colour = rng.normal(0.001, 1, (3, 64, 64)).astype(np.float32)
    light = np.full((64, 64), 0.001, np.float32)
    above = neutral((64, 64))
    found = guided(colour, light, Scale(4, 6, 10), loud, 1, above, 100.0)
    found = detailed(colour, light, 2, loud, found)
    np.testing.assert_allclose(found.chroma, 1, atol=0.15)
    np.testing.assert_allclose(found.gain, 1, atol=0.15)
    coarsest = coarse(colour, light, Scale(4, 0, 0, twice=True), loud, 1, None)
    np.testing.assert_allclose(coarsest.chroma, 1, atol=0.15)


def test_detail_comes_from_the_sensor_where_light_is_plenty() -> None:
    rng = np.random.default_rng(0)
    texture = rng.uniform(0.1, 0.3, (32, 32)).astype(np.float32)
    colour = np.stack([texture] * 3)
    smooth = np.full((32, 32), 0.2, np.float32)
    found = detailed(colour, smooth, 2, SILENT, neutral((32, 32)))
    np.testing.assert_allclose(found.gain * smooth, texture, rtol=1e-4)


@given(seed=st.integers(0, 1000))
def test_mixing_is_a_product_of_matrices(seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(5, 3)).astype(np.float32)
    planes = rng.normal(size=(3, 7, 9)).astype(np.float32)
    np.testing.assert_allclose(mix(matrix, planes), np.tensordot(matrix, planes, 1), atol=1e-5)


@given(times=st.sampled_from([2, 3, 4, 8]), seed=st.integers(0, 1000))
def test_what_is_enlarged_keeps_its_mean_inside_and_what_is_reduced_everywhere(
    times: int, seed: int
) -> None:
    values = np.random.default_rng(seed).normal(size=(6, 5)).astype(np.float32)
    small = reduce(np.kron(values, np.ones((times, times), np.float32)), times)
    np.testing.assert_allclose(small, values, atol=1e-5)
    grown = Estimate(np.stack([values] * 3), values).enlarged(times)
    assert grown.chroma.shape == (3, 6 * times, 5 * times)
    flat = Estimate(np.ones((3, 4, 4), np.float32), np.ones((4, 4), np.float32)).enlarged(times)
    assert flat.gain == pytest.approx(np.ones((4 * times, 4 * times)))
