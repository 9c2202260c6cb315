"""Tiles cover a picture once, whatever its size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.errors import UsageError
from rawkit.models import Area, Tile, tile_shape, tiles

cells = st.integers(1, 60)
multiples = st.sampled_from([1, 2, 3, 8, 32])


@given(rows=cells, columns=cells, tile=cells, halo=st.integers(0, 20), multiple=multiples)
def test_cores_cover_every_pixel_once_and_see_their_halo_or_the_border(
    rows: int, columns: int, tile: int, halo: int, multiple: int
) -> None:
    height, width = rows * multiple, columns * multiple
    sizes = {"tile": tile * multiple, "halo": halo * multiple, "multiple": multiple}
    shape = tile_shape(height, width, **sizes)
    seen = [[0] * columns for _ in range(rows)]
    for part in tiles(height, width, **sizes):
        core, outer = part.core, part.outer
        for value in (*vars(core).values(), *vars(outer).values()):
            assert value % multiple == 0
        assert outer.shape == shape
        assert 0 <= outer.top <= max(core.top - sizes["halo"], 0)
        assert 0 <= outer.left <= max(core.left - sizes["halo"], 0)
        assert height >= outer.bottom >= min(core.bottom + sizes["halo"], height)
        assert width >= outer.right >= min(core.right + sizes["halo"], width)
        cell_rows, cell_columns = core.slices(multiple)
        for row in range(rows)[cell_rows]:
            for column in range(columns)[cell_columns]:
                seen[row][column] += 1
    assert all(count == 1 for line in seen for count in line)
    assert all(side <= sizes["tile"] + 2 * sizes["halo"] for side in shape)


@given(rows=cells, columns=cells, tile=cells, halo=st.integers(0, 20))
def test_the_inner_window_of_the_outer_is_the_core(
    rows: int, columns: int, tile: int, halo: int
) -> None:
    for part in tiles(rows, columns, tile=tile, halo=halo, multiple=1):
        outer_rows, outer_columns = part.outer.slices()
        inner_rows, inner_columns = part.inner.slices()
        core_rows, core_columns = part.core.slices()
        assert range(rows)[outer_rows][inner_rows] == range(rows)[core_rows]
        assert range(columns)[outer_columns][inner_columns] == range(columns)[core_columns]


def test_tiles_are_nearly_equal_instead_of_leaving_a_sliver() -> None:
    parts = list(tiles(8, 1032, tile=1024, halo=0, multiple=8))
    assert [part.core.right - part.core.left for part in parts] == [512, 520]


def test_a_tile_as_large_as_the_picture_is_the_picture() -> None:
    whole = Area(0, 0, 64, 96)
    assert list(tiles(64, 96, tile=96, halo=40, multiple=8)) == [Tile(whole, whole)]


@pytest.mark.parametrize(
    ("sizes", "text"),
    [
        ({"height": 60}, "a height of 60 pixels; expected a multiple of 8, 8 or more"),
        ({"width": 0}, "a width of 0 pixels"),
        ({"tile": 0}, "a tile of 0 pixels"),
        ({"tile": -8}, "a tile of -8 pixels"),
        ({"tile": 100}, "a tile of 100 pixels"),
        ({"halo": 36}, "a halo of 36 pixels; expected a multiple of 8, 0 or more"),
        ({"halo": -8}, "a halo of -8 pixels"),
        ({"multiple": 0}, "tiles aligned to 0 pixels"),
    ],
)
def test_sizes_that_do_not_fit_are_refused_at_once(sizes: dict[str, int], text: str) -> None:
    fitting = {"height": 64, "width": 64, "tile": 32, "halo": 8, "multiple": 8}
    with pytest.raises(UsageError) as error:
        tiles(**{**fitting, **sizes})
    assert text in str(error.value)
