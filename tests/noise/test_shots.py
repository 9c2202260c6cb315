"""Shorts of longs: the native and the plain way, and the moments that formulas say."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rawkit import native
from rawkit.errors import UsageError
from rawkit.noise import NoiseModel, make_short, tukey_quantile, tukey_variance
from rawkit.noise.shots import _few, _many, _shapes, _side, _tukey, philox
from tests.support.paths import REPOSITORY

QUIET = NoiseModel.of_values(800, 8.0, 0.0, 0.14)
"""Shot noise alone, and nothing that rounding changes."""


def shot(
    planes: np.ndarray, noise: NoiseModel, ratio: float, *, key: int = 1, sample: int = 2
) -> np.ndarray:
    """Return the short of a long whose black level is 500."""
    made = planes.copy()
    make_short(made, [500.0] * 4, noise, ratio, key=key, sample=sample)
    return made


def flat(light: int, size: tuple[int, int] = (256, 512)) -> np.ndarray:
    """Return planes of one light above the black level 500."""
    return np.full((4, *size), 500 + light, np.uint16)


def test_philox_gives_the_numbers_of_its_authors() -> None:
    zeros, ones = np.zeros(1, np.uint32), np.full(1, 2**32 - 1, np.uint32)
    # kat_vectors of Random123.
    for counter, key, rounds, expected in (
        (zeros, 0, 7, (0x5F6FB709, 0x0D893F64, 0x4F121F81, 0x4F730A48)),
        (zeros, 0, 10, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        (ones, 2**32 - 1, 10, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    ):
        found = philox([counter] * 4, [key, key], rounds)
        assert tuple(int(one[0]) for one in found) == expected


@given(
    st.integers(1, 9), st.integers(1, 300), st.floats(0.5, 400), st.floats(0.2, 20),
    st.floats(-0.4, 0.6), st.sampled_from([1.0, 4.0]), st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_the_native_way_makes_the_integers_of_the_plain_one(
    height: int, width: int, ratio: float, gain: float, shape: float, step: float, key: int,
    sample: int,
) -> None:  # fmt: skip
    noise = NoiseModel.of_values(
        800, gain, 2.5, shape, row=1.5, column=0.5, bias=(0.5, -0.25, 1.5, 0), step=step,
        white=15000,
    )  # fmt: skip
    planes = np.random.default_rng(key).integers(0, 16384, (4, height, width), np.uint16)
    plain = planes.copy()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(native, "BUILT", False)
        make_short(plain, [500.0, 512.0, 498.5, 500.0], noise, ratio, key=key, sample=sample)
    make_short(planes, [500.0, 512.0, 498.5, 500.0], noise, ratio, key=key, sample=sample)
    assert native.BUILT
    np.testing.assert_array_equal(planes, plain)


DIGEST = """
import hashlib, numpy as np
from rawkit.noise import NoiseModel, make_short
planes = np.arange(4 * 33 * 517).astype(np.uint16).reshape(4, 33, 517) % 16384
noise = NoiseModel.of_values(800, 1.7, 2.5, -0.1, row=1.5, column=0.5)
make_short(planes, [500.0] * 4, noise, 90, key=3, sample=4)
print(hashlib.sha256(planes.tobytes()).hexdigest())
"""


@pytest.mark.parametrize("level", ["base", "avx2", "off"])
def test_every_processor_makes_the_same(level: str) -> None:
    planes = np.arange(4 * 33 * 517).astype(np.uint16).reshape(4, 33, 517) % 16384
    noise = NoiseModel.of_values(800, 1.7, 2.5, -0.1, row=1.5, column=0.5)
    make_short(planes, [500.0] * 4, noise, 90, key=3, sample=4)
    ended = subprocess.run(
        [sys.executable, "-c", DIGEST], env={**os.environ, "RAWKIT_NATIVE": level},
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ended.stdout.strip() == hashlib.sha256(planes.tobytes()).hexdigest()


@pytest.mark.parametrize("electrons", [0.05, 1, 4, 7.9, 8.1, 30, 400])
def test_electrons_have_the_moments_of_poissons_law(electrons: float) -> None:
    light, ratio = 2000, 2000 / (8 * electrons)
    found = (shot(flat(light), QUIET, ratio).astype(np.float64) - 500) / 8
    count = found.size
    assert abs(found.mean() - electrons) < 5 * np.sqrt(electrons / count)
    assert found.var() == pytest.approx(electrons, rel=0.02)
    if electrons >= 1:
        assert stats.skew(found, axis=None) == pytest.approx(
            electrons**-0.5, abs=5 * np.sqrt(6 / count) + 0.03 * electrons**-0.5
        )


@pytest.mark.parametrize("mean", [0.3, 2.0, 7.99, 8.0, 11.0, 40.0])
def test_electrons_are_distributed_by_poissons_law(mean: float) -> None:
    uniform = ((np.arange(1 << 16) + 0.5) / (1 << 16)).astype(np.float32)
    means = np.full_like(uniform, mean)
    found = _few(means, uniform) if mean < 8 else _many(means, uniform)
    counts = np.arange(int(mean + 8 * np.sqrt(mean) + 8))
    shares = np.searchsorted(np.sort(found), counts, side="right") / len(found)
    assert np.abs(shares - stats.poisson.cdf(counts, mean)).max() < 5e-4


@pytest.mark.parametrize("shape", [-0.3, -0.12, 0.0, 0.05, 0.14, 0.5])
def test_read_noise_has_the_quantiles_of_tukeys_distribution(shape: float) -> None:
    words = np.random.default_rng(0).integers(0, 2**32, 100_000, np.uint32)
    words[:4] = 0, 1, 2**31 - 1, 2**32 - 1
    tail = ((words & 0x7FFFFFFF) + 0.5) * 2.0**-32
    expected = np.where(words >> 31, -1, 1) * tukey_quantile(tail, shape)
    side = np.array(_side(shape), np.float32).tolist()
    found = _tukey(words, np.float32(_shapes(np.array(shape))), side)
    assert (np.abs(found - expected) / (1 + np.abs(expected))).max() < 5e-6


def test_darkness_has_the_variance_and_the_rows_that_were_asked_for() -> None:
    noise = NoiseModel.of_values(
        1600, 2.0, 3.0, -0.1, row=4.0, column=2.0, bias=(1.5, -2.0, 0.0, 3.0)
    )
    found = np.stack([shot(flat(0), noise, 100, sample=n) for n in range(12)]).astype(np.float64)
    found -= 500
    np.testing.assert_allclose(found.mean((0, 2, 3)), noise.bias, atol=0.35)
    single = found - found.mean(3, keepdims=True) - found.mean(2, keepdims=True)
    single += found.mean((2, 3), keepdims=True)
    expected = 9.0 * tukey_variance(-0.1) + 1 / 12
    assert single.var() == pytest.approx(expected, rel=0.02)
    rows, columns = found.mean(3).std((0, 2)), found.mean(2).std((0, 2))
    np.testing.assert_allclose(rows, 4.0, rtol=0.1)
    np.testing.assert_allclose(columns, 2.0, rtol=0.1)
    # R and G1 lie on the same rows of the mosaic, R and G2 on the same columns.
    assert np.corrcoef(found[:, 0].mean(2).ravel(), found[:, 1].mean(2).ravel())[0, 1] > 0.95
    assert abs(np.corrcoef(found[:, 0].mean(2).ravel(), found[:, 2].mean(2).ravel())[0, 1]) < 0.1
    assert np.corrcoef(found[:, 0].mean(1).ravel(), found[:, 3].mean(1).ravel())[0, 1] > 0.9


def test_values_are_cut_off_and_rounded_to_steps() -> None:
    noise = NoiseModel.of_values(800, 1.7, 3.0, 0.14, step=4, white=2000)
    found = shot(flat(15000), noise, 1.0)
    assert found.max() == 2000
    assert not (found % 4).any()


def test_other_samples_and_keys_have_other_noise() -> None:
    first = shot(flat(300), QUIET, 10)
    np.testing.assert_array_equal(first, shot(flat(300), QUIET, 10))
    for other in ({"sample": 3}, {"key": 5}, {"sample": 2 + (1 << 40)}, {"key": 1 + (1 << 40)}):
        assert (shot(flat(300), QUIET, 10, **other) != first).mean() > 0.5


def test_planes_of_another_kind_and_ratios_that_are_none_are_refused() -> None:
    with pytest.raises(UsageError, match="the four of a Bayer mosaic"):
        make_short(np.zeros((9, 4, 4), np.uint16), [0] * 9, QUIET, 1, key=0, sample=0)
    with pytest.raises(UsageError, match="a number above 0"):
        shot(flat(1), QUIET, 0)
