"""Raw files in memory are decoded and refused as files on disk are."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from rawkit.errors import BlankError, NotRawError, RawFileError, TruncatedError
from rawkit.sensor import RenderParameters, decode, open_raw
from rawkit.synth.dng import DngMeta, write_dng
from tests.support.factories import patch_tag, write_noise_dng

OPENERS = [bytes, io.BytesIO]


@pytest.mark.parametrize("opener", OPENERS)
def test_pixels_levels_and_picture_are_those_of_the_path(
    tmp_path: Path, opener: Callable[[bytes], bytes | BinaryIO]
) -> None:
    path = tmp_path / "a.dng"
    write_noise_dng(path)
    contents = path.read_bytes()
    parameters = RenderParameters(bits=16, adjust_maximum_thr=0)
    with open_raw(path) as expected, open_raw(opener(contents), name="a member") as found:
        one, other = expected.image(), found.image()
        np.testing.assert_array_equal(one.pixels, other.pixels)
        assert one.mosaic == other.mosaic
        assert one.exposure == other.exposure
        np.testing.assert_array_equal(expected.render(parameters), found.render(parameters))


def test_a_file_may_stand_anywhere_and_stays_open(tmp_path: Path) -> None:
    mosaic = write_noise_dng(tmp_path / "a.dng")
    with (tmp_path / "a.dng").open("rb") as file:
        file.seek(99)
        np.testing.assert_array_equal(decode(file).pixels, mosaic)
        assert not file.closed


def test_real_files_in_memory_are_those_on_disk(real_data: Path) -> None:
    for path in sorted(path for path in real_data.iterdir() if path.suffix in (".CRW", ".KDC")):
        np.testing.assert_array_equal(decode(path.read_bytes()).pixels, decode(path).pixels)


def huge(contents: bytes) -> bytes:
    """Declare 30000x30000 pixels in one byte of data."""
    for tag in (256, 257):
        contents = patch_tag(contents, tag, 4, (30_000).to_bytes(4, "little"), 1)
    return patch_tag(contents, 279, 4, (1).to_bytes(4, "little"), 1)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda contents: b"", NotRawError),  # noqa: ARG005
        (lambda contents: b"no picture" * 100, NotRawError),  # noqa: ARG005
        (lambda contents: contents[:-100], TruncatedError),
        (huge, TruncatedError),
    ],
    ids=["empty", "text", "cut", "huge"],
)
def test_bad_files_are_refused_in_the_same_words(
    tmp_path: Path, change: Callable[[bytes], bytes], error: type[RawFileError]
) -> None:
    path = tmp_path / "a.dng"
    write_noise_dng(path)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(error) as of_path:
        decode(path)
    with pytest.raises(error) as of_bytes:
        decode(path.read_bytes(), name="x.zip: a.dng")
    assert of_bytes.value.reason == of_path.value.reason
    assert of_bytes.value.where == "x.zip: a.dng"


def test_blank_pictures_are_refused(tmp_path: Path) -> None:
    write_dng(tmp_path / "a.dng", np.zeros((64, 96), np.uint16), DngMeta("Rawkit", "Test"))
    with pytest.raises(BlankError):
        decode((tmp_path / "a.dng").read_bytes())
