"""DNG files that rawkit writes, read by LibRaw and exifread."""

from __future__ import annotations

import errno
import io
from pathlib import Path
from typing import TYPE_CHECKING

import exifread
import numpy as np
import pytest
import rawpy
from hypothesis import given, settings
from hypothesis import strategies as st

from rawkit.errors import OutputError, UsageError
from rawkit.synth import BAYER_PATTERNS, CAMERAS, DngMeta, encode_dng, write_dng
from rawkit.synth.dng import encode_dng_head

if TYPE_CHECKING:
    from numpy.typing import NDArray

MODELS = [(camera.make, camera.model) for camera in CAMERAS.values()] + [("Acme", "One")]
MASKED = (4, 16)


def noise(shape: tuple[int, int], seed: int = 0) -> NDArray[np.uint16]:
    return np.random.default_rng(seed).integers(300, 16383, shape, np.uint16)


def decode(data: bytes) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Whole and visible mosaic as LibRaw unpacks them."""
    with rawpy.imread(io.BytesIO(data)) as raw:
        return raw.raw_image.copy(), raw.raw_image_visible.copy()


@pytest.mark.parametrize(("make", "model"), MODELS)
@pytest.mark.parametrize("phase", BAYER_PATTERNS)
@pytest.mark.parametrize("visible", [(96, 128), (101, 133)])
def test_libraw_gives_back_every_pixel(
    make: str, model: str, phase: str, visible: tuple[int, int]
) -> None:
    top, left = MASKED
    mosaic = noise((visible[0] + top, visible[1] + left))
    area = (top, left, *mosaic.shape)
    meta = DngMeta(make, model, pattern=BAYER_PATTERNS[phase], active_area=area)
    whole, seen = decode(encode_dng(mosaic, meta))
    np.testing.assert_array_equal(whole, mosaic)
    np.testing.assert_array_equal(seen, mosaic[top:, left:])


@given(
    height=st.integers(32, 90),
    width=st.integers(32, 90),
    top=st.integers(0, 5),
    left=st.integers(0, 5),
    bottom=st.integers(0, 9),
    right=st.integers(0, 9),
    seed=st.integers(0, 99),
)
@settings(max_examples=25, deadline=None)
def test_any_geometry_with_even_margins_comes_back(
    height: int, width: int, top: int, left: int, bottom: int, right: int, seed: int
) -> None:
    top, left = 2 * top, 2 * left
    mosaic = noise((top + height + bottom, left + width + right), seed)
    meta = DngMeta("Acme", "One", active_area=(top, left, top + height, left + width))
    _, seen = decode(encode_dng(mosaic, meta))
    np.testing.assert_array_equal(seen, mosaic[top : top + height, left : left + width])


@pytest.mark.parametrize("shape", [(96, 128), (101, 133)])
def test_lossless_jpeg_gives_back_every_pixel(shape: tuple[int, int]) -> None:
    mosaic = noise(shape)
    data = encode_dng(mosaic, DngMeta("Acme", "One"), lossless_jpeg=True)
    assert len(data) < 2 * mosaic.size + 200
    np.testing.assert_array_equal(decode(data)[0], mosaic)


@pytest.mark.parametrize("phase", BAYER_PATTERNS)
def test_phase_and_black_level_of_each_place(phase: str) -> None:
    top, left = MASKED
    blacks = (500.0, 510.0, 520.0, 530.0)
    meta = DngMeta(
        "Acme",
        "One",
        pattern=BAYER_PATTERNS[phase],
        black_level=blacks,
        white_level=15000,
        active_area=(top, left, 96 + top, 128 + left),
    )
    with rawpy.imread(io.BytesIO(encode_dng(noise((96 + top, 128 + left)), meta))) as raw:
        assert raw.raw_pattern is not None
        colours = raw.raw_pattern.ravel().tolist()
        letters = "".join("RGBG"[colour] for colour in colours)
        by_place = tuple(float(raw.black_level_per_channel[colour]) for colour in colours)
        white = raw.white_level
        margins = (raw.sizes.top_margin, raw.sizes.left_margin)
    assert letters == phase
    assert by_place == blacks
    assert white == 15000
    assert margins == MASKED


def test_masked_areas_replace_the_black_level() -> None:
    mosaic = np.full((100, 144), 900, np.uint16)
    mosaic[:, :16] = 300
    meta = DngMeta("Acme", "One", black_level=512.0, active_area=(0, 16, 100, 144))
    masked = DngMeta(
        "Acme",
        "One",
        black_level=512.0,
        active_area=(0, 16, 100, 144),
        masked_areas=((0, 0, 100, 16),),
    )
    for described, black in ((meta, 512), (masked, 300)):
        with rawpy.imread(io.BytesIO(encode_dng(mosaic, described))) as raw:
            assert set(raw.black_level_per_channel) == {black}


def test_white_balance_and_orientation() -> None:
    meta = DngMeta("Acme", "One", as_shot_neutral=(0.5, 1.0, 0.625), orientation=6)
    with rawpy.imread(io.BytesIO(encode_dng(noise((64, 64)), meta))) as raw:
        assert raw.camera_whitebalance[:3] == pytest.approx([2.0, 1.0, 1.6])
        assert raw.sizes.flip == 6


@pytest.mark.parametrize("suffix", [".ARW", ".cr2", ".dng"])
def test_exif_lies_at_the_start_of_a_file_of_any_name(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"picture{suffix}"
    meta = DngMeta(
        "Canon",
        "Canon EOS 5D Mark IV",
        iso=12800,
        seconds=1 / 30,
        f_number=5.6,
        taken="2018:04:05 21:22:23",
        orientation=8,
    )
    mosaic = noise((128, 192))
    assert write_dng(path, mosaic, meta) == path.stat().st_size
    head = path.read_bytes()[:1024]
    assert len(encode_dng_head((128, 192), meta)) <= len(head)
    tags = exifread.process_file(io.BytesIO(head), details=False)
    assert str(tags["Image Make"]) == "Canon"
    assert str(tags["Image Model"]) == "Canon EOS 5D Mark IV"
    assert str(tags["EXIF ISOSpeedRatings"]) == "12800"
    assert str(tags["EXIF ExposureTime"]) == "1/30"
    assert float(tags["EXIF FNumber"].values[0]) == 5.6
    assert str(tags["EXIF DateTimeOriginal"]) == "2018:04:05 21:22:23"
    assert tags["Image Orientation"].values == [8]
    with rawpy.imread(str(path)) as raw:
        np.testing.assert_array_equal(raw.raw_image, mosaic)
        assert raw.other.iso_speed == 12800
        assert raw.other.shutter_speed == pytest.approx(1 / 30)


def test_what_is_none_is_left_out() -> None:
    data = encode_dng(noise((64, 64)), DngMeta("Acme", "One", as_shot_neutral=None))
    tags = exifread.process_file(io.BytesIO(data), details=False)
    assert not {"EXIF ISOSpeedRatings", "EXIF ExposureTime", "EXIF FNumber"} & set(tags)
    np.testing.assert_array_equal(decode(data)[0], noise((64, 64)))


def test_x_trans_decodes() -> None:
    cell = ("GGRGGB", "GGBGGR", "BRGRBG", "GGBGGR", "GGRGGB", "RBGBRG")
    pattern = tuple(tuple("RGB".index(letter) for letter in row) for row in cell)
    mosaic = noise((512, 768))
    with rawpy.imread(io.BytesIO(encode_dng(mosaic, DngMeta("A", "X", pattern=pattern)))) as raw:
        np.testing.assert_array_equal(raw.raw_image, mosaic)
        assert raw.raw_pattern is not None
        assert raw.raw_pattern.shape == (6, 6)


@pytest.mark.parametrize(
    ("meta", "words"),
    [
        (DngMeta("A", "B", pattern=((0, 1, 2),)), "filter array of 1x3"),
        (DngMeta("A", "B", pattern=((0, 3), (3, 2))), "0 red, 1 green, 2 blue"),
        (DngMeta("A", "B", active_area=(0, 0, 65, 64)), "active area"),
        (DngMeta("A", "B", orientation=9), "orientation 9"),
        (DngMeta("A", "B", white_level=70000), "white level 70000"),
    ],
)
def test_what_no_dng_can_say_is_refused(meta: DngMeta, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        encode_dng(noise((64, 64)), meta)


def test_only_uint16_planes_are_mosaics() -> None:
    with pytest.raises(UsageError, match="two dimensions of uint16"):
        encode_dng(np.zeros((4, 64, 64), np.uint16), DngMeta("A", "B"))


def test_a_failed_write_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "picture.dng"
    path.write_bytes(b"old")

    def full(_self: Path, _target: Path) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError, match="No space left on device"):
        write_dng(path, noise((64, 64)), DngMeta("A", "B"))
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["picture.dng"]


def test_a_missing_folder_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No such file"):
        write_dng(tmp_path / "nowhere" / "picture.dng", noise((64, 64)), DngMeta("A", "B"))
