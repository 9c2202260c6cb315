"""The matrix LibRaw renders with is found, and an absurd one refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rawkit.colour import find_matrix
from rawkit.colour.matrix import IDENTITY
from tests.colour.scenes import MATRIX

numbers = st.floats(allow_nan=True, allow_infinity=True, width=32)


def test_a_files_matrix_comes_first() -> None:
    found = find_matrix(np.pad(MATRIX, ((0, 0), (0, 1))), np.eye(4, 3))
    assert found.source == "file"
    np.testing.assert_allclose(found.array(), MATRIX / MATRIX.sum(1, keepdims=True), rtol=1e-6)


def test_the_table_gives_the_same_matrix_as_the_file_that_was_made_from_it() -> None:
    table = find_matrix(MATRIX, None).xyz_to_camera() * np.array([[0.5], [1.0], [0.7]])
    found = find_matrix(np.zeros((3, 4)), np.vstack([table, np.zeros(3)]))
    assert found.source == "libraw"
    np.testing.assert_allclose(found.array(), MATRIX / MATRIX.sum(1, keepdims=True), atol=1e-6)


def test_neutral_stays_neutral() -> None:
    for found in (find_matrix(MATRIX * 1.1, None), find_matrix(None, None, MATRIX)):
        np.testing.assert_allclose(found.array().sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("of_file", "of_table"),
    [
        (None, None),
        (np.zeros((3, 4)), np.zeros((4, 3))),
        (np.full((3, 3), np.nan), None),
        (np.ones((3, 3)), None),
        (np.array([[1, 0, 0, 0], [0, 1, 0, 0.5], [0, 0, 1, 0]]), None),
        (np.array([[9.0, -8, 0], [0, 1, 0], [0, 0, 1]]) * 2, None),
        (-MATRIX, None),
        (None, np.ones((4, 3))),
        (None, np.full((3, 3), np.inf)),
        (None, np.vstack([np.ones((3, 3)), [0.1, 0.2, 0.3]])),
    ],
)
def test_absurd_ones_are_none_and_say_why(
    of_file: np.ndarray | None, of_table: np.ndarray | None
) -> None:
    found = find_matrix(of_file, of_table)
    assert (found.values, found.source) == (IDENTITY, "none")
    assert found.reason


@given(
    hnp.arrays(np.float32, (3, 4), elements=numbers),
    hnp.arrays(np.float32, (4, 3), elements=numbers),
)
def test_whatever_is_there_a_usable_matrix_comes_back(
    of_file: np.ndarray, of_table: np.ndarray
) -> None:
    with np.errstate(all="ignore"):
        found = find_matrix(of_file, of_table, of_table[:3])
    values = found.array()
    assert np.isfinite(values).all()
    assert np.isfinite(np.linalg.inv(values)).all()
    np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-4)


def test_what_libraw_renders_cameras_with_that_it_does_not_know_is_none() -> None:
    assert find_matrix(None, None, np.eye(3) + 0.002).source == "none"
    assert find_matrix(None, None, MATRIX).source == "libraw"
