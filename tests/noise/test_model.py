"""The noise of one ISO, and the distribution of read noise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.errors import UsageError
from rawkit.noise import NORMAL_SHAPE, NoiseModel, normal_scale, tukey_quantile, tukey_variance


@pytest.mark.parametrize("shape", [-0.3, -0.05, 0.0, 1e-5, 0.14, 1.0, 2.0])
def test_the_variance_is_that_of_the_quantiles(shape: float) -> None:
    # The mean square of the quantile function is the variance; towards the ends it is steep.
    t = np.linspace(-40, 40, 200_001)
    p = 1 / (1 + np.exp(-t))
    inside = (p > 0) & (p < 1)
    q = tukey_quantile(p[inside], shape)
    density = (p * (1 - p))[inside]
    assert tukey_variance(shape) == pytest.approx(np.trapezoid(q**2 * density, t[inside]), rel=2e-3)


@given(st.floats(-0.45, 1.0), st.lists(st.floats(0.001, 0.999), min_size=2, unique=True))
def test_quantiles_rise_and_are_symmetric(shape: float, places: list[float]) -> None:
    p = np.sort(places)
    q = tukey_quantile(p, shape)
    assert (np.diff(q) >= 0).all()
    np.testing.assert_allclose(q, -tukey_quantile(1 - p, shape), atol=1e-9)


def test_a_normal_distribution_is_nearly_one() -> None:
    p = np.array([0.01, 0.1, 0.5, 0.8, 0.99])
    normal = [-2.326, -1.2816, 0.0, 0.8416, 2.326]
    np.testing.assert_allclose(
        tukey_quantile(p, NORMAL_SHAPE) * normal_scale(1.0), normal, atol=0.03
    )


def test_sigma_is_of_all_noise() -> None:
    model = NoiseModel.of_values(800, 2.0, normal_scale(3.0), NORMAL_SHAPE, row=1.0, column=0.5)
    np.testing.assert_allclose(model.pixel_sigma, 3.0)
    np.testing.assert_allclose(model.sigma, np.sqrt(9 + 1 + 0.25 + 1 / 12))
    assert model.planes == 4


@pytest.mark.parametrize(
    "wrong",
    [{"gain": 0.0}, {"read_scale": -1.0}, {"read_shape": -0.6}, {"row": -0.1}, {"iso": 0.0},
     {"step": 0.0}, {"white": float("inf")}],
)  # fmt: skip
def test_what_can_be_no_noise_is_refused(wrong: dict[str, float]) -> None:
    numbers = {"iso": 100.0, "gain": 1.0, "read_scale": 1.0, "read_shape": 0.1} | wrong
    with pytest.raises(UsageError, match="expected finite numbers"):
        NoiseModel.of_values(**numbers)  # type: ignore[arg-type]
