"""Sharpness without a reference: its formula written down again, its order, its bands."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.measure import blur_effect

from rawkit.metrics import sharpness

Picture = NDArray[np.float32]


def plain(picture: Picture) -> float:
    """Crete and others 2007, of the whole picture at once."""
    light = picture.astype(np.float64) @ np.array([0.2126, 0.7152, 0.0722])
    blurs = []
    for plane in (light, light.T):
        soft = np.lib.stride_tricks.sliding_window_view(plane, 9, axis=1).mean(-1)
        sharp = np.abs(np.diff(plane[:, 4:-4], axis=1))
        lost = np.maximum(0, sharp - np.abs(np.diff(soft, axis=1)))
        blurs.append(1 - lost.sum() / sharp.sum() if sharp.sum() else 1.0)
    return 1 - max(blurs)


def textured(height: int, width: int, seed: int = 0) -> Picture:
    generator = np.random.default_rng(seed)
    picture: Picture = generator.uniform(0, 1, (height, width, 3)).astype(np.float32)
    return picture


def blurred(picture: Picture, sigma: float) -> Picture:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)


@given(st.integers(12, 600), st.integers(12, 40), st.integers(0, 9))
@settings(max_examples=25)
def test_it_is_the_formula_whatever_the_bands(height: int, width: int, seed: int) -> None:
    picture = textured(height, width, seed)
    assert sharpness(picture) == pytest.approx(plain(picture), abs=1e-5)


def test_blur_lowers_it_step_by_step_and_as_scikit_image_has_it() -> None:
    picture = textured(200, 180)
    found, others = [sharpness(picture)], [blur_effect(picture, channel_axis=-1)]
    for sigma in (0.6, 1.0, 2.0, 4.0):
        soft = blurred(picture, sigma)
        found.append(sharpness(soft))
        others.append(blur_effect(soft, channel_axis=-1))
    assert found == sorted(found, reverse=True)
    assert others == sorted(others)
    assert found[0] > 0.8
    assert found[-1] < 0.4


def test_noise_counts_as_sharpness_as_the_pages_say() -> None:
    smooth = blurred(textured(100, 100), 5)
    noisy = (smooth + 0.1 * textured(100, 100, 1)).astype(np.float32)
    assert sharpness(noisy) > sharpness(smooth) + 0.3


def test_what_is_flat_or_tiny_has_none() -> None:
    assert sharpness(np.full((40, 40, 3), 0.5, np.float32)) == pytest.approx(0)
    assert sharpness(textured(6, 6)) == 0
