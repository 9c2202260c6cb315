"""Packing is a rearrangement: nothing is lost, and every plane has its colour."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from rawkit.errors import UsageError
from rawkit.sensor import Mosaic, pack, phase_crop, unpack
from tests.support.factories import COLOUR_STEP, coloured_mosaic
from tests.support.strategies import mosaics, packed_planes, phases

CELLS: dict[str, tuple[tuple[int, ...], ...]] = {
    "RGGB": ((0, 1), (3, 2)),
    "BGGR": ((2, 3), (1, 0)),
    "GRBG": ((1, 0), (2, 3)),
    "GBRG": ((3, 2), (0, 1)),
}
"""LibRaw colours of the first cell, by its letters."""


def mosaic_of(pattern: str, shape: tuple[int, int]) -> Mosaic:
    height, width = shape
    return Mosaic.without_margins(CELLS[pattern], (height, width), (0.0, 0.0, 0.0, 0.0), 16383.0)


@given(packed_planes())
def test_packing_what_was_unpacked_gives_the_planes_back(planes: NDArray[np.uint16]) -> None:
    np.testing.assert_array_equal(pack(unpack(planes)), planes)


@given(mosaics(), phases)
def test_unpacking_gives_the_whole_cells_of_the_mosaic_back(
    pixels: NDArray[np.uint16], phase: tuple[int, int]
) -> None:
    top, left = phase
    height, width = (pixels.shape[0] - top) // 2 * 2, (pixels.shape[1] - left) // 2 * 2
    restored = unpack(pack(pixels, phase))
    np.testing.assert_array_equal(restored, pixels[top : top + height, left : left + width])


@given(mosaics(), phases)
def test_every_packed_value_comes_from_its_place_in_the_cell(
    pixels: NDArray[np.uint16], phase: tuple[int, int]
) -> None:
    packed = pack(pixels, phase)
    assert packed.dtype == pixels.dtype
    for plane, (down, right) in enumerate([(0, 0), (0, 1), (1, 1), (1, 0)]):
        for y in range(packed.shape[1]):
            for x in range(packed.shape[2]):
                row, column = phase[0] + 2 * y + down, phase[1] + 2 * x + right
                assert packed[plane, y, x] == pixels[row, column]


@given(mosaics(), phases)
def test_the_crop_loses_at_most_one_row_and_column_at_each_end(
    pixels: NDArray[np.uint16], phase: tuple[int, int]
) -> None:
    crop = phase_crop(pixels.shape[0], pixels.shape[1], phase)
    assert (crop.top, crop.left) == phase
    assert crop.height % 2 == crop.width % 2 == 0
    assert 0 <= pixels.shape[0] - crop.top - crop.height <= 1
    assert 0 <= pixels.shape[1] - crop.left - crop.width <= 1


def test_packed_planes_are_contiguous_and_own_their_memory() -> None:
    pixels = coloured_mosaic((6, 8), "RGGB")
    packed = pack(pixels)
    assert packed.flags.c_contiguous
    assert not np.shares_memory(packed, pixels)


@pytest.mark.parametrize("pattern", CELLS)
@pytest.mark.parametrize("shape", [(6, 8), (7, 9), (6, 9), (7, 8)])
def test_planes_are_red_green_blue_green_for_every_pattern(
    pattern: str, shape: tuple[int, int]
) -> None:
    mosaic = mosaic_of(pattern, shape)
    packed = pack(coloured_mosaic(shape, pattern), mosaic.phase)
    colours = [set((plane // COLOUR_STEP).ravel().tolist()) for plane in packed]
    assert colours == [{1}, {2}, {3}, {2}]
    rows = [set((plane % COLOUR_STEP % 2).ravel().tolist()) for plane in packed]
    assert rows[0] == rows[1] != rows[2] == rows[3], "the first green lies on the red rows"


@pytest.mark.parametrize("pattern", CELLS)
def test_a_pattern_reads_as_its_letters(pattern: str) -> None:
    assert mosaic_of(pattern, (4, 4)).pattern_text == pattern


@pytest.mark.parametrize("pattern", CELLS)
def test_positions_reach_every_pixel_once_without_a_crop(pattern: str) -> None:
    pixels = coloured_mosaic((7, 9), pattern)
    mosaic = mosaic_of(pattern, (7, 9))
    planes = [pixels[y::2, x::2] for y, x, _ in mosaic.positions()]
    assert sum(plane.size for plane in planes) == pixels.size
    assert len(set(mosaic.positions())) == 4
    for plane, colour in zip(planes, (1, 2, 3, 2), strict=True):
        assert set((plane // COLOUR_STEP).ravel().tolist()) == {colour}
    red_rows = {int(row) % 2 for row in (planes[0] % COLOUR_STEP).ravel()}
    assert {int(row) % 2 for row in (planes[1] % COLOUR_STEP).ravel()} == red_rows


@pytest.mark.parametrize(
    ("shape", "phase"),
    [((1, 8), (0, 0)), ((2, 8), (1, 0)), ((8, 2), (0, 1)), ((8, 8), (2, 0)), ((8, 8), (0, -1))],
)
def test_a_mosaic_without_a_whole_cell_or_with_an_impossible_phase_is_refused(
    shape: tuple[int, int], phase: tuple[int, int]
) -> None:
    with pytest.raises(UsageError, match=f"a mosaic of {shape[0]}x{shape[1]}"):
        pack(np.zeros(shape, np.uint16), phase)


@pytest.mark.parametrize("shape", [(3, 4, 4), (4, 4), (1, 4, 4, 4)])
def test_what_has_not_four_planes_is_not_unpacked(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="packed planes of shape"):
        unpack(np.zeros(shape, np.uint16))


@given(mosaics(min_side=8), phases, st.sampled_from(["uint8", "uint16"]))
def test_packing_views_of_larger_mosaics_gives_what_any_other_type_gives(
    pixels: NDArray[np.uint16], phase: tuple[int, int], dtype: str
) -> None:
    pixels = pixels.astype(dtype)
    for view in (pixels[1:-1, 2:-1], pixels[:, ::-1], pixels[::-1], pixels.T, pixels[::2, ::2]):
        packed = pack(view, phase)
        assert packed.dtype == dtype
        np.testing.assert_array_equal(packed, pack(view.astype(np.int64), phase))
