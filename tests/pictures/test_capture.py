"""What pictures say of their capture, read by others; and that bands make the same picture."""

from __future__ import annotations

import io
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import exifread
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from rawkit.errors import OutputError
from rawkit.pictures.capture import Capture, capture_of_file, exif_block
from rawkit.pictures.curve import icc_profile
from rawkit.pictures.formats import PictureShape, encode_png, encode_tiff
from rawkit.pictures.write import PictureFormat, orient, upright_bands, upright_shape, write_bands
from rawkit.sensor import Exposure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

CAPTURE = Capture(
    "Sony", "ILCE-7SM2", Exposure(1 / 30, 25600, 2.8), "2015:12:01 18:30:05", "FE 28mm F2", 6
)
FORMATS = [
    PictureFormat("png", 8), PictureFormat("png", 16), PictureFormat("jpeg", 8),
    PictureFormat("tiff", 8), PictureFormat("tiff", 16),
]  # fmt: skip

Picture = "NDArray[np.unsignedinteger]"


def picture_of(bits: int, shape: tuple[int, int] = (37, 53)) -> NDArray[np.unsignedinteger]:
    values = np.random.default_rng(1).integers(0, 2**bits, (*shape, 3))
    return values.astype(np.uint8 if bits == 8 else np.uint16)


def cut(
    picture: NDArray[np.unsignedinteger], borders: list[int]
) -> Iterator[NDArray[np.unsignedinteger]]:
    ends = sorted({0, len(picture), *(border for border in borders if border < len(picture))})
    for top, bottom in pairwise(ends):
        yield picture[top:bottom]


@pytest.mark.parametrize("chosen", FORMATS, ids=str)
def test_pillow_and_exifread_find_the_capture(tmp_path: Path, chosen: PictureFormat) -> None:
    path = tmp_path / f"a{chosen.suffix}"
    picture = picture_of(chosen.bits)
    write_bands(path, iter([picture]), picture.shape[:2], chosen, capture=CAPTURE)
    if (chosen.name, chosen.bits) != ("tiff", 16):  # which Pillow does not open
        with Image.open(path) as image:
            assert image.info["icc_profile"] == icc_profile()
            exif = image.getexif()
            assert (exif[271], exif[272], exif[305]) == ("Sony", "ILCE-7SM2", "rawkit")
            assert exif[274] == 1  # the picture is upright
            inner = exif.get_ifd(0x8769)
            assert inner[34855] == 25600
            assert inner[36867] == "2015:12:01 18:30:05"
            assert float(inner[33434]) == pytest.approx(1 / 30)
            assert float(inner[33437]) == pytest.approx(2.8)
            assert inner[42036] == "FE 28mm F2"
    if chosen.name != "png":
        with path.open("rb") as file:
            tags: dict[str, Any] = exifread.process_file(file, details=False)
        assert str(tags["EXIF ExposureTime"]) == "1/30"
        assert str(tags["Image Make"]) == "Sony"
        assert str(tags["EXIF LensModel"]) == "FE 28mm F2"


def test_tifffile_finds_the_capture_and_the_profile(tmp_path: Path) -> None:
    picture = picture_of(16)
    path = tmp_path / "a.tif"
    write_bands(
        path, iter([picture]), picture.shape[:2], PictureFormat("tiff", 16), capture=CAPTURE
    )
    with tifffile.TiffFile(path) as file:
        page: Any = file.pages[0]
        np.testing.assert_array_equal(page.asarray(), picture)
        assert page.tags["ExifTag"].value["ISOSpeedRatings"] == 25600
        assert page.tags["InterColorProfile"].value == icc_profile()
        assert page.tags["Orientation"].value == 1


def test_nothing_is_made_up_where_nothing_is_known() -> None:
    with Image.open(io.BytesIO(_png(picture_of(8), Capture()))) as image:
        exif = image.getexif()
        assert set(exif) == {274, 305, 0x8769}
        assert set(exif.get_ifd(0x8769)) == {36864, 40961}


