"""A camera's matrix is turned round, and an absurd one refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rawkit.colour import matrix_of
from rawkit.colour.matrix import IDENTITY
from rawkit.errors import UsageError
from rawkit.sensor import ColourMatrix
from tests.colour.scenes import MATRIX, XYZ_OF_RGB, XYZ_TO_CAMERA


def of(values: np.ndarray, source: str = "file") -> ColourMatrix:
    return ColourMatrix(tuple(values.ravel().tolist()), source)


@pytest.mark.parametrize("source", ["file", "libraw"])
@pytest.mark.parametrize("gains", [(1, 1, 1), (0.5, 1, 0.7)])
def test_it_is_the_one_that_the_camera_was_made_with_however_it_is_scaled(
    source: str, gains: tuple[float, float, float]
) -> None:
    found = matrix_of(of(XYZ_TO_CAMERA * np.array(gains)[:, None], source))
    assert (found.source, found.reason) == (source, None)
    np.testing.assert_allclose(found.array(), MATRIX, atol=1e-6)
    np.testing.assert_allclose(found.xyz_to_camera(), XYZ_TO_CAMERA, atol=1e-6)


@pytest.mark.parametrize(
    "values",
    [
        -np.eye(3)[::-1],
        np.linalg.inv(XYZ_OF_RGB)[::-1],
        np.array([[1.0, 0.99, 0.99], [0.99, 1, 0.99], [0.99, 0.99, 1]]) @ np.linalg.inv(XYZ_OF_RGB),
    ],
)
def test_absurd_ones_are_none_and_say_why(values: np.ndarray) -> None:
    found = matrix_of(of(values))
    assert (found.values, found.source) == (IDENTITY, "none")
    assert found.reason


def test_no_matrix_is_none() -> None:
    found = matrix_of(None)
    assert (found.values, found.source) == (IDENTITY, "none")
    assert found.reason


@given(hnp.arrays(np.float32, (3, 3), elements=st.floats(-3, 3, width=32)))
def test_whatever_is_there_a_usable_matrix_comes_back(values: np.ndarray) -> None:
    try:
        said = of(values)
    except UsageError:
        assume(condition=False)
    found = matrix_of(said).array()
    assert np.isfinite(found).all()
    assert np.isfinite(np.linalg.inv(found)).all()
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-4)
