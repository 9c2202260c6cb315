"""The amplifier against the published formula, written down as 127 masks over pixels."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from rawkit import native
from rawkit.sensor import (
    XTRANS,
    Exposure,
    Mosaic,
    RawImage,
    WhiteBalance,
    amplification_base,
    amplifier,
    decode,
    pack,
    pack_and_count,
    plane_histograms,
)
from rawkit.sensor.amplifier import bin_edges, bin_weights, normalise
from tests.support.strategies import mosaics, phases

MOSAIC = Mosaic(
    pattern=((0, 1), (3, 2)),
    black_level=(512.0, 512.0, 512.0, 512.0),
    white_level=16383.0,
    camera_white_level=None,
    raw_height=0,
    raw_width=0,
    top=0,
    left=0,
    height=0,
    width=0,
    pixel_aspect=1.0,
)
CELLS: tuple[tuple[tuple[int, ...], ...], ...] = (
    ((0, 1), (3, 2)),
    ((2, 3), (1, 0)),
    ((1, 0), (2, 3)),
    ((3, 2), (0, 1)),
)


def image_of(pixels: NDArray[np.uint16], **changes: object) -> RawImage:
    mosaic = replace(MOSAIC, height=pixels.shape[0], width=pixels.shape[1], **changes)  # type: ignore[arg-type]  # fields of Mosaic by name
    balance = WhiteBalance((1.0, 1.0, 1.0, 1.0), "camera")
    return RawImage(pixels, mosaic, balance, Exposure(None, None, None))


def normalised_pixels(image: RawImage) -> NDArray[np.float32]:
    """Normalise every pixel by the black level of its plane, pixel by pixel."""
    black = np.empty(image.pixels.shape, np.float32)
    for (y, x, _), level in zip(image.mosaic.positions(), image.mosaic.black_level, strict=True):
        black[y::2, x::2] = level
    lifted = np.maximum(image.pixels.astype(np.float32) - black, np.float32(0))
    x01: NDArray[np.float32] = lifted / (np.float32(image.mosaic.white_level) - black)
    return x01


def published_base(x: NDArray[np.float32]) -> float:
    """Follow the formula mask by mask."""
    edges = [np.float32((2 ** (8 * i / 127) - 1) / 255) for i in range(128)]
    weights = [np.float32(10 ** (5 - 5 * i / 126) / 10**5) for i in range(127)]
    weight_sum = signal_sum = 0.0
    for i, weight in enumerate(weights):
        inside = x[(x >= edges[i]) & (x < edges[i + 1])].astype(np.float64)
        weight_sum += float(weight) * inside.size
        signal_sum += float(weight) * float(inside.sum())
    return float(np.clip(0.01 * weight_sum / signal_sum, 1, 300))


def test_the_bins_are_the_published_ones() -> None:
    edges, weights = bin_edges(), bin_weights()
    assert edges.shape == (128,)
    assert weights.shape == (127,)
    assert edges[0] == 0
    assert edges[-1] == 1
    np.testing.assert_allclose(edges, [(2 ** (8 * i / 127) - 1) / 255 for i in range(128)], 1e-6)
    np.testing.assert_allclose(weights, [10 ** (-5 * i / 126) for i in range(127)], 1e-6)
    assert (np.diff(edges) > 0).all()
    assert (np.diff(weights) < 0).all()


@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(2, 24), st.integers(2, 24)),
    black=st.tuples(*[st.integers(0, 2100).map(float)] * 4),
    span=st.integers(100, 60000),
    top=st.integers(2, 65535),
    cell=st.sampled_from(CELLS),
)
def test_the_histogram_gives_what_127_masks_give(
    seed: int,
    shape: tuple[int, int],
    black: tuple[float, float, float, float],
    span: int,
    top: int,
    cell: tuple[tuple[int, ...], ...],
) -> None:
    pixels = np.random.default_rng(seed).integers(0, top, shape, dtype=np.uint16)
    image = image_of(pixels, black_level=black, white_level=max(black) + span, pattern=cell)
    x = normalised_pixels(image)
    if x[x < 1].sum() > 0:  # the others are the edge cases below
        assert amplification_base(image) == pytest.approx(published_base(x), rel=1e-6)


@pytest.mark.parametrize("name", ["CANON_EOS_D30_5s.CRW", "RAW_KODAK_DC50.KDC"])
def test_real_files_are_amplified_as_published(real_data: Path, name: str) -> None:
    image = decode(real_data / name)
    expected = published_base(normalised_pixels(image))
    assert amplification_base(image) == pytest.approx(expected, rel=1e-6)


def test_a_uniform_dark_mosaic_is_brought_to_a_mean_of_one_hundredth() -> None:
    image = image_of(np.full((8, 8), 512 + 16, np.uint16))
    assert amplification_base(image) == pytest.approx(0.01 * (16383 - 512) / 16, rel=1e-6)


def test_nothing_above_black_takes_the_largest_amplification() -> None:
    assert amplification_base(image_of(np.full((8, 8), 512, np.uint16))) == 300
    assert amplification_base(image_of(np.zeros((8, 8), np.uint16))) == 300


def test_a_mosaic_that_saturates_everywhere_is_not_amplified() -> None:
    assert amplification_base(image_of(np.full((8, 8), 16383, np.uint16))) == 1
    assert amplification_base(image_of(np.full((8, 8), 65535, np.uint16))) == 1


def test_saturated_pixels_weigh_nothing() -> None:
    dark = np.full((8, 8), 512 + 16, np.uint16)
    partly = dark.copy()
    partly[:4] = 16383
    assert amplification_base(image_of(partly)) == amplification_base(image_of(dark))


def test_a_bright_picture_is_not_darkened() -> None:
    assert amplification_base(image_of(np.full((8, 8), 12000, np.uint16))) == 1


def test_sixteen_units_of_black_level_change_the_estimate_at_once() -> None:
    pixels = np.random.default_rng(0).integers(512, 560, (64, 64), dtype=np.uint16)
    right = amplification_base(image_of(pixels))
    wrong = amplification_base(image_of(pixels, black_level=(496.0,) * 4))
    assert abs(right / wrong - 1) > 0.2


def test_normalising_clips_at_black_but_not_at_white() -> None:
    values = np.array([0, 512, 16383, 20000], np.uint16)
    found = normalise(values, 512, 16383)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [0, 0, 1, (20000 - 512) / (16383 - 512)], rtol=1e-6)


@given(st.integers(0, 2**32 - 1))
def test_levels_normalised_after_packing_are_those_of_the_mosaic(seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 16384, (6, 8), dtype=np.uint16)
    black = (500.0, 510.0, 520.0, 530.0)
    image = image_of(pixels, black_level=black)
    planes = pack(pixels)
    by_plane = np.stack(
        [normalise(plane, level, 16383) for plane, level in zip(planes, black, strict=True)]
    )
    np.testing.assert_array_equal(by_plane, pack(normalised_pixels(image)))


@given(mosaics(dtype="uint16"), phases)
def test_counting_packed_planes_counts_every_pixel_of_the_visible_area(
    pixels: NDArray[np.uint16], phase: tuple[int, int]
) -> None:
    pattern = tuple(
        tuple(MOSAIC.pattern[(y - phase[0]) % 2][(x - phase[1]) % 2] for x in range(2))
        for y in range(2)
    )
    image = image_of(pixels, pattern=pattern)
    assert image.mosaic.phase == phase
    expected = np.zeros((4, 65536), np.int64)
    for y, x, plane in image.mosaic.positions():
        np.add.at(expected[plane], pixels[y::2, x::2].ravel(), 1)
    np.testing.assert_array_equal(plane_histograms(image), expected)
    np.testing.assert_array_equal(plane_histograms(image, pack(pixels, phase)), expected)
    wide = np.zeros((pixels.shape[0] + 1, pixels.shape[1] + 3), np.uint16)
    wide[1:, 2:-1] = pixels
    spread = np.zeros((pixels.shape[0], 2 * pixels.shape[1]), np.uint16)
    spread[:, ::2] = pixels
    for built in {native.BUILT, False}:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(native, "BUILT", built)
            for view in (pixels, wide[1:, 2:-1], spread[:, ::2]):
                planes, counts = pack_and_count(image_of(view, pattern=pattern))
                np.testing.assert_array_equal(planes, pack(pixels, phase))
                np.testing.assert_array_equal(counts, expected)


@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.integers(0, 5))
def test_counting_packed_planes_of_xtrans_counts_what_the_crop_drops(
    top: int, left: int, more_rows: int, more_columns: int
) -> None:
    cell = np.array(XTRANS.pattern())
    pattern = tuple(map(tuple, np.roll(cell, (top, left), (0, 1)).tolist()))
    shape = (top + 12 + more_rows, left + 12 + more_columns)
    pixels = np.random.default_rng(0).integers(0, 65536, shape, np.uint16)
    image = image_of(pixels, pattern=pattern, black_level=(512.0,) * 9)
    packed = pack(pixels, image.mosaic.phase, XTRANS)
    np.testing.assert_array_equal(plane_histograms(image, packed), plane_histograms(image))
    planes, counts = pack_and_count(image)
    np.testing.assert_array_equal(planes, packed)
    np.testing.assert_array_equal(counts, plane_histograms(image))
    assert plane_histograms(image, packed).sum() == pixels.size


def test_more_pixels_of_one_level_than_float32_counts_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    planes = np.full((4, 2049, 8193), 7, np.uint16)
    pixels = np.broadcast_to(np.uint16(7), (2 * 2049, 2 * 8193))
    monkeypatch.setattr(amplifier, "_count_block", lambda *_: None)  # the crop drops nothing
    found = plane_histograms(image_of(pixels), planes)
    assert found[:, 7].tolist() == [2049 * 8193] * 4
    assert 2049 * 8193 > 2**24
