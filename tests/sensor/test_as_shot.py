"""Doubtful balances are decided by the pixels, on photographs of both kinds."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rawpy
from hypothesis import example, given
from hypothesis import strategies as st

from rawkit.sensor import Levels, RenderParameters, WhiteBalance, decode, open_raw
from rawkit.sensor.as_shot import Candidates, block_means
from rawkit.synth.dng import BAYER_PATTERNS, DngMeta, encode_dng, encode_linear_dng
from tests.support.factories import XTRANS

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from rawkit.sensor import RawImage

BLACK, WHITE = 512, 16383
SENSOR = (2.0, 1.0, 1.5)
"""What greys need under daylight."""
MATRIX = tuple(
    float(value)
    for value in (
        np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.204, 1.057]])
        / np.array(SENSOR)[:, None]
    ).ravel()
)
PHOTOGRAPHS = ("CANON_G2_CRW_0304.CRW", "CANON_S40_CRW_0101.CRW", "CANON_EOS_D30_5s.CRW")
WELL, READ = 6000.0, 1.5
"""Electrons of a full-frame camera at ISO 1600."""


def scene(shape: tuple[int, int] = (256, 384), seed: int = 0) -> NDArray[np.float64]:
    """Light (height, width, 3) of patches, a third of them grey, from 0.02 to 0.6."""
    rng = np.random.default_rng(seed)
    rows, columns = shape[0] // 32, shape[1] // 32
    patches = rng.uniform(0.02, 0.6, (rows, columns, 1)) * np.ones(3)
    coloured = rng.random((rows, columns)) > 1 / 3
    patches[coloured] *= rng.uniform(0.3, 1, (int(coloured.sum()), 3))
    return np.repeat(np.repeat(patches, 32, 0), 32, 1)


def dng_of(
    light: NDArray[np.float64],
    sensor: tuple[float, ...],
    neutral: tuple[float, float, float] | None = (1.0, 1.0, 1.0),
    pattern: tuple[tuple[int, ...], ...] = BAYER_PATTERNS["RGGB"],
) -> bytes:
    """Write what a sensor sees of light whose greys need `sensor` as multipliers."""
    height, width, _ = light.shape
    cell = np.array(pattern)
    colours = np.tile(cell, (-(-height // len(cell)), -(-width // len(cell))))[:height, :width]
    seen = np.take_along_axis(light / np.array(sensor), colours[..., None], 2)[..., 0]
    pixels = np.clip(np.rint(BLACK + seen * (WHITE - BLACK)), 0, WHITE).astype(np.uint16)
    return encode_dng(pixels, meta_of(neutral, pattern))


def meta_of(
    neutral: tuple[float, float, float] | None,
    pattern: tuple[tuple[int, ...], ...] = BAYER_PATTERNS["RGGB"],
) -> DngMeta:
    return DngMeta(
        "Rawkit", "Test", pattern=pattern, black_level=BLACK, white_level=WHITE,
        color_matrix=MATRIX, as_shot_neutral=neutral,
    )  # fmt: skip


@pytest.mark.parametrize("pattern", [*BAYER_PATTERNS.values(), XTRANS])
def test_a_file_that_is_balanced_already_keeps_its_ones(
    pattern: tuple[tuple[int, ...], ...],
) -> None:
    shape = (256, 384) if len(pattern) == 2 else (544, 576)
    balance = decode(dng_of(scene(shape), (1.0, 1.0, 1.0), pattern=pattern)).white_balance
    assert balance.source == "camera (all ones; the frame's greys agree)"
    assert balance.kind == "camera"
    assert set(balance.multipliers) == {1.0}


@pytest.mark.parametrize("pattern", [*BAYER_PATTERNS.values(), XTRANS])
def test_a_file_that_is_not_balanced_gets_daylight(pattern: tuple[tuple[int, ...], ...]) -> None:
    shape = (256, 384) if len(pattern) == 2 else (544, 576)
    image = decode(dng_of(scene(shape), SENSOR, pattern=pattern))
    assert image.white_balance.source == "daylight (as-shot all ones leaves greys green)"
    assert image.white_balance.kind == "daylight"
    of_colour = [SENSOR[colour] for colour in image.mosaic.cell.colours]
    assert image.white_balance.multipliers == pytest.approx(of_colour, rel=0.02)


def test_linear_files_are_decided_alike() -> None:
    for sensor, kind in (((1.0, 1.0, 1.0), "camera"), (SENSOR, "daylight")):
        light = scene() / np.array(sensor)
        channels = np.rint(BLACK + light * (WHITE - BLACK)).astype(np.uint16)
        dng = encode_linear_dng(channels, meta_of((1.0, 1.0, 1.0)))
        assert decode(dng, resample=True).white_balance.kind == kind


def test_multipliers_out_of_range_are_taken_where_greys_agree() -> None:
    lamp = (12.0, 1.0, 1.5)
    neutral = (1 / 12, 1.0, 1 / 1.5)
    right = decode(dng_of(scene(), lamp, neutral)).white_balance
    assert right.source == "camera (out of range; the frame's greys agree)"
    assert right.multipliers == pytest.approx((*lamp, 1.0), rel=1e-3)
    wrong = decode(dng_of(scene(), SENSOR, neutral)).white_balance
    assert wrong.source == "daylight (as-shot out of range leaves greys magenta)"
    assert wrong.multipliers == pytest.approx((*SENSOR, 1.0), rel=0.02)


def test_multipliers_that_are_usual_are_not_asked_about() -> None:
    def unasked() -> NDArray[np.float64]:
        raise AssertionError

    for as_shot in ([2.0, 1.0, 1.5, 1.0], [600.0, 512.0, 4000.0, 0.0], [0.6, 1.0, 7.9, 1.0]):
        assert Candidates(as_shot, [2.0, 1.0, 1.5, 0.0]).choose(unasked).source == "camera"
    for as_shot in ([0.0, 1.0, 0.0, 1.0], [-1.0, 1.0, 1.0, 1.0], [float("nan"), 1.0, 1.0, 1.0]):
        assert Candidates(as_shot, [2.0, 1.0, 1.5, 0.0]).choose(unasked).source == "daylight"
        for daylight in ([0.0] * 4, None):
            found = Candidates(as_shot, daylight).choose(unasked)
            assert (found.source, found.values) == ("unknown", (1.0,) * 4)


def test_without_a_matrix_ones_are_taken_where_greys_agree_and_else_nothing_is_known() -> None:
    for sensor, source in (
        ((1.0, 1.0, 1.0), "camera (all ones; the frame's greys agree)"),
        (SENSOR, "unknown"),
    ):
        image = decode(dng_of(scene(), sensor))
        means = block_means(image.pixels, image.mosaic)
        for daylight in (None, [0.0] * 4, [1.0, 1.0, 1.0, 0.0]):
            found = Candidates([1.0] * 4, daylight).choose(lambda means=means: means)  # type: ignore[misc]
            assert (found.source, found.values) == (source, (1.0,) * 4)


def test_without_greys_that_tell_daylight_is_taken() -> None:
    rng = np.random.default_rng(0)
    dark = np.clip(BLACK + rng.normal(0, 3, (64, 96)), 0, None).astype(np.uint16)
    full = rng.integers(15000, 16000, (64, 96)).astype(np.uint16)
    for pixels in (dark, full):
        balance = decode(encode_dng(pixels, meta_of((1.0, 1.0, 1.0)))).white_balance
        assert balance.source == "daylight (as-shot all ones; no greys to tell by)"


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=4, max_size=4),
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=4, max_size=4),
    st.integers(0, 99),
)
@example([1.0, 9.5e167, 2.3e-156, 0.0], [0.0] * 4, 23)
@example([0.0] * 4, [1.0, 9.5e167, 2.3e-156, 0.0], 0)
def test_whatever_a_file_says_the_multipliers_are_numbers_above_zero(
    as_shot: list[float], daylight: list[float], seed: int
) -> None:
    means = np.random.default_rng(seed).uniform(2, 10000, (seed, 3))
    found = Candidates(as_shot, daylight).choose(lambda: means)
    assert np.isfinite(found.values).all()
    assert min(found.values) > 0
    assert found.values[1] == 1


def test_the_order_of_blocks_does_not_count() -> None:
    image = decode(dng_of(scene(), SENSOR))
    means = block_means(image.pixels, image.mosaic)
    candidates = Candidates([1.0] * 4, [*SENSOR, 1.0])
    expected = candidates.choose(lambda: means)
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(means))
        assert candidates.choose(lambda order=order: means[order]) == expected  # type: ignore[misc]


@pytest.mark.parametrize("shape", [(1, 1), (7, 9), (8, 8), (65, 97), (1000, 30), (30, 1000)])
def test_means_of_blocks_of_every_size(shape: tuple[int, int]) -> None:
    height, width = shape
    pixels = np.zeros(shape, np.uint16)
    for y, x, value in ((0, 0, 700), (0, 1, 800), (1, 0, 800), (1, 1, 900)):
        pixels[y::2, x::2] = value
    mosaic = replace(
        decode(dng_of(scene(), SENSOR)).mosaic, height=height, width=width, raw_height=height,
        raw_width=width,
    )  # fmt: skip
    means = block_means(pixels, mosaic)
    assert len(means) == (height // 8) * (width // 8) if height < 1000 else len(means) > 0
    np.testing.assert_array_equal(means, np.broadcast_to([188, 288, 388], means.shape))


def test_libraw_renders_with_the_balance_that_was_chosen() -> None:
    grey = scene().std(2) < 1e-9
    for sensor in ((1.0, 1.0, 1.0), SENSOR):
        with open_raw(dng_of(scene(), sensor)) as raw:
            rendered = raw.render(RenderParameters()).astype(float)[grey]
        # Edges of patches have colours of the demosaicing.
        assert np.median(np.abs(rendered / rendered[:, 1:2] - 1)) < 0.01


def test_a_balance_that_was_recorded_is_rendered_with_as_it_was() -> None:
    """A store keeps what it has: its frames may have taken daylight where ones are taken now."""
    dng = dng_of(scene(), (1.0, 1.0, 1.0))
    recorded = WhiteBalance((*SENSOR, 1.0), "daylight")
    with rawpy.imread(io.BytesIO(dng)) as raw:
        expected = raw.postprocess(
            use_camera_wb=False, no_auto_bright=True, output_bps=16, user_flip=0,
            adjust_maximum_thr=0.0,
        )  # fmt: skip
    with open_raw(dng) as raw:
        before = raw.render(RenderParameters())
        found = raw.render(RenderParameters(), balance=recorded)
        np.testing.assert_array_equal(found, expected)
        assert not np.array_equal(found, before)
        chosen = raw.image().white_balance
        np.testing.assert_array_equal(raw.render(RenderParameters(), balance=chosen), before)


def test_levels_of_ones_own_decide_too() -> None:
    """Without its black level, a dark frame has no colour to tell by."""
    dng = dng_of(scene() / 50, SENSOR)
    with open_raw(dng) as raw:
        assert raw.image().white_balance.kind == "daylight"
        assert raw.image(Levels(0, None)).white_balance.kind == "camera"
        assert raw.image().white_balance.kind == "daylight"


def simulated(image: RawImage, daylight: list[float], *, balanced: bool, factor: float) -> bytes:
    """Make a photograph darker, balanced by its camera or not, and have it say all ones."""
    mosaic, rng = image.mosaic, np.random.default_rng(0)
    pixels = np.zeros(image.pixels.shape)
    for y, x, plane in mosaic.positions():
        black = mosaic.black_level[plane]
        signal = (image.pixels[y::2, x::2].astype(float) - black) / (mosaic.white_level - black)
        electrons = np.maximum(signal, 0) * WELL / factor
        signal = (rng.poisson(electrons) + rng.normal(0, READ, signal.shape)) / WELL
        pixels[y::2, x::2] = signal * (image.white_balance.multipliers[plane] if balanced else 1)
    whole = np.clip(np.rint(BLACK + pixels * (WHITE - BLACK)), 0, WHITE).astype(np.uint16)
    meta = replace(
        meta_of((1.0, 1.0, 1.0), BAYER_PATTERNS[mosaic.pattern_text]),
        color_matrix=tuple(float(v) for v in MATRIX_OF_ONES / np.repeat(daylight, 3)),
    )
    return encode_dng(whole, meta)


MATRIX_OF_ONES = np.array(MATRIX) * np.repeat(SENSOR, 3)


@pytest.mark.parametrize("name", [*PHOTOGRAPHS, "Blackmagic_BMPCC_lowlight_GBRG.dng"])
@pytest.mark.parametrize("factor", [1, 60, 200])
def test_photographs_of_both_kinds_are_told_apart_bright_and_dark(
    real_data: Path, name: str, factor: int
) -> None:
    image = decode(real_data / name)
    with rawpy.imread(str(real_data / name)) as raw:
        values = raw.daylight_whitebalance
    daylight = [value / values[1] for value in values[:3]]
    for balanced, kind in ((True, "camera"), (False, "daylight")):
        dng = simulated(image, daylight, balanced=balanced, factor=factor)
        assert decode(dng).white_balance.kind == kind


def test_kodaks_that_balance_before_they_write_would_keep_their_ones(real_data: Path) -> None:
    for name, whose in (
        ("RAW_KODAK_DC50.KDC", "camera"),
        ("KODAK_DC120_P003911_compressed.KDC", "daylight"),
    ):
        image = decode(real_data / name)
        # LibRaw hands no matrix of theirs out.
        assert image.white_balance.source == f"{whose} (all ones; the frame's greys agree)"
        assert set(image.white_balance.multipliers) == {1.0}
        found = Candidates([1.0] * 4, [2.2, 1.0, 1.1, 1.0]).choose(
            lambda image=image: block_means(image.pixels, image.mosaic)  # type: ignore[misc]
        )
        assert found.source.startswith("camera")
