"""Real raw files written as DNGs: what LibRaw, ExifRead and tifffile read back, as a table."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import exifread
import numpy as np
import pytest
import rawpy
import tifffile

from rawkit.pictures import MosaicFile, capture_of_file, write_mosaic
from rawkit.sensor import RenderParameters, open_raw

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.bench

EXIF = ("EXIF ExposureTime", "EXIF FNumber", "EXIF ISOSpeedRatings", "EXIF FocalLength",
        "EXIF LensModel", "EXIF DateTimeOriginal", "Image Make", "Image Model",
        "Image Orientation")  # fmt: skip
COLOUR_STEP = 1.5
"""Mean difference of a developed picture from that of the source, of 255, that is let pass."""


def test_real_files_are_the_same_files_to_others(real_data: Path, tmp_path: Path) -> None:
    """Levels, matrix, balance, orientation, EXIF, pixels; and the picture that LibRaw makes."""
    print(f"\n{'file':42} {'pixels':>7} {'levels':>7} {'matrix':>7} {'balance':>8} {'turned':>7} "
          f"{'EXIF':>6} {'picture':>8}")  # fmt: skip
    files = [one for one in sorted(real_data.iterdir()) if one.is_file() and one.suffix != ".md"]
    assert files
    for source in files:
        path = tmp_path / (source.stem + ".dng")
        with open_raw(source) as raw:
            image = raw.image()
            shown = raw.render(RenderParameters(bits=8), square=True)
        with source.open("rb") as file:
            capture = capture_of_file(file, image.exposure)
        write_mosaic(path, image.pixels, MosaicFile(image, capture, 1, source.name))
        with open_raw(path) as raw:
            again = raw.render(RenderParameters(bits=8), square=True)
        with rawpy.imread(str(path)) as opened:
            assert np.array_equal(opened.raw_image_visible, image.pixels)
            levels = sorted(set(opened.black_level_per_channel)), opened.white_level
            turned = opened.sizes.flip
        wanted = sorted(set(map(round, image.mosaic.black_level))), round(image.mosaic.white_level)
        assert levels == wanted
        with tifffile.TiffFile(path) as tiff:
            tags = tiff.pages.first.tags
            assert np.array_equal(tiff.asarray(), image.pixels)
            if image.colour_matrix is not None:
                matrix = np.reshape(tags["ColorMatrix1"].value, (9, 2))
                assert matrix[:, 0] / matrix[:, 1] == pytest.approx(
                    image.colour_matrix.values, abs=1e-4
                )
            assert tags["Orientation"].value == capture.orientation
        found, theirs = _exif(path), _exif(source)
        differ = {name: (one, found.get(name)) for name, one in theirs.items()
                  if str(found.get(name)) != str(one)}  # fmt: skip
        assert not differ
        _check_exiftool(source, path)
        step = _difference(shown, again)
        kind = image.white_balance.kind
        matrix_is = "none" if image.colour_matrix is None else "equal"
        same = f"{'equal':>7} {'equal':>7} {matrix_is:>7} {kind:>8}"
        print(f"{source.name[:42]:42} {same} {turned:7d} {len(theirs):6d} {step:8.2f}")
        # Of a camera without a matrix LibRaw shows the sensor's colours as they are; a DNG must
        # have one, sRGB's, and what is made by it is not the same.
        assert step < COLOUR_STEP or image.colour_matrix is None


def _exif(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        tags = exifread.process_file(file, details=False)
    return {name: tags[name] for name in EXIF if name in tags}


def _difference(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> float:
    """Mean difference of two pictures of 8 bits, of 255."""
    assert one.shape == other.shape
    return float(np.abs(one.astype(np.int16) - other).mean())


def _check_exiftool(source: Path, path: Path) -> None:
    """Compare by exiftool, where there is one."""
    program = shutil.which("exiftool")
    if program is None:
        return
    names = [
        "-Make",
        "-Model",
        "-ISO",
        "-ExposureTime",
        "-FNumber",
        "-LensModel",
        "-DateTimeOriginal",
    ]
    both = [
        subprocess.run(
            [program, "-s", *names, str(one)], capture_output=True, text=True, check=True
        )
        for one in (source, path)
    ]
    theirs, ours = (dict(line.split(":", 1) for line in one.stdout.splitlines()) for one in both)
    assert theirs.items() <= ours.items()
