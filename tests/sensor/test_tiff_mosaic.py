"""Mosaics in TIFF: every layout gives the same pixels, and what is not as described is refused."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.errors import (
    BlankError,
    CorruptError,
    MosaicError,
    NotRawError,
    RawFileError,
    TruncatedError,
    UsageError,
)
from rawkit.sensor import TiffMosaic, open_raw

if TYPE_CHECKING:
    from numpy.typing import NDArray

VIDEO = TiffMosaic("GBRG", 12, 240, 4095)
BYTES = TiffMosaic("RGGB", 8, 0, 255)


def pixels_of(shape: tuple[int, int], most: int, seed: int = 0) -> NDArray[Any]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, most + 1, shape, np.uint8 if most < 256 else np.uint16)


def tiff(
    pixels: NDArray[Any],
    *,
    order: str = "<",
    rows: int | None = None,
    extra: dict[int, int] | None = None,
) -> bytes:
    """Write a grey TIFF: strips of some rows, in either byte order."""
    height, width = pixels.shape[:2]
    rows = rows or height
    strips = [
        pixels[top : top + rows].astype(f"{order}u{pixels.itemsize}").tobytes()
        for top in range(0, height, rows)
    ]
    samples = 1 if pixels.ndim == 2 else pixels.shape[2]
    values: dict[int, list[int]] = {
        256: [width], 257: [height], 258: [8 * pixels.itemsize], 259: [1], 262: [1],
        273: [], 277: [samples], 278: [rows], 279: [len(strip) for strip in strips],
    }  # fmt: skip
    values |= {tag: [value] for tag, value in (extra or {}).items()}
    count = len(strips)
    end = 8 + 2 + 12 * len(values) + 4
    begin = end + 8 * count
    values[273] = [begin + sum(values[279][:number]) for number in range(count)]
    body, outside = b"", b""
    for tag, numbers in sorted(values.items()):
        packed = struct.pack(f"{order}{len(numbers)}I", *numbers)
        if len(numbers) > 1:
            at = struct.pack(order + "I", end + len(outside))
            outside, packed = outside + packed, at
        body += struct.pack(order + "HHI", tag, 4, len(numbers)) + packed
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    directory = struct.pack(order + "H", len(values)) + body + bytes(4)
    return (head + directory + outside).ljust(begin, b"\0") + b"".join(strips)


def decoded(contents: bytes, mosaic: TiffMosaic) -> NDArray[np.uint16]:
    with open_raw(contents, name="a.tiff", mosaic=mosaic) as raw:
        return raw.image().pixels


@given(
    st.integers(2, 40), st.integers(2, 40), st.integers(1, 40), st.sampled_from("<>"),
    st.booleans(),
)  # fmt: skip
def test_strips_of_any_height_and_order_give_the_pixels(
    height: int,
    width: int,
    rows: int,
    order: str,
    small: bool,  # noqa: FBT001
) -> None:
    mosaic = BYTES if small else VIDEO
    pixels = pixels_of((height, width), mosaic.white, seed=height)
    described, dng = mosaic.as_dng(tiff(pixels, order=order, rows=rows), "a.tiff")
    assert (described.height, described.width) == (height, width)
    np.testing.assert_array_equal(
        np.frombuffer(dng[-2 * pixels.size :], "<u2").reshape(pixels.shape), pixels
    )


@pytest.mark.parametrize("compression", [1, 5, 8, 32773])
@pytest.mark.parametrize("mosaic", [VIDEO, BYTES], ids=["12 bits", "8 bits"])
def test_every_lossless_compression_is_read(mosaic: TiffMosaic, compression: int) -> None:
    pixels = pixels_of((64, 96), mosaic.white)
    worked, data = cv2.imencode(".tiff", pixels, [cv2.IMWRITE_TIFF_COMPRESSION, compression])
    assert worked
    np.testing.assert_array_equal(decoded(data.tobytes(), mosaic), pixels)


def test_an_image_has_pattern_and_levels_of_the_description() -> None:
    pixels = pixels_of((64, 96), 4095)
    with open_raw(io.BytesIO(tiff(pixels)), name="a.tiff", mosaic=VIDEO) as raw:
        image = raw.image()
        assert raw.described is not None
    assert image.mosaic.pattern_text == "GBRG"
    assert image.mosaic.black_level == (240.0,) * 4
    assert image.mosaic.white_level == 4095
    np.testing.assert_array_equal(image.pixels, pixels)


GOOD = tiff(pixels_of((64, 96), 4095))
LZW = cv2.imencode(".tiff", pixels_of((64, 96), 4095))[1].tobytes()


@pytest.mark.parametrize(
    ("contents", "mosaic", "error", "words"),
    [
        (b"", VIDEO, NotRawError, "an empty file"),
        (b"GIF89a" + bytes(99), VIDEO, NotRawError, "no TIFF"),
        (GOOD[:100], VIDEO, RawFileError, "expected"),
        (GOOD[:-1], VIDEO, TruncatedError, "a whole file"),
        (LZW[: len(LZW) // 2], VIDEO, RawFileError, "expected"),
        (tiff(pixels_of((64, 96), 4095), extra={257: 65}), VIDEO, CorruptError, "strips of"),
        (tiff(pixels_of((64, 96), 4095), extra={256: 200_000}), VIDEO, CorruptError, "declared in"),
        (tiff(pixels_of((64, 96), 4095), extra={258: 12}), VIDEO, MosaicError, "of 12 bits"),
        (tiff(pixels_of((64, 96), 4095), extra={339: 3}), VIDEO, MosaicError, "floating"),
        (tiff(pixels_of((64, 96), 4095), extra={262: 0}), VIDEO, MosaicError, "kind 0"),
        (tiff(pixels_of((64, 96), 4095), extra={259: 6}), VIDEO, CorruptError, "cannot be decoded"),
        (tiff(pixels_of((64, 96), 255)), VIDEO, MosaicError, "of 8 bits"),
        (GOOD, BYTES, MosaicError, "of 16 bits"),
        (tiff(pixels_of((64, 96), 65535)), VIDEO, MosaicError, "at most 4095"),
        (tiff(np.zeros((64, 96, 3), np.uint8)), BYTES, MosaicError, "3 samples"),
        (GOOD, TiffMosaic("GBRG", 12, 240, 4095, width=97), MosaicError, "expected 97xany"),
        (GOOD, TiffMosaic("GBRG", 12, 240, 4095, height=63), MosaicError, "expected anyx63"),
        (tiff(np.full((64, 96), 240, np.uint16)), VIDEO, BlankError, "240"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)  # fmt: skip
def test_what_is_not_as_described_is_refused(
    contents: bytes, mosaic: TiffMosaic, error: type[RawFileError], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        decoded(contents, mosaic)
    assert caught.value.where is not None
    assert "a.tiff" in caught.value.where


def test_damaged_compressed_pixels_are_an_error_of_ours() -> None:
    for at in range(200, len(LZW), len(LZW) // 7):
        damaged = LZW[:at] + bytes(64) + LZW[at + 64 :]
        try:
            found = decoded(damaged, VIDEO)
        except RawFileError:
            continue
        assert found.shape == (64, 96)


def test_there_must_be_such_a_mosaic() -> None:
    with pytest.raises(UsageError, match="white"):
        TiffMosaic("GBRG", 12, 240, 4096)
    with pytest.raises(UsageError, match="RGBG"):
        TiffMosaic("RGBG", 12, 240, 4095)
