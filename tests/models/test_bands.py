"""Bands of a picture, from the sensor's integers, against a plain run on the whole of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rawkit.errors import MosaicError, UsageError
from rawkit.models import (
    NETWORKS,
    Area,
    Staged,
    amplified,
    build,
    prepare,
    restore_bands,
)
from rawkit.sensor import BAYER, XTRANS, Cell, Mosaic, normalise

BLACK = (512.0, 520.5, 498.0, 511.0, 530.0, 470.0, 500.0, 505.0, 515.0)
WHITE = 16300.0


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def mosaic_of(cell: Cell, height: int, width: int, phase: tuple[int, int]) -> Mosaic:
    pattern = np.roll(np.array(cell.pattern()), phase, (0, 1))
    return Mosaic.without_margins(
        tuple(tuple(int(colour) for colour in row) for row in pattern),
        (height, width),
        BLACK[: cell.planes],
        WHITE,
    )


def random_pixels(height: int, width: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint16]]:
    generator = np.random.default_rng(height * 1000 + width)
    return generator.integers(0, 4000, (height, width), dtype=np.uint16)


def padded_by_hand(pixels: np.ndarray, mosaic: Mosaic, factor: float, multiple: int) -> np.ndarray:
    """Normalise plane by plane, then pad pixel by pixel until the cell is at (0, 0)."""
    side = mosaic.cell.side
    values = np.empty(pixels.shape, np.float32)
    for y, x, plane in mosaic.positions():
        part = (slice(y, None, side), slice(x, None, side))
        values[part] = normalise(pixels[part], mosaic.black_level[plane], WHITE)
    values *= np.float32(factor)
    top, left = (-start % side for start in mosaic.phase)
    below, right = (
        -(before + length) % multiple
        for before, length in zip((top, left), pixels.shape, strict=True)
    )
    if mosaic.cell == BAYER:
        return np.pad(values, ((top, below), (left, right)), mode="reflect")
    rows = [*range(-top, 0), *range(pixels.shape[0] + below)]
    columns = [*range(-left, 0), *range(pixels.shape[1] + right)]

    def inside(index: int, length: int) -> int:
        while index < 0:
            index += side
        while index >= length:
            index -= side
        return index

    return values[[inside(row, pixels.shape[0]) for row in rows]][
        :, [inside(column, pixels.shape[1]) for column in columns]
    ]


@st.composite
def cases(draw: st.DrawFn) -> tuple[Cell, int, int, tuple[int, int]]:
    cell = draw(st.sampled_from([BAYER, XTRANS]))
    height, width = draw(st.integers(6, 150)), draw(st.integers(6, 150))
    phase = draw(st.tuples(*[st.integers(0, cell.side - 1)] * 2))
    return cell, height, width, phase


@given(case=cases(), cuts=st.tuples(*[st.integers(0, 40)] * 4))
@settings(deadline=None)
def test_a_window_is_that_part_of_the_padded_mosaic_bit_for_bit(
    case: tuple[Cell, int, int, tuple[int, int]], cuts: tuple[int, int, int, int]
) -> None:
    cell, height, width, phase = case
    network = NETWORKS["sid" if cell == BAYER else "sid-xtrans"]
    pixels, mosaic = random_pixels(height, width), mosaic_of(cell, height, width, phase)
    source = amplified(pixels, mosaic, 7.3, network)
    whole = padded_by_hand(pixels, mosaic, 7.3, network.multiple)
    assert (source.height, source.width) == whole.shape
    first, second = (sorted(cut * cell.side % (size + cell.side) for cut in pair) for pair, size in
                     zip((cuts[:2], cuts[2:]), whole.shape, strict=True))  # fmt: skip
    window = Area(first[0], second[0], first[1], second[1])
    np.testing.assert_array_equal(source.window(window)[0, 0].numpy(), whole[window.slices()])


@pytest.mark.parametrize("cell", [BAYER, XTRANS])
def test_gains_multiply_each_plane_beside_the_factor(cell: Cell) -> None:
    network = NETWORKS["sid" if cell == BAYER else "sid-xtrans"]
    gains = tuple(np.random.default_rng(2).uniform(0.2, 3, cell.planes).tolist())
    pixels, mosaic = random_pixels(61, 47), mosaic_of(cell, 61, 47, (1, 1))
    plain = amplified(pixels, mosaic, 7.3, network)
    gained = amplified(pixels, mosaic, 7.3, network, gains)
    window = Area(0, 0, plain.height, plain.width)
    before, after = (one.window(window)[0, 0].numpy() for one in (plain, gained))
    for plane, places in enumerate(cell.positions):
        for y, x in places:
            part = np.s_[y :: cell.side, x :: cell.side]
            np.testing.assert_allclose(after[part], before[part] * gains[plane], rtol=1e-6)
    ones = amplified(pixels, mosaic, 7.3, network, (1.0,) * cell.planes)
    np.testing.assert_array_equal(ones.window(window)[0, 0].numpy(), before)


@pytest.mark.parametrize("gains", [(1.0, 1.0, 1.0), (1.0, 0.0, 1.0, 1.0), (1.0, 1.0, np.nan, 1.0)])
def test_gains_that_make_no_sense_are_refused(gains: tuple[float, ...]) -> None:
    pixels, mosaic = random_pixels(64, 64), mosaic_of(BAYER, 64, 64, (0, 0))
    with pytest.raises(UsageError, match="gains of"):
        amplified(pixels, mosaic, 1.0, NETWORKS["lamba2021"], gains)


@pytest.fixture(scope="module")
def nets() -> dict[str, torch.nn.Module]:
    """Plain networks whose every layer shows in the result."""
    torch.manual_seed(0)
    made = {}
    for name in NETWORKS:
        net = build(name).eval()
        with torch.no_grad():
            for label, parameter in net.named_parameters():
                if "sid" in name and parameter.ndim > 1:
                    torch.nn.init.kaiming_normal_(parameter, a=0.2)
                if label.endswith("bias"):
                    torch.nn.init.uniform_(parameter, -0.1, 0.1)
        made[name] = net
    return made


@pytest.mark.parametrize(
    ("name", "height", "width", "phase", "tile"),
    [
        ("lamba2021", 333, 201, (1, 0), 64),
        ("lamba2021", 33, 121, (0, 1), 8),
        ("lamba2021", 31, 500, (1, 1), 96),
        ("lamba2021", 40, 40, (1, 1), None),
        ("sid", 33, 511, (0, 1), 64),
        ("sid", 449, 20, (1, 1), 32),
        ("sid-xtrans", 40, 763, (5, 2), 144),
        ("sid-xtrans", 670, 45, (1, 0), 48),
        ("sid-xtrans", 50, 97, (1, 0), None),
    ],
)
def test_bands_are_the_whole_picture(
    nets: dict[str, torch.nn.Module],
    name: str,
    height: int,
    width: int,
    phase: tuple[int, int],
    tile: int | None,
) -> None:
    network = NETWORKS[name]
    pixels, mosaic = random_pixels(height, width), mosaic_of(network.cell, height, width, phase)
    whole = torch.from_numpy(padded_by_hand(pixels, mosaic, 3.0, network.multiple))[None, None]
    with torch.no_grad():
        expected = nets[name](whole)[0].permute(1, 2, 0).numpy()
    # X-Trans repeats after three rows and columns together: the phase found may be another one.
    top, left = (-start % network.cell.side for start in mosaic.phase)
    ready = prepare(nets[name])
    assert isinstance(ready, Staged)
    rows = 0
    for start, band in restore_bands(ready, amplified(pixels, mosaic, 3.0, network), tile=tile):
        assert start == rows
        rows += len(band)
        assert band.dtype == np.float32
        assert band.shape[1:] == (width, 3)
        wanted = expected[top + start : top + rows, left : left + width]
        np.testing.assert_allclose(band, wanted, rtol=0, atol=1e-5)
    assert rows == height


@given(
    rows=st.integers(1, 7), columns=st.integers(1, 7), tile=st.integers(2, 20),
    cut=st.tuples(st.integers(0, 31), st.integers(0, 31)),
)  # fmt: skip
@settings(max_examples=10, deadline=None)
def test_any_tile_gives_the_same_in_float32(
    rows: int, columns: int, tile: int, cut: tuple[int, int]
) -> None:
    torch.manual_seed(1)
    net = build("lamba2021").eval()
    height, width = 32 * rows - min(cut[0], 30), 32 * columns - min(cut[1], 30)
    pixels, mosaic = random_pixels(height, width), mosaic_of(BAYER, height, width, (0, 0))
    padded = padded_by_hand(pixels, mosaic, 2.0, 32)
    with torch.no_grad():
        expected = net(torch.from_numpy(padded)[None, None])[0, :, :height, :width]
    source = amplified(pixels, mosaic, 2.0, NETWORKS["lamba2021"])
    ready = prepare(net)
    assert isinstance(ready, Staged)
    found = np.concatenate([band for _, band in restore_bands(ready, source, tile=8 * tile)])
    np.testing.assert_allclose(found, expected.permute(1, 2, 0).numpy(), rtol=0, atol=1e-5)


def test_the_mode_of_the_caller_s_thread_is_left_alone() -> None:
    ready = prepare(build("lamba2021"))
    assert isinstance(ready, Staged)
    source = amplified(random_pixels(64, 64), mosaic_of(BAYER, 64, 64, (0, 0)), 1.0,
                       NETWORKS["lamba2021"])  # fmt: skip
    for _, band in restore_bands(ready, source, tile=8):
        assert not torch.is_inference_mode_enabled()
        assert not torch.from_numpy(band).is_inference()


def test_half_precision_is_near() -> None:
    torch.manual_seed(2)
    net = build("lamba2021").eval()
    source = amplified(random_pixels(64, 96), mosaic_of(BAYER, 64, 96, (0, 0)), 1.0,
                       NETWORKS["lamba2021"])  # fmt: skip

    def restored(ready: torch.nn.Module) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        assert isinstance(ready, Staged)
        return np.concatenate([band for _, band in restore_bands(ready, source)])

    exact, near = restored(prepare(net)), restored(prepare(net, dtype=torch.bfloat16))
    assert near.dtype == np.float32
    assert 0 < np.abs(exact - near).max() < 0.1


def test_what_a_network_cannot_read_is_refused() -> None:
    pixels = random_pixels(60, 60)
    with pytest.raises(MosaicError, match="an X-Trans mosaic; expected a Bayer one: lamba2021"):
        amplified(pixels, mosaic_of(XTRANS, 60, 60, (0, 0)), 1.0, NETWORKS["lamba2021"])
    with pytest.raises(MosaicError, match="a Bayer mosaic; expected an X-Trans one"):
        amplified(pixels, mosaic_of(BAYER, 60, 60, (0, 0)), 1.0, NETWORKS["sid-xtrans"])
    with pytest.raises(UsageError, match="at least 6x6"):
        amplified(pixels[:5], mosaic_of(XTRANS, 5, 60, (0, 0)), 1.0, NETWORKS["sid-xtrans"])
    source = amplified(pixels, mosaic_of(BAYER, 60, 60, (0, 0)), 1.0, NETWORKS["lamba2021"])
    with pytest.raises(UsageError, match="borders at multiples of 2"):
        source.window(Area(1, 0, 3, 2))
