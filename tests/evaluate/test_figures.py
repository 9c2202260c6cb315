"""PSNR, SSIM, MS-SSIM and colour differences, held to scikit-image, torchmetrics and arithmetic."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage.color import deltaE_ciede2000, xyz2lab
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    structural_similarity_index_measure,
)

from rawkit.errors import UsageError
from rawkit.evaluate.colour import XYZ_OF_RGB, colour_error, delta_e, lab_of
from rawkit.evaluate.measure import prepared
from rawkit.metrics.similarity import LUMA, SSIM_VARIANTS, ms_ssim, psnr, ssim
from rawkit.pictures.curve import encoded_of, linear_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[np.float32]

NEAR = 1e-4


def picture_pair(seed: int, shape: tuple[int, int] = (301, 322)) -> tuple[Picture, Picture]:
    """Return a smooth picture with noise, and without."""
    rng = np.random.default_rng(seed)
    smooth = cv2.GaussianBlur(rng.random((*shape, 3)).astype(np.float32), (0, 0), 3 + seed)
    truth = (smooth - smooth.min()) / (smooth.max() - smooth.min())
    noise = rng.normal(0, 0.02 + 0.05 * seed, truth.shape).astype(np.float32)
    return np.clip(truth * np.float32(1 - 0.1 * seed) + noise, 0, 1), truth


def tensor(picture: Picture) -> torch.Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)[None]


@pytest.mark.parametrize("seed", range(4))
def test_psnr_is_scikit_image_s(seed: int) -> None:
    restored, truth = picture_pair(seed)
    assert (
        abs(psnr(restored, truth) - peak_signal_noise_ratio(truth, restored, data_range=1)) < NEAR
    )


def test_psnr_of_equal_pictures_is_infinite() -> None:
    restored, _ = picture_pair(1)
    assert psnr(restored, restored) == math.inf


@pytest.mark.parametrize("seed", range(4))
def test_ssim_is_scikit_image_s(seed: int) -> None:
    restored, truth = picture_pair(seed)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    expected = {
        "gaussian": structural_similarity(truth, restored, channel_axis=2, data_range=1, **options),
        "uniform": structural_similarity(truth, restored, channel_axis=2, data_range=1),
        "luminance": structural_similarity(
            truth @ np.array(LUMA), restored @ np.array(LUMA), data_range=1, **options
        ),
    }
    assert expected.keys() == SSIM_VARIANTS.keys()
    found = {name: ssim(restored, truth, one) for name, one in SSIM_VARIANTS.items()}
    for name, value in expected.items():
        assert abs(found[name] - value) < NEAR, name
    assert len({round(value, 3) for value in found.values()}) == 3, "variants that do not differ"


@pytest.mark.parametrize("seed", range(4))
def test_ssim_is_that_of_torchmetrics_where_its_windows_lie_within_the_picture(seed: int) -> None:
    restored, truth = picture_pair(seed)
    # Its mean counts windows over reflected borders too; its map has both.
    _, whole = structural_similarity_index_measure(
        tensor(restored), tensor(truth), data_range=1.0, return_full_image=True
    )
    inner = float(whole[..., 5:-5, 5:-5].mean())
    assert abs(ssim(restored, truth, SSIM_VARIANTS["gaussian"]) - inner) < NEAR


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("shape", [(512, 640), (601, 767)])
def test_ms_ssim_is_that_of_torchmetrics(seed: int, shape: tuple[int, int]) -> None:
    # At the coarsest scale alone torchmetrics counts windows over reflected borders: with very
    # small pictures that tells.
    restored, truth = picture_pair(seed, shape)
    expected = float(
        multiscale_structural_similarity_index_measure(
            tensor(restored), tensor(truth), data_range=1.0
        )
    )
    assert abs(ms_ssim(restored, truth, SSIM_VARIANTS["gaussian"]) - expected) < NEAR


def test_similarity_does_not_depend_on_the_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    restored, truth = picture_pair(2)
    variant = SSIM_VARIANTS["gaussian"]
    before = ssim(restored, truth, variant), psnr(restored, truth)
    monkeypatch.setattr("rawkit.metrics.similarity._BAND", 7)
    after = ssim(restored, truth, variant), psnr(restored, truth)
    assert after == pytest.approx(before, rel=1e-12)


def test_pictures_that_are_too_small_for_the_window_are_refused() -> None:
    small = np.zeros((100, 100, 3), np.float32)
    with pytest.raises(UsageError, match="MS-SSIM of a picture of 100x100"):
        ms_ssim(small, small, SSIM_VARIANTS["gaussian"])
    with pytest.raises(UsageError, match="SSIM of a picture"):
        ssim(small[:6], small[:6], SSIM_VARIANTS["uniform"])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_delta_e_and_lab_are_scikit_image_s(dtype: type) -> None:
    rng = np.random.default_rng(3)
    one, other = rng.random((2, 120, 90, 3)).astype(dtype)
    other[:40] = np.clip(one[:40] + 0.02 * other[:40], 0, 1)  # near colours, small differences
    other[-5:] = other[-5:, :, :1]  # greys, which have no hue
    first, second = lab_of(one), lab_of(other)
    light = linear_of(one.astype(np.float64))
    expected = xyz2lab(light @ np.array(XYZ_OF_RGB).T, illuminant="D65", observer="2")
    np.testing.assert_allclose(first, expected, atol=NEAR if dtype is np.float64 else 1e-3)
    wanted = deltaE_ciede2000(first.astype(np.float64), second.astype(np.float64))
    np.testing.assert_allclose(
        delta_e(first, second), wanted, atol=1e-9 if dtype is np.float64 else 1e-2
    )
    found = colour_error(one, other)
    assert abs(found.delta_e - float(wanted.mean())) < NEAR


def test_white_and_grey_have_no_colour() -> None:
    grey = np.linspace(0, 1, 11)[:, None] * np.ones(3)
    lab = lab_of(grey)
    np.testing.assert_allclose(lab[:, 1:], 0, atol=0.01)  # the matrix is rounded to six digits
    assert lab[0, 0] == pytest.approx(0, abs=1e-3)
    assert lab[-1, 0] == pytest.approx(100, abs=1e-3)


def of_lab(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """Invert `lab_of`, for colours within the gamut."""
    y = (lab[..., 0] + 16) / 116
    f = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], -1)
    xyz = f**3 * np.array([0.95047, 1.0, 1.08883])
    return encoded_of(np.clip(xyz @ np.linalg.inv(np.array(XYZ_OF_RGB)).T, 0, 1))


@given(st.floats(-170, 170), st.integers(0, 100))
def test_hues_that_are_turned_give_the_angle_back(angle: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    lab = np.stack([rng.uniform(55, 65, (12, 9)), *rng.uniform(-12, 12, (2, 12, 9))], -1)
    turn = math.radians(angle)
    turned = lab.copy()
    turned[..., 1] = lab[..., 1] * math.cos(turn) - lab[..., 2] * math.sin(turn)
    turned[..., 2] = lab[..., 1] * math.sin(turn) + lab[..., 2] * math.cos(turn)
    found = colour_error(of_lab(turned), of_lab(lab))
    assert found.hue_shift == pytest.approx(angle, abs=0.05)


def test_a_cast_is_said_as_a_cast() -> None:
    lab = np.tile(np.array([60.0, 3.0, -2.0]), (8, 8, 1))
    purple = lab + np.array([0.0, 10.0, -15.0])
    found = colour_error(of_lab(purple), of_lab(lab))
    assert found.cast_a == pytest.approx(10, abs=0.01)
    assert found.cast_b == pytest.approx(-15, abs=0.01)
    assert found.delta_e > 8


def test_pictures_are_rounded_half_up_and_cut_before_they_are_compared() -> None:
    picture = np.full((6, 8, 3), 0.5 / 255, np.float32)
    picture[0] = 2.0
    rounded = prepared(picture, 8, 0)
    assert rounded[0, 0, 0] == 1
    assert rounded[3, 3, 0] * 255 == pytest.approx(1)
    assert prepared(picture, 8, 2).shape == (2, 4, 3)
    assert prepared(picture, 0, 0)[3, 3, 0] == picture[3, 3, 0]
    sixteen = np.full((4, 4, 3), 257 * 100, np.uint16)
    assert prepared(sixteen, 8, 0)[0, 0, 0] * 255 == pytest.approx(100)
    with pytest.raises(UsageError, match="a border of 3 pixels"):
        prepared(picture, 8, 3)
