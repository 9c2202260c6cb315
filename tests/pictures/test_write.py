"""Pictures as files: pixels, orientation, and the profile that says which tone curve they have."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageCms, ImageOps

from rawkit.errors import OutputError, UsageError
from rawkit.pictures.curve import encoded_of, icc_profile, linear_of
from rawkit.pictures.write import orient, quantise, write_png
from rawkit.sensor import RenderParameters, open_raw
from rawkit.synth import DngMeta, write_dng

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

units = st.floats(0, 1)


def picture_of(bits: int, shape: tuple[int, int] = (13, 17)) -> NDArray[np.unsignedinteger]:
    generator = np.random.default_rng(1)
    return generator.integers(0, 2**bits, (*shape, 3), np.uint8 if bits == 8 else np.uint16)


def bt709(light: float) -> float:
    """Write the curve of ITU-R BT.709 down as the recommendation has it."""
    return 4.5 * light if light < 0.018 else 1.099 * light**0.45 - 0.099


@pytest.mark.parametrize("bits", [8, 16])
def test_opencv_reads_the_pixels_that_were_written(tmp_path: Path, bits: int) -> None:
    picture = picture_of(bits)
    write_png(tmp_path / "a.png", picture)
    read = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)
    assert read is not None
    assert read.dtype == picture.dtype
    np.testing.assert_array_equal(read[..., ::-1], picture)


def test_pillow_reads_the_pixels_that_were_written(tmp_path: Path) -> None:
    picture = picture_of(8)
    write_png(tmp_path / "a.png", picture)
    with Image.open(tmp_path / "a.png") as image:
        image.load()  # checks every chunk's CRC
        assert image.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(image), picture)


@pytest.mark.parametrize("bits", [8, 16])
def test_the_profile_is_in_the_file(tmp_path: Path, bits: int) -> None:
    write_png(tmp_path / "a.png", picture_of(bits))
    data = (tmp_path / "a.png").read_bytes()
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["icc_profile"] == icc_profile()
    # As the PNG specification asks: before the pixels, once.
    assert data.count(b"iCCP") == 1
    assert data.index(b"IHDR") < data.index(b"iCCP") < data.index(b"IDAT")


def test_the_profile_parses_and_names_its_curve() -> None:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile()))
    assert "BT.709" in ImageCms.getProfileDescription(profile)
    assert profile.profile.xcolor_space.strip() == "RGB"
    assert profile.profile.connection_space.strip() == "XYZ"
    assert struct.unpack(">I", icc_profile()[:4]) == (len(icc_profile()),)


def test_a_colour_manager_shows_the_tones_of_bt709() -> None:
    levels = np.arange(256, dtype=np.uint8)
    grey = Image.fromarray(np.repeat(levels[None, :, None], 3, axis=2))
    ours = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile()))
    srgb = ImageCms.createProfile("sRGB")
    shown = ImageCms.profileToProfile(grey, ours, srgb)
    assert shown is not None
    light = linear_of(levels / 255)
    expected = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    found = np.asarray(shown).astype(int)[0]
    np.testing.assert_allclose(found, np.repeat(255 * expected[:, None], 3, axis=1), atol=1.01)
    # The two curves are far from the same: BT.709 is darker in file, brighter in light.
    assert found[64, 1] > 64 + 10


def test_a_colour_manager_finds_the_primaries_of_srgb() -> None:
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
    ours = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile()))
    shown = ImageCms.profileToProfile(
        Image.fromarray(colours), ours, ImageCms.createProfile("sRGB")
    )
    assert shown is not None
    np.testing.assert_allclose(np.asarray(shown).astype(int), colours, atol=3)


@given(units)
def test_linear_light_is_the_inverse_of_encoded_values(value: float) -> None:
    one = np.array([value])
    assert linear_of(encoded_of(one))[0] == pytest.approx(value, abs=1e-9)
    assert encoded_of(linear_of(one))[0] == pytest.approx(value, abs=1e-9)


@given(units)
def test_the_curve_is_that_of_bt709(light: float) -> None:
    # 1/2.222 and the offsets that join smoothly differ from the rounded 0.45 and 0.099 a little.
    assert encoded_of(np.array([light]))[0] == pytest.approx(bt709(light), abs=1e-3)


def test_the_curve_rises_and_has_no_step_where_its_parts_meet() -> None:
    light = np.linspace(0, 1, 100_001)
    encoded = encoded_of(light)
    steps = np.diff(encoded)
    assert (steps > 0).all()
    assert steps.max() <= 4.5e-5 * (1 + 1e-6)
    assert (encoded[0], encoded[-1]) == (0, pytest.approx(1, abs=1e-12))


def test_libraw_renders_with_this_curve(tmp_path: Path) -> None:
    levels = np.array([60, 200, 500, 1500, 4000, 9000, 15000])
    meta = DngMeta("Rawkit", "Flat", white_level=16383, as_shot_neutral=(0.9, 1.0, 0.8))
    light = []
    for level in levels:
        write_dng(tmp_path / "flat.dng", np.full((64, 96), level, np.uint16), meta)
        with open_raw(tmp_path / "flat.dng") as raw:
            picture = raw.render(RenderParameters(bits=16))
        light.append(linear_of(picture[32, 48] / 65535))
    green = np.array(light)[:, 1]
    np.testing.assert_allclose(green, levels / 16383, rtol=5e-3, atol=2e-5)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_pillow_turns_them(orientation: int) -> None:
    picture = picture_of(8, (5, 8))
    image = Image.fromarray(picture)
    image.getexif()[274] = orientation
    expected = np.asarray(ImageOps.exif_transpose(image))
    turned = orient(picture, orientation)
    np.testing.assert_array_equal(turned, expected)
    assert turned.flags.c_contiguous


@given(hnp.arrays(np.float32, (3, 4, 3), elements=st.floats(-2, 3, width=32)),
       st.sampled_from([8, 16]))  # fmt: skip
def test_integers_are_the_nearest_ones_and_clipped(picture: NDArray[np.float32], bits: int) -> None:
    found = quantise(picture, bits)
    assert found.dtype == (np.uint8 if bits == 8 else np.uint16)
    top = 2**bits - 1
    exact = np.clip(picture.astype(np.float64), 0, 1) * top
    assert np.abs(found - exact).max() <= 0.5 + 0.01


@pytest.mark.parametrize("bits", [1, 12, 32])
def test_other_depths_are_refused(bits: int) -> None:
    with pytest.raises(UsageError, match=f"{bits} bits"):
        quantise(np.zeros((2, 2, 3), np.float32), bits)


def test_a_picture_that_cannot_be_written_leaves_the_one_that_was_there(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(OutputError):
        write_png(tmp_path / "folder.png", picture_of(8))
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]
