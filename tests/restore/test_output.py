"""Formats, linear light, what is skipped, and the manifest."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageCms

from rawkit.errors import UsageError
from rawkit.models import build, prepare
from rawkit.pictures.curve import icc_profile, linear_of
from rawkit.pictures.write import PictureFormat, write_picture
from rawkit.restore import MANIFEST, Brightness, Output, Restorer, restore_files
from rawkit.sensor import Amplification
from rawkit.synth import DngMeta, write_dng

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def restorer() -> Restorer:
    torch.manual_seed(0)
    return Restorer(prepare(build("lamba2021")), "lamba2021", None, Amplification())


def raw_file(path: Path, seed: int = 0) -> Path:
    mosaic = np.random.default_rng(seed).integers(500, 700, (62, 90)).astype(np.uint16)
    write_dng(path, mosaic, DngMeta("Maker", "Model", black_level=512, white_level=16383))
    return path


def picture(bits: int) -> np.ndarray[tuple[int, ...], np.dtype[np.unsignedinteger]]:
    values = np.random.default_rng(1).integers(0, 2**bits, (20, 30, 3))
    return values.astype(np.uint8 if bits == 8 else np.uint16)


@pytest.mark.parametrize("bits", [8, 16])
def test_tiff_holds_the_picture_and_its_profile(tmp_path: Path, bits: int) -> None:
    write_picture(tmp_path / "a.tif", picture(bits), PictureFormat("tiff", bits))
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        np.testing.assert_array_equal(file.asarray(), picture(bits))
        assert file.pages[0].tags["InterColorProfile"].value == icc_profile()  # type: ignore[union-attr]


def test_jpeg_holds_about_the_picture_and_its_profile(tmp_path: Path) -> None:
    y, x = np.mgrid[:64, :96]
    smooth = np.stack([2 * y, 2 * x, y + x], -1).astype(np.uint8)
    write_picture(tmp_path / "a.jpg", smooth, PictureFormat("jpeg"))
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.info["icc_profile"] == icc_profile()
        assert np.abs(np.asarray(image).astype(int) - smooth).mean() < 2


def test_jpeg_has_no_16_bits() -> None:
    with pytest.raises(UsageError, match="jpeg with 16 bits"):
        PictureFormat("jpeg", 16)


def test_the_profile_of_linear_light_is_a_straight_line() -> None:
    linear = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile(linear=True)))
    srgb = ImageCms.createProfile("sRGB")
    assert "Linear" in ImageCms.getProfileDescription(linear)
    half = Image.new("RGB", (1, 1), (128, 128, 128))
    shown = ImageCms.profileToProfile(half, linear, srgb)
    assert shown is not None
    assert abs(shown.getpixel((0, 0))[0] - 188) <= 1  # type: ignore[index] # sRGB of linear 0.502


def test_linear_output_is_the_curve_inverted(tmp_path: Path, restorer: Restorer) -> None:
    path, sixteen = raw_file(tmp_path / "a.dng"), PictureFormat("png", 16)
    (curved,) = restore_files([path], Output(tmp_path / "one", sixteen), restorer).restored
    (straight,) = restore_files(
        [path], Output(tmp_path / "two", sixteen, linear=True), restorer
    ).restored
    first, second = (
        np.asarray(cv2.imread(str(one.picture), cv2.IMREAD_UNCHANGED)) / 65535
        for one in (curved, straight)
    )
    np.testing.assert_allclose(second, linear_of(first), atol=2e-5)


def test_the_manifest_has_a_line_for_each_picture(tmp_path: Path, restorer: Restorer) -> None:
    files = [raw_file(tmp_path / f"{name}.dng", seed) for seed, name in enumerate("abc")]
    report = restore_files(
        files, Output(tmp_path / "out", brightness=Brightness("auto", (1.0, 5.0))), restorer
    )
    lines = [json.loads(line) for line in (tmp_path / "out" / MANIFEST).read_text().splitlines()]
    assert [line["picture"] for line in lines] == [str(one.picture) for one in report.restored]
    assert lines[1]["amplification"] == pytest.approx(5 * lines[0]["amplification"])
    assert lines[0]["black_level"] == [512.0] * 4
    assert min(line["decode_seconds"] for line in lines) > 0


def test_what_is_there_is_skipped_and_the_rest_goes_on(tmp_path: Path, restorer: Restorer) -> None:
    files = [raw_file(tmp_path / f"{name}.dng", seed) for seed, name in enumerate("abc")]
    output = Output(tmp_path / "out", skip_existing=True)
    restore_files(files[:1], output, restorer)
    before = (tmp_path / "out" / "a.png").stat().st_mtime_ns
    report = restore_files(files, output, restorer)
    assert report.skipped == [str(files[0])]
    assert [one.source for one in report.restored] == list(map(str, files[1:]))
    assert (tmp_path / "out" / "a.png").stat().st_mtime_ns == before


def test_pictures_of_other_weights_do_not_count_as_there(
    tmp_path: Path, restorer: Restorer
) -> None:
    file = raw_file(tmp_path / "a.dng", 0)
    output = Output(tmp_path / "out", skip_existing=True)
    old, new = replace(restorer, identity="old"), replace(restorer, identity="new")
    for one, skipped in ((old, []), (old, [str(file)]), (new, []), (new, [str(file)]), (old, [])):
        assert restore_files([file], output, one).skipped == skipped


def test_a_picture_without_a_line_in_the_manifest_is_made_again(
    tmp_path: Path, restorer: Restorer
) -> None:
    file = raw_file(tmp_path / "a.dng", 0)
    output = Output(tmp_path / "out", skip_existing=True)
    restore_files([file], output, restorer)
    (tmp_path / "out" / "manifest.jsonl").unlink()
    assert restore_files([file], output, restorer).skipped == []


def test_the_order_of_results_is_that_of_the_files(tmp_path: Path, restorer: Restorer) -> None:
    files = [raw_file(tmp_path / f"{number}.dng", number) for number in range(6)]
    broken = tmp_path / "x.dng"
    broken.write_bytes(b"not a raw file")
    given = [files[3], broken, *files[:3], *files[4:]]
    report = restore_files(given, Output(tmp_path / "out"), restorer)
    assert [one.source for one in report.restored] == [str(x) for x in given if x != broken]
    assert [where for where, _ in report.failed] == [str(broken)]
