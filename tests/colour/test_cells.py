"""Cells hold the means of their pixels, of every kind of mosaic and in every phase."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rawkit.colour import CellGrid, overview
from rawkit.colour.cells import ALIGNED
from rawkit.errors import UsageError
from rawkit.sensor import BAYER, XTRANS
from tests.colour.scenes import BLACK, WHITE, mosaic_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.sensor import Cell, Mosaic

kinds = st.sampled_from([BAYER, XTRANS])


def slowly(pixels: NDArray[np.uint16], mosaic: Mosaic) -> NDArray[np.float64]:
    """Mean of each colour of each cell, pixel by pixel."""
    block, side = mosaic.cell.block, mosaic.cell.side
    rows, columns = (n // block for n in pixels.shape)
    values = (pixels.astype(float) - BLACK) / (WHITE - BLACK)
    means = np.empty((3, rows, columns))
    for row in range(rows):
        for column in range(columns):
            found: list[list[float]] = [[], [], []]
            for y in range(row * block, (row + 1) * block):
                for x in range(column * block, (column + 1) * block):
                    colour = mosaic.pattern[y % side][x % side]
                    found[1 if colour == 3 else colour].append(values[y, x])
            means[:, row, column] = [np.mean(one) for one in found]
    return means


@settings(max_examples=30)
@given(
    cell=kinds,
    phase=st.tuples(st.integers(0, 5), st.integers(0, 5)),
    sides=st.tuples(st.integers(6, 40), st.integers(6, 40)),
    seed=st.integers(0, 1000),
)
def test_cells_are_the_means_of_their_pixels(
    cell: Cell, phase: tuple[int, int], sides: tuple[int, int], seed: int
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 16383, sides, np.uint16)
    mosaic = mosaic_of(*sides, cell, phase)
    grid = CellGrid(pixels, mosaic)
    expected = slowly(pixels, mosaic)
    rows, columns = grid.padded
    assert (rows % ALIGNED, columns % ALIGNED) == (0, 0)
    found = np.concatenate([grid.window(top, top + 8) for top in range(0, rows, 8)], axis=1)
    beyond = [(0, 0), (0, rows - expected.shape[1]), (0, columns - expected.shape[2])]
    np.testing.assert_allclose(found, np.pad(expected, beyond, mode="edge"), atol=2e-6)


def test_light_below_black_stays_below() -> None:
    pixels = np.full((16, 16), 500, np.uint16)
    assert (CellGrid(pixels, mosaic_of(16, 16)).window(0, 8) < 0).all()


def test_the_overview_is_the_mean_of_squares() -> None:
    pixels = np.random.default_rng(0).integers(0, 16383, (700, 90), np.uint16)
    grid = CellGrid(pixels, mosaic_of(700, 90))
    cells = grid.window(0, grid.padded[0]).astype(float)
    squares = cells.reshape(3, -1, 8, cells.shape[2] // 8, 8).mean(axis=(2, 4))
    np.testing.assert_allclose(overview(grid), squares, atol=1e-6)


def test_every_cell_of_both_kinds_has_all_colours_in_every_phase() -> None:
    for cell in (BAYER, XTRANS):
        for top in range(cell.side):
            for left in range(cell.side):
                mosaic = mosaic_of(24, 24, cell, (top, left))
                assert CellGrid(np.zeros((24, 24), np.uint16), mosaic).counts.min() >= 1


def test_what_makes_no_sense_is_refused() -> None:
    pixels = np.zeros((32, 32), np.uint16)
    grid = CellGrid(pixels, mosaic_of(32, 32))
    with pytest.raises(UsageError, match="multiples of 8"):
        grid.window(0, 12)
    with pytest.raises(UsageError, match="multiples of 8"):
        grid.window(0, 24)
    with pytest.raises(UsageError, match="at least 2 pixels"):
        CellGrid(pixels[:1], mosaic_of(1, 32))
