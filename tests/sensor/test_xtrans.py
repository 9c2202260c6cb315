"""X-Trans: nine planes in the canonical phase, through the real LibRaw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from rawkit.catalog import Selection, load_definition
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.sensor import (
    XTRANS,
    RenderParameters,
    amplification_base,
    decode,
    open_raw,
    pack,
    phase_crop,
    unpack,
)
from rawkit.store import Store
from rawkit.synth import DngMeta, write_dng

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SIDE = 6
MARGIN = 12
BLACK = 1024
LIGHT = {0: 3000, 1: 5000, 2: 7000}
"""Sensor units above black of red, green and blue."""


def rolled(top: int, left: int) -> tuple[tuple[int, ...], ...]:
    """Pattern of a mosaic whose canonical cell begins at (top, left)."""
    cell = np.roll(np.array(XTRANS.pattern()), (top, left), (0, 1))
    return tuple(tuple(int(colour) for colour in row) for row in cell)


def coloured(height: int, width: int, pattern: tuple[tuple[int, ...], ...]) -> NDArray[np.uint16]:
    """Mosaic whose values tell their colour: its light, plus up to 99 of a fixed noise."""
    cell = np.array(pattern)
    y, x = np.mgrid[:height, :width]
    colour = cell[y % SIDE, x % SIDE]
    noise = np.random.default_rng(0).integers(0, 100, (height, width))
    light = np.array(list(LIGHT.values()))[colour]
    mosaic: NDArray[np.uint16] = (BLACK + light + noise).astype(np.uint16)
    return mosaic


def write_xtrans(path: Path, *, phase: tuple[int, int] = (0, 0)) -> NDArray[np.uint16]:
    """Write a DNG of 528x546 visible pixels behind margins; return the visible mosaic."""
    visible = coloured(528, 546, rolled(*phase))
    whole = np.full((528 + MARGIN, 546 + MARGIN), BLACK, np.uint16)
    whole[MARGIN:, MARGIN:] = visible
    meta = DngMeta(
        "FUJIFILM", "X-T2", iso=800, seconds=0.1, f_number=8.0, pattern=rolled(*phase),
        black_level=float(BLACK), active_area=(MARGIN, MARGIN, *whole.shape),
    )  # fmt: skip
    write_dng(path, whole, meta)
    return visible


def test_the_cell_uses_every_position_once_and_planes_have_one_colour() -> None:
    positions = [position for places in XTRANS.positions for position in places]
    assert sorted(positions) == [(y, x) for y in range(SIDE) for x in range(SIDE)]
    counts = {colour: XTRANS.colours.count(colour) for colour in (0, 1, 2)}
    assert counts == {0: 2, 1: 5, 2: 2}  # 8 red, 20 green, 8 blue pixels in a cell of 36


def test_the_canonical_cell_is_that_of_the_cameras() -> None:
    letters = ["".join("RGB"[colour] for colour in row) for row in XTRANS.pattern()]
    assert letters == ["RBGBRG", "GGRGGB", "GGBGGR", "BRGRBG", "GGBGGR", "GGRGGB"]


@given(
    height=st.integers(12, 31),
    width=st.integers(12, 31),
    top=st.integers(0, SIDE - 1),
    left=st.integers(0, SIDE - 1),
)
def test_unpack_is_the_inverse_of_pack_for_every_phase_and_odd_sizes(
    height: int, width: int, top: int, left: int
) -> None:
    pixels = np.arange(height * width, dtype=np.uint16).reshape(height, width)
    crop = phase_crop(height, width, (top, left), XTRANS)
    packed = pack(pixels, (top, left), XTRANS)
    assert packed.shape == (9, crop.height // 3, crop.width // 3)
    np.testing.assert_array_equal(unpack(packed, XTRANS), pixels[crop.slices])


@given(top=st.integers(0, SIDE - 1), left=st.integers(0, SIDE - 1))
def test_every_plane_holds_its_colour_whatever_the_phase(top: int, left: int) -> None:
    packed = pack(coloured(25, 31, rolled(top, left)), (top, left), XTRANS)
    for plane, colour in zip(packed, XTRANS.colours, strict=True):
        above = plane.astype(int) - BLACK - LIGHT[colour]
        assert 0 <= above.min() <= above.max() < 100


@pytest.mark.parametrize("phase", [(0, 0), (1, 0), (0, 4), (3, 2), (5, 5)])
def test_libraw_and_we_agree_on_the_phase(tmp_path: Path, phase: tuple[int, int]) -> None:
    visible = write_xtrans(tmp_path / "a.raf", phase=phase)
    image = decode(tmp_path / "a.raf")
    np.testing.assert_array_equal(image.pixels, visible)
    assert image.mosaic.cell == XTRANS
    assert image.mosaic.black_level == (float(BLACK),) * 9
    packed = pack(image.pixels, image.mosaic.phase, XTRANS)
    for plane, colour in zip(packed, XTRANS.colours, strict=True):
        above = plane.astype(int) - BLACK - LIGHT[colour]
        assert 0 <= above.min() <= above.max() < 100


def test_the_amplifier_weighs_every_pixel_of_the_mosaic_once(tmp_path: Path) -> None:
    write_xtrans(tmp_path / "a.raf", phase=(2, 3))
    image = decode(tmp_path / "a.raf")
    x = (image.pixels.astype(np.float32) - BLACK) / np.float32(image.mosaic.white_level - BLACK)
    edges = (np.exp2(np.linspace(0, 8, 128)) - 1) / 255
    weights = 10 ** (5 - 5 * np.arange(127) / 126) / 10**5
    weight = weights[np.digitize(x.ravel(), edges.astype(np.float32)) - 1]
    expected = 0.01 * weight.sum() / (weight * x.ravel()).sum()
    assert amplification_base(image) == pytest.approx(np.clip(expected, 1, 300), rel=1e-5)


def test_renderings_of_one_file_are_the_same_for_any_number_of_threads(tmp_path: Path) -> None:
    write_xtrans(tmp_path / "a.raf", phase=(1, 2))

    def rendered() -> NDArray[np.generic]:
        with open_raw(tmp_path / "a.raf") as raw:
            return raw.render(RenderParameters())

    first = rendered()
    for threads in (1, 2, 4):
        with threadpool_limits(limits=threads, user_api="openmp"):
            assert all(np.array_equal(first, rendered()) for _ in range(5))


def test_a_store_holds_nine_planes_and_a_target_of_three_times_their_size(tmp_path: Path) -> None:
    source = tmp_path / "data"
    for name in ("Fuji/short/10019_00_0.1s.RAF", "Fuji/long/10019_00_10s.RAF"):
        (source / name).parent.mkdir(parents=True)
        write_xtrans(source / name, phase=(1, 2))
    definition = load_definition("sid")
    store = tmp_path / "sid.zarr"
    report = run_ingest(plan_ingest(definition, source, store, Selection()), workers=0)
    assert report.left_out == []
    (group,) = Store(store).groups.values()
    image = decode(source / "Fuji/short/10019_00_0.1s.RAF")
    crop = phase_crop(528, 546, image.mosaic.phase, XTRANS)
    (short,) = [row.index for row in group.rows if row.role == "short"]
    np.testing.assert_array_equal(
        unpack(group.read("packed", short), XTRANS), image.pixels[crop.slices]
    )
    with open_raw(source / "Fuji/long/10019_00_10s.RAF") as raw:
        rendered = raw.render(RenderParameters(adjust_maximum_thr=0.75))[crop.slices]
    np.testing.assert_array_equal(group.read("target", 0), rendered.transpose(2, 0, 1))
    assert group.coordinates["black_level"].shape == (2, 9)
