"""What is found of a camera, against what its frames were made by; on small arrays."""

from dataclasses import replace

import numpy as np
import pytest

from rawkit.calibrate import (
    Residuals,
    fit_tails,
    gain_of_patches,
    measure_darkness,
    measure_pair,
    patches_of,
    shading_of,
)
from rawkit.noise import tukey_quantile, tukey_variance
from rawkit.synth import KnownCamera, known_camera

SIZE = (240, 320)


@pytest.fixture(scope="module")
def camera() -> KnownCamera:
    """Return a small camera with stripes."""
    return known_camera("banded", SIZE)


def residuals(shape: float, scale: float, frames: int, step: float) -> Residuals:
    """Return histograms of rounded noise, less the mean of the frames."""
    rng = np.random.default_rng(3)
    noise = scale * tukey_quantile(rng.random((frames, 20_000)), shape)
    pixels = np.rint((rng.uniform(0, 50, 20_000) + noise) / step) * step
    rest = pixels - pixels.mean(axis=0)
    width = float(rest.std() / 64)
    bins = np.clip(rest / width + 1024, 0, 2047).astype(int)
    counts = np.stack([np.bincount(bins[:, k::20].ravel(), minlength=2048) for k in range(20)])
    return Residuals(counts, width, frames, step)


@pytest.mark.parametrize(("shape", "scale", "frames", "step"), [
    (0.12, 0.8, 10, 1.0), (-0.15, 6.0, 10, 2.0), (0.0, 3.0, 2, 1.0), (0.14, 1.4, 4, 2.0),
])  # fmt: skip
def test_shape_and_scale_are_those_of_one_frame(
    shape: float, scale: float, frames: int, step: float
) -> None:
    found = fit_tails(residuals(shape, scale, frames, step))
    assert found.shape == pytest.approx(shape, abs=0.03)
    assert found.scale == pytest.approx(scale, rel=0.04)
    assert found.sigma == pytest.approx(scale * np.sqrt(tukey_variance(shape)), rel=0.02)
    assert abs(found.shape - shape) < 2 * found.shape_half


def test_darkness_is_taken_apart(camera: KnownCamera) -> None:
    iso, mosaic = 1600.0, camera.profile.mosaic
    frames = [camera.expose(iso, 0.0, np.random.default_rng([1, k])) for k in range(8)]
    known = camera.profile.at(iso)
    found = measure_darkness(lambda: iter(frames), mosaic, iso, known.step)
    assert found.frames == 8
    assert found.row.value[0] == pytest.approx(known.row, rel=0.08)
    np.testing.assert_allclose(found.bias.array, camera.profile.planes_at(iso), atol=0.1)
    np.testing.assert_allclose([one.shape for one in found.tails], known.read_shape, atol=0.03)
    assert {tuple(one) for one in camera.profile.hot} == {tuple(one) for one in found.hot}
    shading = replace(camera.profile, ranges=shading_of([found])).shading(iso)
    assert np.sqrt(np.mean((shading - camera.profile.shading(iso)) ** 2)) < 0.2


def test_gain_is_found_from_two_flat_frames_of_different_light(camera: KnownCamera) -> None:
    iso, known = 1600.0, camera.profile.at(1600)
    one, other = (
        camera.expose(iso, camera.wall(iso, share), np.random.default_rng([2, k]))
        for k, share in enumerate((0.4, 0.45))
    )
    mosaic = camera.profile.mosaic
    dark = np.array(mosaic.black_level) + camera.profile.planes_at(iso)
    variance = known.pixel_sigma**2 + known.step**2 / 12
    found = measure_pair(one, other, mosaic, dark, variance, known.white)
    np.testing.assert_allclose(found.gain, known.gain, rtol=0.04)
    assert (np.abs(found.gain - known.gain) < 4 * found.error).all()
    assert set(found.points[:, 0]) == {0, 1, 2, 3}


def test_gain_is_found_from_the_smooth_parts_of_pictures() -> None:
    camera = known_camera("clean")
    iso, known = 6400.0, camera.profile.at(6400)
    mosaic = camera.profile.mosaic
    dark = np.array(mosaic.black_level) + camera.profile.planes_at(iso)
    patches = [
        patches_of(
            camera.expose(iso, camera.view(iso, 0.7, np.random.default_rng(k)),
                          np.random.default_rng([3, k])),
            mosaic, dark, known.white,
        )
        for k in range(2)
    ]  # fmt: skip
    found = gain_of_patches(patches, known.pixel_sigma**2 + 1 / 12)
    assert found is not None
    assert found.gain.mean() == pytest.approx(known.gain.mean(), rel=0.15)
    assert (found.error > 0.05 * found.gain).all()


def test_shading_is_a_line_in_each_range_of_gain() -> None:
    camera = known_camera("clean", SIZE)
    darks = []
    for iso in (400.0, 1600.0, 6400.0):
        frames = [camera.expose(iso, 0.0, np.random.default_rng([int(iso), k])) for k in range(6)]
        darks.append(measure_darkness(lambda: iter(frames), camera.profile.mosaic, iso, 1.0))  # noqa: B023 - called at once
    assert [(one.low, one.high) for one in shading_of(darks)] == [(400, 400), (1600, 6400)]