@given(
    st.none() | st.floats(1e-12, 1e12), st.none() | st.floats(1e-3, 1e12),
    st.none() | st.floats(0.1, 1e10), st.none() | st.text(max_size=20),
)  # fmt: skip
def test_any_capture_can_be_written_and_read_back(
    seconds: float | None, iso: float | None, f_number: float | None, text: str | None
) -> None:
    block = exif_block(Capture(text, text, Exposure(seconds, iso, f_number), None, text))
    found = capture_of_file(io.BytesIO(block), Exposure(None, None, None))
    if seconds is not None and 1e-4 < seconds < 1e5:
        assert found.exposure.seconds == pytest.approx(seconds, rel=1e-2)
    if iso is not None and 1 <= iso < 65000:
        assert found.exposure.iso == round(iso)
    assert found.orientation == 1


def _png(picture: NDArray[np.unsignedinteger], capture: Capture) -> bytes:
    buffer = io.BytesIO()
    bits = 8 * picture.dtype.itemsize
    shape = PictureShape(
        picture.shape[0], picture.shape[1], bits, icc_profile(), "profile", capture
    )
    encode_png(buffer, iter([picture]), shape)
    return buffer.getvalue()


@given(
    st.integers(1, 40), st.integers(1, 30), st.sampled_from([8, 16]),
    st.lists(st.integers(1, 39), max_size=5),
)  # fmt: skip
def test_bands_of_any_height_make_the_same_picture(
    height: int, width: int, bits: int, borders: list[int]
) -> None:
    picture = picture_of(bits, (height, width))
    shape = PictureShape(height, width, bits, icc_profile(), "profile", Capture())
    for encode, read in ((encode_png, _read_png), (encode_tiff, tifffile.imread)):
        buffer = io.BytesIO()
        encode(buffer, cut(picture, borders), shape)
        buffer.seek(0)
        np.testing.assert_array_equal(read(buffer), picture)


def _read_png(file: io.BytesIO) -> NDArray[np.unsignedinteger]:
    import cv2

    read = cv2.imdecode(np.frombuffer(file.getvalue(), np.uint8), cv2.IMREAD_UNCHANGED)
    assert read is not None
    return np.asarray(read[..., ::-1], f"u{read.itemsize}")


@given(
    st.integers(1, 40), st.integers(1, 30), st.integers(1, 8),
    st.lists(st.integers(1, 39), max_size=5), st.sampled_from([0, 500, 10**9]),
)  # fmt: skip
def test_bands_are_turned_as_the_whole_picture_is(
    height: int, width: int, orientation: int, borders: list[int], in_memory: int
) -> None:
    picture = picture_of(8, (height, width))
    bands = list(upright_bands(cut(picture, borders), orientation, in_memory=in_memory))
    turned = np.concatenate(bands)
    np.testing.assert_array_equal(turned, orient(picture, orientation))
    assert turned.shape[:2] == upright_shape(height, width, orientation)


@pytest.mark.parametrize("chosen", FORMATS, ids=str)
def test_a_picture_that_breaks_off_is_no_picture(tmp_path: Path, chosen: PictureFormat) -> None:
    picture = picture_of(chosen.bits)
    with pytest.raises(OutputError, match="rows of a picture"):
        write_bands(tmp_path / "a", iter([picture[:9]]), picture.shape[:2], chosen)
    assert not list(tmp_path.iterdir())


def test_large_pieces_are_compressed_on_several_threads(tmp_path: Path) -> None:
    y, x = np.mgrid[:900, :1100]
    picture = np.stack([y, x, y + x], -1).astype(np.uint8)
    write_bands(tmp_path / "a.png", cut(picture, [300]), (900, 1100), PictureFormat())
    with Image.open(tmp_path / "a.png") as image:
        image.load()
        np.testing.assert_array_equal(np.asarray(image), picture)
    assert (tmp_path / "a.png").read_bytes().count(b"IDAT") >= 4


def test_a_jpeg_that_is_too_wide_is_refused(tmp_path: Path) -> None:
    wide = np.zeros((1, 70000, 3), np.uint8)
    with pytest.raises(OutputError, match="as JPEG"):
        write_bands(tmp_path / "a.jpg", iter([wide]), (1, 70000), PictureFormat("jpeg"))
