"""Decoding through LibRaw: what comes out is what the sensor gave, or a named refusal."""

import importlib
import struct
from pathlib import Path

import numpy as np
import pytest
import rawpy
from PIL import Image

from rawkit.errors import (
    BlankError,
    CorruptError,
    MosaicError,
    NotRawError,
    RawFileError,
    TruncatedError,
    UnreadableError,
)
from rawkit.sensor import RenderParameters, decode, open_raw, pack
from rawkit.synth.dng import BAYER_PATTERNS, DngMeta, encode_dng, write_dng
from tests.support.factories import (
    COLOUR_STEP,
    coloured_mosaic,
    noise_mosaic,
    patch_tag,
    write_noise_dng,
)

decoding = importlib.import_module(
    "rawkit.sensor.decode"
)  # the package has a function of that name
PLAIN = encode_dng(noise_mosaic(), DngMeta("Rawkit", "Test"))

REAL: dict[str, tuple[list[int], int, str, list[int], float | None, float | None]] = {
    # name: black, white, pattern, visible (top, left, height, width), seconds, ISO
    "CANON_G2_CRW_0304.CRW": ([32] * 4, 1023, "RGGB", [6, 12, 1720, 2312], 0.0198, 50),
    "CANON_S40_CRW_0101.CRW": ([32] * 4, 1023, "RGGB", [6, 12, 1720, 2312], 0.0099, 50),
    "KODAK_DC120_P003911_compressed.KDC": ([0] * 4, 510, "GRBG", [0, 0, 976, 848], 0.0038, 160),
    "CANON_EOS_D30_5s.CRW": ([127, 128, 128, 128], 4095, "RGGB", [6, 48, 1448, 2176], 4.97, 100),
    "Blackmagic_BMPCC_lowlight_GBRG.dng": (
        [256] * 4, 51080, "GBRG", [0, 0, 1112, 1952], None, None,
    ),
    "RAW_KODAK_DC50.KDC": ([0] * 4, 16383, "GRBG", [0, 0, 512, 768], 0.0044, 84),
}  # fmt: skip


@pytest.mark.parametrize("name", REAL)
def test_real_files_have_the_levels_geometry_and_exposure_of_their_readme(
    real_data: Path, name: str
) -> None:
    black, white, pattern, visible, seconds, iso = REAL[name]
    image = decode(real_data / name)
    mosaic = image.mosaic
    assert list(mosaic.black_level) == black
    assert mosaic.white_level == white
    assert mosaic.pattern_text == pattern
    assert [mosaic.top, mosaic.left, mosaic.height, mosaic.width] == visible
    assert list(image.pixels.shape) == visible[2:]
    # The table gives two or three digits.
    assert image.exposure.seconds == (None if seconds is None else pytest.approx(seconds, rel=0.02))
    assert image.exposure.iso == (None if iso is None else pytest.approx(iso, rel=0.01))


@pytest.mark.parametrize("name", REAL)
def test_the_pixels_of_real_files_are_those_of_libraw_bit_for_bit(
    real_data: Path, name: str
) -> None:
    with rawpy.imread(str(real_data / name)) as raw:
        expected = raw.raw_image_visible.copy()
        colours = raw.raw_colors_visible[:2, :2].copy()
    image = decode(real_data / name)
    np.testing.assert_array_equal(image.pixels, expected)
    np.testing.assert_array_equal(image.mosaic.pattern, colours)


def test_the_pixels_outlive_the_file(tmp_path: Path) -> None:
    mosaic = write_noise_dng(tmp_path / "a.dng")
    pixels = decode(tmp_path / "a.dng").pixels
    assert pixels.base is None or pixels.flags.owndata
    np.testing.assert_array_equal(pixels, mosaic)


