"""Mosaics and pictures taken apart by the native module, against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit import native

needs_it = pytest.mark.skipif(not native.BUILT, reason="the native module is not built")


@needs_it
@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 70)),
    more=st.integers(0, 3),
    seed=st.integers(0, 99),
)
def test_a_mosaic_is_packed_and_counted_as_numpy_does(
    size: tuple[int, int], more: int, seed: int
) -> None:
    height, width = size
    generator = np.random.default_rng(seed)
    wide = generator.integers(0, 65536, (2 * height, 2 * width + more), np.uint16)
    mosaic = wide[:, more:]
    planes = np.zeros((4, height, width), np.uint16)
    counts = np.zeros((4, 65536), np.int64)
    native.functions.pack_counted(mosaic, planes, counts)
    for plane, (row, column) in enumerate([(0, 0), (0, 1), (1, 1), (1, 0)]):
        expected = mosaic[row::2, column::2]
        np.testing.assert_array_equal(planes[plane], expected)
        levels, found = np.unique(expected, return_counts=True)
        np.testing.assert_array_equal(counts[plane, levels], found)
        assert counts[plane].sum() == expected.size


@needs_it
@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 200)),
    dtype=st.sampled_from(["uint8", "uint16"]),
    beyond=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    seed=st.integers(0, 99),
)
def test_a_picture_is_split_into_its_channels(
    size: tuple[int, int], dtype: str, beyond: tuple[int, int], seed: int
) -> None:
    generator = np.random.default_rng(seed)
    picture = generator.integers(0, np.iinfo(dtype).max, (*size, 3), dtype, endpoint=True)
    before = np.full((3, size[0] + beyond[0], size[1] + beyond[1]), 205, dtype)
    planes = before.copy()
    native.functions.split_channels(picture, planes)
    before[:, : size[0], : size[1]] = picture.transpose(2, 0, 1)
    np.testing.assert_array_equal(planes, before)
