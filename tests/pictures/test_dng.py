"""Mosaics written as DNGs and read back."""

from dataclasses import replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from rawkit.errors import UsageError
from rawkit.pictures import Capture, MosaicFile, capture_of_file, greatest_scale, write_mosaic
from rawkit.sensor import (
    BAYER,
    XTRANS,
    Exposure,
    RawImage,
    decode,
    image_of_array,
    open_raw,
    read_carried,
)
from rawkit.synth import BAYER_PATTERNS, DngMeta, encode_dng
from rawkit.tiff import HEADER_BYTES, Tag, encode_directory, encode_header
from tests.support.paths import REPOSITORY

_XTRANS_PATTERN = "RBGBRG/GGRGGB/GGBGGR/BRGRBG/GGBGGR/GGRGGB"


def _read_again(path: Path, image: RawImage, capture: Capture, scale: int = 1) -> RawImage:
    """Write a mosaic, read it, and compare all that both say."""
    pixels = (image.pixels * scale).astype(np.uint16)
    write_mosaic(path, pixels, MosaicFile(image, capture, scale, "IMG_1.ARW"))
    found = decode(path)
    assert np.array_equal(found.pixels, pixels)
    assert found.mosaic.pattern == image.mosaic.pattern
    assert found.mosaic.black_level == tuple(one * scale for one in image.mosaic.black_level)
    assert found.mosaic.white_level == image.mosaic.white_level * scale
    assert found.mosaic.pixel_aspect == pytest.approx(image.mosaic.pixel_aspect, rel=1e-6)
    return found


@pytest.mark.parametrize("pattern", BAYER_PATTERNS)
@pytest.mark.parametrize("orientation", [1, 6])
def test_what_a_file_says_is_said_again(tmp_path: Path, pattern: str, orientation: int) -> None:
    meta = DngMeta(
        "Sony", "ILCE-7SM2", iso=3200, seconds=1 / 30, f_number=5.6, taken="2026:01:02 03:04:05",
        orientation=orientation, pattern=BAYER_PATTERNS[pattern],
        black_level=(510.0, 512.0, 513.0, 511.0), as_shot_neutral=(0.437, 1.0, 0.613),
        active_area=(2, 4, 62, 92),
    )  # fmt: skip
    noise = np.random.default_rng(3).integers(500, 16000, (64, 96), np.uint16)
    source = encode_dng(noise, meta)
    image, capture = decode(source), capture_of_file(BytesIO(source), Exposure(None, None, None))
    found = _read_again(path := tmp_path / "a.dng", image, capture)
    with path.open("rb") as file:
        again = capture_of_file(file, Exposure(None, None, None))
    assert replace(again, carried=capture.carried) == capture
    assert {tag.number: tag for tag in capture.carried.exif}.items() <= {
        tag.number: tag for tag in again.carried.exif
    }.items()
    assert found.white_balance.kind == "camera"
    assert found.white_balance.multipliers == pytest.approx(image.white_balance.multipliers)
    assert image.colour_matrix is not None
    assert found.colour_matrix is not None
    both = [one.colour_matrix.array for one in (image, found) if one.colour_matrix is not None]
    rows = [one / one.sum(axis=1, keepdims=True) for one in both]  # only ratios within a row count
    assert np.abs(rows[0] - rows[1]).max() < 1e-4


def test_levels_may_be_multiplied_to_keep_fractions(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 4095, (32, 48), np.uint16)
    image = image_of_array(pixels, pattern="GBRG", black=[255, 256, 257, 258], white=4095)
    assert greatest_scale(image.mosaic) == 16
    _read_again(tmp_path / "a.dng", image, Capture(), 16)
    with pytest.raises(UsageError, match="white level of 131040"):
        MosaicFile(image, Capture(), 32)


def test_xtrans_mosaics_keep_their_phase(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(1000, 16000, (60, 72), np.uint16)
    image = image_of_array(pixels, pattern=_XTRANS_PATTERN, black=1024, white=16383)
    found = _read_again(tmp_path / "a.dng", image, Capture("Fujifilm", "X-T2"))
    assert found.mosaic.cell == XTRANS


def test_real_files_come_back(tmp_path: Path) -> None:
    for source in sorted((REPOSITORY.parent / "shared" / "raw").glob("*.*")):
        if source.suffix == ".md":
            continue
        with open_raw(source) as raw:
            image = raw.image()
        assert image.mosaic.cell == BAYER
        with source.open("rb") as file:
            capture = capture_of_file(file, image.exposure)
        _read_again(path := tmp_path / source.with_suffix(".dng").name, image, capture)
        with path.open("rb") as file:
            again = capture_of_file(file, Exposure(None, None, None))
        for name in ("make", "model", "taken", "lens", "orientation"):
            assert getattr(again, name) == getattr(capture, name)
        for name in ("seconds", "iso", "f_number"):
            wanted, there = (getattr(one.exposure, name) for one in (capture, again))
            assert there == (None if wanted is None else pytest.approx(wanted, rel=1e-6))


def test_tags_of_either_byte_order_are_carried_as_they_are() -> None:
    exif = [Tag.rational(33434, 1 / 60), Tag.srational(37380, -1 / 3), Tag.short(37383, 5)]
    exif += [
        Tag.undefined(37500, b"maker note"),
        Tag.ascii(42033, "0042"),
        Tag(41994, 12, 1, b"\1" * 8),
    ]
    at = HEADER_BYTES + 2 + 12 * 2 + 4 + 8
    main = [Tag.ascii(271, "Maker"), Tag.long(34665, at)]
    little = encode_header(HEADER_BYTES) + encode_directory(main, HEADER_BYTES)
    little = little.ljust(at, b"\0") + encode_directory(exif, at)
    found = read_carried(BytesIO(little))
    assert {one.number for one in found.exif} == {33434, 37380, 37383, 42033, 41994}
    by_number = {one.number: one for one in found.exif}
    assert Fraction(*np.frombuffer(by_number[33434].data, "<u4").tolist()) == Fraction(1, 60)
    for cut in range(0, len(little), 7):  # whatever is left is read, and nothing is raised
        read_carried(BytesIO(little[:cut]))
