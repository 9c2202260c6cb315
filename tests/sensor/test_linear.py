"""Linear files: their channels come back at the places of a mosaic, and stores refuse them."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.errors import BlankError, MosaicError, UsageError
from rawkit.sensor import Levels, RenderParameters, decode, open_raw
from rawkit.sensor.linear import sampled
from rawkit.synth.dng import DngMeta, encode_dng, encode_linear_dng
from tests.support.factories import noise_mosaic, patch_tag

if TYPE_CHECKING:
    from numpy.typing import NDArray

META = DngMeta(
    "Rawkit", "Phone", iso=1600, seconds=0.1, f_number=1.8,
    black_level=528, white_level=4095, as_shot_neutral=(0.5, 1.0, 0.625),
)  # fmt: skip
TABLE = tuple(range(0, 4 * 4096, 4))


def noise(height: int, width: int, seed: int = 0) -> NDArray[np.uint16]:
    return np.random.default_rng(seed).integers(500, 4000, (height, width, 3), dtype=np.uint16)


def by_hand(channels: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Take one pixel after the other."""
    height, width, _ = channels.shape
    colours = ((0, 1), (1, 2))
    return np.array(
        [[channels[y, x, colours[y % 2][x % 2]] for x in range(width)] for y in range(height)],
        np.uint16,
    )


@given(st.integers(1, 20), st.integers(1, 20), st.integers(3, 4), st.integers(0, 99))
def test_a_pixel_takes_the_channel_of_its_place(
    height: int, width: int, channels: int, seed: int
) -> None:
    values = np.random.default_rng(seed).integers(
        0, 65536, (height, width, channels), dtype=np.uint16
    )
    np.testing.assert_array_equal(sampled(values), by_hand(values[..., :3]))


@pytest.mark.parametrize("shape", [(64, 96), (65, 97), (49, 70), (48, 51)])
@pytest.mark.parametrize("tile", [None, 32, 48])
@pytest.mark.parametrize("table", [None, TABLE])
def test_what_a_linear_dng_holds_comes_back_on_a_mosaic(
    shape: tuple[int, int], tile: int | None, table: tuple[int, ...] | None
) -> None:
    channels = noise(*shape)
    image = decode(encode_linear_dng(channels, META, tile=tile, table=table), resample=True)
    scale = 1 if table is None else 4
    np.testing.assert_array_equal(image.pixels, by_hand(channels) * scale)
    assert image.resampled
    assert image.masked is None
    mosaic = image.mosaic
    assert (mosaic.pattern_text, mosaic.phase) == ("RGGB", (0, 0))
    assert (mosaic.height, mosaic.width) == shape
    assert mosaic.black_level == (528.0,) * 4
    assert mosaic.white_level == 4095
    assert image.white_balance.source == "camera"
    assert image.white_balance.multipliers == pytest.approx((2, 1, 1.6, 1), rel=1e-3)
    assert image.colour_matrix is not None
    assert image.exposure.iso == 1600


def test_each_colour_may_have_a_black_level_of_its_own() -> None:
    dng = encode_linear_dng(noise(64, 96), META)
    at = len(dng)
    patched = patch_tag(dng, 50714, 5, struct.pack("<I", at), 3) + struct.pack(
        "<6I", 500, 1, 510, 1, 520, 1
    )
    mosaic = decode(patched, resample=True).mosaic
    assert mosaic.black_level == (500.0, 510.0, 520.0, 510.0)


def test_levels_of_ones_own_count_for_linear_files_too() -> None:
    with open_raw(encode_linear_dng(noise(64, 96), META)) as raw:
        mosaic = raw.image(Levels(100, 4000), resample=True).mosaic
    assert (mosaic.black_level, mosaic.white_level) == ((100.0,) * 4, 4000.0)


def test_a_linear_file_is_refused_where_a_mosaic_is_needed() -> None:
    dng = encode_linear_dng(noise(64, 96), META)
    with pytest.raises(
        MosaicError, match=r"every pixel has all colours.*`rawkit restore` takes it"
    ):
        decode(dng)


def test_a_linear_file_of_one_value_is_blank() -> None:
    with pytest.raises(BlankError, match="all 6144 pixels"):
        decode(encode_linear_dng(np.full((64, 96, 3), 600, np.uint16), META), resample=True)


def test_mosaics_are_no_linear_files() -> None:
    image = decode(encode_dng(noise_mosaic(), DngMeta("Rawkit", "Test")), resample=True)
    assert not image.resampled


def test_libraw_renders_a_linear_file() -> None:
    with open_raw(encode_linear_dng(noise(65, 97), META)) as raw:
        before = raw.image(resample=True)
        assert raw.render(RenderParameters()).shape == (65, 97, 3)
        np.testing.assert_array_equal(raw.image(resample=True).pixels, before.pixels)


@pytest.mark.parametrize(
    ("channels", "meta", "said"),
    [
        (noise_mosaic(), META, "channels of shape"),
        (noise(64, 96).astype(np.float32), META, "float32"),
        (noise(64, 96), DngMeta("A", "B", black_level=(1, 2, 3, 4)), "each place of a cell"),
    ],
)
def test_what_cannot_be_a_linear_dng_is_refused(
    channels: NDArray[np.uint16], meta: DngMeta, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        encode_linear_dng(channels, meta)
