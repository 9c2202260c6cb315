"""Mosaics without a header: never guessed, read as they are described."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rawkit.errors import HeaderlessError, NotRawError, UsageError
from rawkit.sensor import Headerless, RenderParameters, decode, open_raw
from rawkit.synth import DngMeta, encode_dng
from tests.support.factories import noise_mosaic

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PATTERNS = ("RGGB", "GRBG", "GBRG", "BGGR")


def mosaic(shape: tuple[int, int] = (512, 768), top: int = 4000) -> NDArray[np.uint16]:
    return np.random.default_rng(5).integers(256, top, shape, np.uint16)


@pytest.mark.parametrize("made", [bytes, str, io.BytesIO])
def test_what_libraw_guesses_from_the_size_is_refused_by_name(tmp_path: Path, made: type) -> None:
    data = mosaic().tobytes()  # as many bytes as 1024x768 of an AVT F-080C
    path = tmp_path / "frame.raw"
    path.write_bytes(data)
    given = str(path) if made is str else made(data)
    with (
        pytest.raises(HeaderlessError, match="1024x768 pixels from its size alone") as caught,
        open_raw(given),
    ):
        pass
    assert "--headerless" in str(caught.value)
    assert caught.value.kind == "headerless"


def test_a_file_that_says_what_it_is_is_not_refused_for_its_size() -> None:
    dng = encode_dng(noise_mosaic((256, 384)), DngMeta("Rawkit", "Test"))
    padded = dng + bytes(768 * 512 * 2 - len(dng))
    assert decode(padded).pixels.shape == (256, 384)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_a_described_mosaic_is_read_as_it_is(pattern: str, bits: int) -> None:
    pixels = mosaic(top=(1 << bits) - 1) if bits > 8 else mosaic(top=500) % 251
    data = pixels.astype(np.uint8 if bits == 8 else "<u2").tobytes()
    described = Headerless(768, 512, bits, pattern, black=64)
    with open_raw(data, headerless=described) as raw:
        image = raw.image()
        picture = raw.render(RenderParameters(bits=8))
    assert np.array_equal(image.pixels, pixels)
    assert image.mosaic.pattern_text == pattern
    assert image.mosaic.black_level == (64.0,) * 4
    assert image.mosaic.white_level == (1 << bits) - 1
    assert picture.shape == (512, 768, 3)
    assert raw.described == described


def test_a_size_that_libraw_does_not_know_is_read_too() -> None:
    pixels = mosaic((30, 50))
    with pytest.raises(NotRawError):
        decode(pixels.tobytes())
    with open_raw(pixels.tobytes(), headerless=Headerless(50, 30, 12, "BGGR", 256, 4000)) as raw:
        assert np.array_equal(raw.image().pixels, pixels)
        assert raw.image().mosaic.white_level == 4000


def test_a_description_means_nothing_for_files_that_say_what_they_hold() -> None:
    dng = encode_dng(noise_mosaic(), DngMeta("Rawkit", "Test", black_level=3.0))
    with open_raw(dng, headerless=Headerless(48, 32, 8, "RGGB", 100)) as raw:
        assert raw.described is None
        assert raw.image().mosaic.black_level == (3.0,) * 4


@pytest.mark.parametrize(
    ("described", "said"),
    [
        (Headerless(768, 500, 16, "RGGB"), "786432 bytes and no header; expected 768000"),
        (Headerless(768, 512, 10, "RGGB"), "expected at most 1023"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(described: Headerless, said: str) -> None:
    with pytest.raises(HeaderlessError, match=said), open_raw(
        mosaic().tobytes(), headerless=described
    ):  # fmt: skip
        pass


@settings(max_examples=60)
@given(
    size=st.tuples(st.integers(1, 9999), st.integers(1, 9999)), bits=st.integers(8, 16),
    pattern=st.sampled_from(PATTERNS), levels=st.tuples(st.integers(0, 254), st.just(255)),
)  # fmt: skip
def test_a_description_is_read_as_it_is_written(
    size: tuple[int, int], bits: int, pattern: str, levels: tuple[int, int]
) -> None:
    one = Headerless(*size, bits, pattern, *levels)
    assert Headerless.parse(str(one)) == one


@pytest.mark.parametrize(
    "text",
    ["", "768x512", "768x512,16", "768x512,16,RGBG", "768x512,7,RGGB", "768x512,17,RGGB",
     "0x512,16,RGGB", "768x512,12,RGGB,4096", "768x512,12,RGGB,64,64", "768x512,12,RGGB,64,4096",
     "768x512,16,RGGB,1,2,3"],
)  # fmt: skip
def test_descriptions_of_what_cannot_be_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Headerless.parse(text)
