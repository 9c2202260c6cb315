"""Padding of a mosaic: an inverse, numpy's reflection, and the same colours as before."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rawkit.errors import UsageError
from rawkit.models import Padding, padding_for
from tests.support.strategies import phases

sides = st.integers(2, 70)
multiples = st.sampled_from([2, 4, 8, 16, 32])


@st.composite
def paddings(draw: st.DrawFn) -> Padding:
    return padding_for(draw(sides), draw(sides), draw(phases), draw(multiples))


def numbered(padding: Padding) -> torch.Tensor:
    """Return a mosaic whose values say where they are, (1, 1, H, W)."""
    count = padding.height * padding.width
    return torch.arange(float(count)).reshape(1, 1, padding.height, padding.width)


@given(paddings())
def test_cutting_undoes_padding(padding: Padding) -> None:
    mosaic = numbered(padding)
    assert torch.equal(padding.cut(padding.apply(mosaic)), mosaic)


@given(sides, sides, phases, multiples)
def test_padded_sides_are_the_next_multiples(
    height: int, width: int, phase: tuple[int, int], multiple: int
) -> None:
    padding = padding_for(height, width, phase, multiple)
    shape = padding.apply(numbered(padding)).shape[-2:]
    assert shape == (padding.padded_height, padding.padded_width)
    for total, length, before in zip(shape, (height, width), phase, strict=True):
        assert total % multiple == 0
        assert 0 <= total - length - before < multiple


@given(paddings())
def test_padding_is_the_reflection_that_leaves_out_the_edge(padding: Padding) -> None:
    below = padding.padded_height - padding.height - padding.top
    right = padding.padded_width - padding.width - padding.left
    mosaic = numbered(padding)
    expected = np.pad(
        mosaic[0, 0].numpy(), ((padding.top, below), (padding.left, right)), mode="reflect"
    )
    np.testing.assert_array_equal(padding.apply(mosaic)[0, 0].numpy(), expected)


@given(sides, sides, phases, multiples)
def test_every_padded_pixel_copies_one_of_its_own_colour_and_red_comes_first(
    height: int, width: int, phase: tuple[int, int], multiple: int
) -> None:
    padding = padding_for(height, width, phase, multiple)
    rows, columns = np.mgrid[0:height, 0:width]
    # 0 red, 1 and 2 the greens, 3 blue.
    colours = 2 * ((rows - phase[0]) % 2) + (columns - phase[1]) % 2
    padded = padding.apply(torch.from_numpy(colours)[None, None])[0, 0].numpy()
    rows, columns = np.mgrid[0 : padding.padded_height, 0 : padding.padded_width]
    np.testing.assert_array_equal(padded, 2 * (rows % 2) + columns % 2)


def test_what_fits_already_is_left_as_it_is() -> None:
    padding = padding_for(64, 32, (0, 0), 32)
    assert (padding.padded_height, padding.padded_width) == (64, 32)
    assert torch.equal(padding.apply(numbered(padding)), numbered(padding))


@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (0, 40)])
def test_a_mosaic_without_neighbours_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match=f"{shape[0]}x{shape[1]}"):
        padding_for(*shape, (0, 0), 32)
