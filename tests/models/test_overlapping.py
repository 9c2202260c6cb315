"""Pictures made in overlapping patches: every pixel once, blended, exact where nothing is far."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.functional import interpolate

from rawkit.cli._patches import TIMES_AND_SIDE
from rawkit.errors import UsageError
from rawkit.models import (
    PATCH,
    AmplifiedMosaic,
    Geometry,
    Overlap,
    build,
    overlapped_bands,
    padding_for,
    prepare,
    restore_bands,
)
from rawkit.models.overlapping import starts, tent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rawkit.models import Staged


class Pointwise(nn.Module):
    """A network that looks at no neighbours: whatever is cut, it makes the same."""

    geometry = Geometry(multiple=4, features=0, squeeze_halo=0, render_multiple=4, render_halo=0,
                        render_tile=64)  # fmt: skip

    def squeeze(self, mosaic: Tensor) -> Tensor:
        """Do nothing; it has no features."""
        return mosaic

    def look_far(self, squeezed: Tensor) -> Tensor:
        """Do nothing."""
        return squeezed

    def render(self, mosaic: Tensor, features: Tensor) -> Tensor:  # noqa: ARG002 - the protocol's
        """Make a picture of each pixel by itself."""
        return torch.cat([mosaic, mosaic**2, mosaic / 2], 1)


class PatchMean(Pointwise):
    """A network whose every pixel depends on all of its patch."""

    def render(self, mosaic: Tensor, features: Tensor) -> Tensor:  # noqa: ARG002 - the protocol's
        """Make the mean of the patch."""
        mean = mosaic.mean((2, 3), keepdim=True)
        return interpolate(mean, mosaic.shape[2:]).expand(-1, 3, -1, -1)


def mosaic_of(pixels: NDArray[np.uint16], phase: tuple[int, int], multiple: int) -> AmplifiedMosaic:
    height, width = pixels.shape
    padding = padding_for(height, width, phase, multiple)
    cell = np.ones((2, 2), np.float32)
    return AmplifiedMosaic(pixels, 0 * cell, 1000 * cell, 1.0, padding)


def whole(bands: Iterator[tuple[int, NDArray[np.float32]]], height: int) -> NDArray[np.float32]:
    """Join bands, which follow each other without a gap."""
    parts, done = [], 0
    for top, band in bands:
        assert top == done
        done += len(band)
        parts.append(band)
    assert done == height
    return np.concatenate(parts)


@given(
    st.integers(4, 40), st.integers(4, 40), st.integers(1, 4), st.sampled_from([8, 12, 24]),
    st.sampled_from([(0, 0), (0, 1), (1, 0), (1, 1)]),
)  # fmt: skip
@settings(max_examples=60)
def test_every_pixel_is_made_and_blending_changes_none_that_is_the_same_in_all_patches(
    height: int, width: int, times: int, side: int, phase: tuple[int, int]
) -> None:
    pixels = np.random.default_rng(height).integers(0, 1000, (height, width), np.uint16)
    mosaic = mosaic_of(pixels, phase, 4)
    found = whole(overlapped_bands(Pointwise(), mosaic, Overlap(times, side)), height)
    light = pixels.astype(np.float32) / 1000
    expected = np.stack([light, light**2, light / 2], -1)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@given(st.integers(4, 99), st.sampled_from([4, 8, 12]), st.integers(1, 4))
def test_a_pixel_lies_in_as_many_patches_as_asked_for(length: int, side: int, times: int) -> None:
    times = min(times, side // 2)
    overlap = Overlap(times, side)
    counts = np.zeros(length, int)
    for start in starts(length, side, overlap.stride):
        counts[start : start + side] += 1
    assert counts.min() >= 1
    inner = counts[side : max(side, length - 2 * side)]
    if side % (2 * times) == 0 and len(inner):
        assert set(inner.tolist()) == {times}


def test_overlaps_soften_borders_and_patches_side_by_side_show_them() -> None:
    pixels = np.tile(np.arange(96, dtype=np.uint16) * 10, (96, 1))
    mosaic = mosaic_of(pixels, (0, 0), 4)
    steps = []
    for times in (1, 2, 3):
        found = whole(overlapped_bands(PatchMean(), mosaic, Overlap(times, 24)), 96)
        steps.append(float(np.abs(np.diff(found[48, :, 0])).max()))
    assert steps[0] == pytest.approx(0.24)  # the means of neighbouring patches
    assert steps[0] > 15 * max(steps[1:])


def test_blended_weights_of_two_patches_sum_to_one() -> None:
    weights = tent(8)
    np.testing.assert_allclose(weights[:4] + weights[4:], 4)
    np.testing.assert_array_equal(weights, weights[::-1])


@pytest.mark.parametrize("network", ["lamba2021", "sid"])
def test_a_network_sees_less_in_patches_than_whole(network: str) -> None:
    torch.manual_seed(0)
    net = prepare(build(network))
    pixels = np.random.default_rng(0).integers(0, 1000, (130, 100), np.uint16)
    mosaic = mosaic_of(pixels, (0, 0), 32)
    staged: Staged = net  # type: ignore[assignment] # both are in stages
    exact = whole(restore_bands(staged, mosaic), 130)
    one = whole(overlapped_bands(staged, mosaic, Overlap(1, 160)), 130)
    np.testing.assert_allclose(one, exact, atol=1e-5)  # a patch that holds all
    less = whole(overlapped_bands(staged, mosaic, Overlap(2, 64)), 130)
    assert less.shape == exact.shape
    assert np.abs(less - exact).max() > 1e-5


@pytest.mark.parametrize("case", [(0, 96), (49, 96)])
def test_overlaps_that_make_no_sense_are_refused(case: tuple[int, int]) -> None:
    with pytest.raises(UsageError):
        Overlap(*case)


def test_patches_that_a_network_cannot_take_are_refused_with_those_that_it_can() -> None:
    with pytest.raises(UsageError, match="patches of 100 pixels") as caught:
        Overlap(2, 100).check(32)
    assert caught.value.fix == "Use --overlap 2x96."


def test_the_side_is_the_library_s_unless_it_is_named() -> None:
    assert TIMES_AND_SIDE.convert("3", None, None) == (3, PATCH)
    assert TIMES_AND_SIDE.convert("2x128", None, None) == (2, 128)