@pytest.mark.parametrize("lossless_jpeg", [False, True])
@pytest.mark.parametrize("suffix", [".dng", ".ARW", ".cr2"])
def test_a_file_is_known_by_its_content_not_its_name(
    tmp_path: Path,
    suffix: str,
    lossless_jpeg: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    mosaic = noise_mosaic()
    path = tmp_path / f"a{suffix}"
    write_dng(path, mosaic, DngMeta("Rawkit", "Test"), lossless_jpeg=lossless_jpeg)
    np.testing.assert_array_equal(decode(path).pixels, mosaic)


@pytest.mark.parametrize("pattern", BAYER_PATTERNS)
@pytest.mark.parametrize(
    "margins", [(0, 0), (1, 0), (0, 1), (1, 1), (2, 2), (3, 5), (6, 12), (2, 7)]
)
@pytest.mark.parametrize("ends", [(0, 0), (1, 1)])
def test_planes_have_their_colours_whatever_the_pattern_margins_and_size(
    tmp_path: Path, pattern: str, margins: tuple[int, int], ends: tuple[int, int]
) -> None:
    height, width = 40, 48
    whole = coloured_mosaic((height, width), pattern, margins)
    area = (*margins, height - ends[0], width - ends[1])
    meta = DngMeta("Rawkit", "Test", pattern=BAYER_PATTERNS[pattern], active_area=area)
    write_dng(tmp_path / "a.dng", whole, meta)
    image = decode(tmp_path / "a.dng")
    mosaic = image.mosaic
    visible = whole[
        mosaic.top : mosaic.top + mosaic.height, mosaic.left : mosaic.left + mosaic.width
    ]
    np.testing.assert_array_equal(image.pixels, visible)
    assert mosaic.pattern_text == "".join(
        " RGB"[image.pixels[y, x] // COLOUR_STEP] for y in (0, 1) for x in (0, 1)
    )
    red, first_green, blue, second_green = pack(image.pixels, mosaic.phase)
    assert set((red // COLOUR_STEP).ravel().tolist()) == {1}
    assert set((blue // COLOUR_STEP).ravel().tolist()) == {3}
    for green, neighbour in ((first_green, red), (second_green, blue)):
        np.testing.assert_array_equal(green - 2 * COLOUR_STEP, neighbour % COLOUR_STEP)


@pytest.mark.parametrize("pattern", BAYER_PATTERNS)
@pytest.mark.parametrize("margins", [(0, 0), (2, 4)])
def test_every_plane_gets_the_black_level_of_its_place_in_the_cell(
    tmp_path: Path, pattern: str, margins: tuple[int, int]
) -> None:
    levels = (100.0, 200.0, 300.0, 400.0)
    write_noise_dng(
        tmp_path / "a.dng",
        pattern=BAYER_PATTERNS[pattern],
        active_area=(*margins, 64, 96),
        black_level=levels,
    )
    mosaic = decode(tmp_path / "a.dng").mosaic
    places = [2 * (y % 2) + x % 2 for y, x, _ in mosaic.positions()]
    assert mosaic.black_level == tuple(levels[place] for place in places)


def test_the_white_balance_is_by_plane_with_the_first_green_as_one(tmp_path: Path) -> None:
    write_noise_dng(tmp_path / "a.dng", as_shot_neutral=(0.5, 1.0, 0.8))
    balance = decode(tmp_path / "a.dng").white_balance
    assert balance.source == "camera"
    assert balance.multipliers == pytest.approx((2.0, 1.0, 1.25, 1.0), rel=1e-3)


@pytest.mark.parametrize("neutral", [None, (1.0, 1.0, 1.0)])
def test_without_a_usable_as_shot_balance_daylight_is_taken_and_recorded(
    tmp_path: Path, neutral: tuple[float, float, float] | None
) -> None:
    write_noise_dng(tmp_path / "a.dng", as_shot_neutral=neutral)
    balance = decode(tmp_path / "a.dng").white_balance
    assert balance.kind == "daylight"
    assert balance.multipliers[1] == 1
    assert min(balance.multipliers) > 0


def test_the_negative_as_shot_balance_of_a_real_file_is_replaced(real_data: Path) -> None:
    balance = decode(real_data / "CANON_EOS_D30_5s.CRW").white_balance
    assert balance.source == "daylight"
    assert balance.multipliers == pytest.approx((2.10, 1.0, 1.06, 1.0), abs=0.01)


def test_libraw_tells_the_exposure_that_exif_holds(tmp_path: Path) -> None:
    write_noise_dng(tmp_path / "a.dng", iso=1600, seconds=0.25, f_number=5.6)
    exposure = decode(tmp_path / "a.dng").exposure
    assert exposure.iso == 1600
    assert exposure.seconds == pytest.approx(0.25)
    assert exposure.f_number == pytest.approx(5.6, rel=1e-3)


def test_an_orientation_turns_nothing(tmp_path: Path) -> None:
    mosaic = write_noise_dng(tmp_path / "a.dng", orientation=6)
    np.testing.assert_array_equal(decode(tmp_path / "a.dng").pixels, mosaic)


def refusal(path: Path, data: bytes) -> RawFileError:
    path.write_bytes(data)
    with pytest.raises(RawFileError) as caught:
        decode(path)
    assert caught.value.where == str(path)
    return caught.value


def linear_dng() -> bytes:
    """Build a DNG whose pixels have all three colours already."""
    height, width = 32, 48
    dng = encode_dng(
        noise_mosaic((height, 3 * width)),
        DngMeta("Rawkit", "Test", active_area=(0, 0, height, width)),
    )
    dng = patch_tag(dng, 256, 4, struct.pack("<I", width), 1)
    dng = patch_tag(dng, 262, 3, struct.pack("<H", 34892), 1)
    return patch_tag(dng, 277, 3, struct.pack("<H", 3), 1)


def huge_dng() -> bytes:
    side = struct.pack("<I", 30000)
    return patch_tag(patch_tag(PLAIN, 256, 4, side, 1), 257, 4, side, 1)


def damaged_jpeg() -> bytes:
    dng = encode_dng(noise_mosaic(), DngMeta("Rawkit", "Test"), lossless_jpeg=True)
    return dng[:800] + bytes(len(dng) - 800)


@pytest.mark.parametrize(
    ("data", "expected", "text"),
    [
        (b"", NotRawError, "an empty file"),
        (b"Dear diary, no pictures today.\n" * 100, NotRawError, "not a raw file"),
        (bytes(100_000), NotRawError, "not a raw file"),
        (PLAIN[:-1], TruncatedError, "pixel data up to byte"),
        (huge_dng(), TruncatedError, "30000x30000 pixels declared in"),
        (damaged_jpeg(), CorruptError, "LibRaw cannot decode it"),
        (
            encode_dng(np.zeros((64, 96), np.uint16), DngMeta("A", "B")),
            BlankError,
            "all 6144 pixels of the mosaic are 0",
        ),
        (
            encode_dng(np.full((64, 96), 512, np.uint16), DngMeta("A", "B")),
            BlankError,
            "all 6144 pixels of the mosaic are 512",
        ),
        (
            encode_dng(noise_mosaic(), DngMeta("A", "B", black_level=4000, white_level=4000)),
            CorruptError,
            "a white level of 4000; expected more than the black level of 4000",
        ),
        (linear_dng(), MosaicError, "every pixel has all colours"),
        (
            patch_tag(PLAIN, 50710, 1, bytes([0, 1, 2, 3]), 4),
            MosaicError,
            "a four-colour mosaic",
        ),
    ],
    ids=[
        "empty", "text", "zeros", "truncated", "huge", "damaged-jpeg", "zero-pixels",
        "constant-pixels", "white-at-black", "linear", "four-colour",
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_by_name(
    tmp_path: Path, data: bytes, expected: type[RawFileError], text: str
) -> None:
    error = refusal(tmp_path / "a.dng", data)
    assert type(error) is expected
    assert text in str(error)


def test_a_jpeg_with_the_name_of_a_raw_file_is_not_raw(tmp_path: Path) -> None:
    path = tmp_path / "a.cr2"
    Image.fromarray(np.zeros((64, 96, 3), np.uint8)).save(path, "JPEG")
    with pytest.raises(NotRawError):
        decode(path)


def test_the_real_jpeg_named_cr2_is_not_raw(real_data: Path) -> None:
    with pytest.raises(NotRawError):
        decode(real_data / "broken" / "JPEG_named_canon_350d.cr2")


def test_a_folder_and_a_missing_file_are_unreadable(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="Is a directory"):
        decode(tmp_path)
    with pytest.raises(UnreadableError, match="No such file"):
        decode(tmp_path / "missing.dng")


@pytest.mark.parametrize("limit", [0, decoding.MAX_BYTES_AT_ONCE])
def test_a_file_read_whole_and_one_read_by_libraw_give_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(decoding, "MAX_BYTES_AT_ONCE", limit)
    path = tmp_path / "a.dng"
    write_dng(path, noise_mosaic(), DngMeta("Rawkit", "Test"), lossless_jpeg=True)
    with open_raw(path) as raw:
        image, picture = raw.image(), raw.render(RenderParameters())
    np.testing.assert_array_equal(image.pixels, noise_mosaic())
    with open_raw(path.read_bytes()) as raw:
        np.testing.assert_array_equal(raw.render(RenderParameters()), picture)


def test_pixels_that_are_not_copied_are_those_that_are(tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    path.write_bytes(PLAIN)
    with open_raw(path) as raw:
        borrowed = raw.image(copy=False).pixels
        copied = raw.image().pixels
        assert not np.shares_memory(borrowed, copied)
        np.testing.assert_array_equal(borrowed, copied)
        raw.render(RenderParameters())
        np.testing.assert_array_equal(borrowed, copied, err_msg="rendering changes them")
