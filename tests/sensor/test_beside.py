"""Pixels decoded beside LibRaw are LibRaw's, bit for bit; what is damaged is as LibRaw has it."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rawkit import native
from rawkit.errors import RawFileError
from rawkit.sensor import LIBRAW, RenderParameters, Trust, beside, open_raw, unpacking
from rawkit.sensor.beside import find_parts
from rawkit.synth import DngMeta, encode_dng
from tests.support.ljpeg import encode_ljpeg

if TYPE_CHECKING:
    import io
    from pathlib import Path

    from numpy.typing import NDArray

pytestmark = pytest.mark.skipif(not native.BUILT, reason="there is no native module here")
META = DngMeta("Sony", "ILCE-7SM2", iso=1600, black_level=512.0, as_shot_neutral=(0.5, 1.0, 0.6))
KIND = "x, lossless-jpeg"
TRUSTED = Trust("x", frozenset({KIND, "x, uncompressed"}))


def noise(height: int = 64, width: int = 96, seed: int = 0) -> NDArray[np.uint16]:
    generator = np.random.default_rng(seed)
    light = generator.exponential(30, (height, width)) + generator.normal(512, 6, (height, width))
    return np.clip(np.round(light), 0, 16383).astype(np.uint16)


WHOLE = encode_dng(noise(), META, lossless_jpeg=True)
PLAIN = encode_dng(noise(), META)


def decoded(data: bytes, trust: Trust | None) -> object:
    """Return all that comes of a file, or the error."""
    try:
        with open_raw(data, trust=trust) as raw:
            image = raw.image()
            return (image.pixels.tobytes(), image.mosaic, image.white_balance, image.exposure,
                    image.colour_matrix, raw.decoded.by)  # fmt: skip
    except RawFileError as error:
        return type(error), error.reason


def test_both_give_the_same_picture_too() -> None:
    with open_raw(WHOLE, trust=Trust("x")) as first, open_raw(WHOLE, trust=TRUSTED) as second:
        assert (first.decoded.by, first.decoded.kind, first.decoded.agreed) == (LIBRAW, KIND, True)
        assert (second.decoded.by, second.decoded.agreed) == ("lossless-jpeg", None)
        np.testing.assert_array_equal(first.image().pixels, second.image().pixels)
        np.testing.assert_array_equal(second.image().pixels, noise())
        parameters = RenderParameters(16, 0.75)
        np.testing.assert_array_equal(first.render(parameters), second.render(parameters))
    assert open_raw(WHOLE).__enter__().decoded.kind is None


@pytest.mark.parametrize("as_path", [True, False])
def test_a_real_file_in_tiles_of_another_shape_and_with_a_table(
    real_data: Path, *, as_path: bool
) -> None:
    path = real_data / "Blackmagic_BMPCC_lowlight_GBRG.dng"
    file: Path | bytes = path if as_path else path.read_bytes()
    with open_raw(file, trust=Trust("x")) as raw:
        expected, how = raw.image(), raw.decoded
    assert how.agreed is True
    with open_raw(file, trust=TRUSTED) as raw:
        found = raw.image()
        assert raw.decoded.by == "lossless-jpeg"
    np.testing.assert_array_equal(found.pixels, expected.pixels)
    assert found.mosaic == expected.mosaic


def in_tiles(
    mosaic: NDArray[np.uint16], tile: tuple[int, int], components: int, predictor: int
) -> bytes:
    """Encode a DNG whose mosaic lies in tiles; those at the edges are filled up."""
    whole, (high, wide) = encode_dng(mosaic, META, lossless_jpeg=True), tile
    filled = np.pad(mosaic, [(0, -mosaic.shape[0] % high), (0, -mosaic.shape[1] % wide)], "edge")
    parts = [
        encode_ljpeg(filled[top : top + high, left : left + wide], components, predictor, 14)
        for top in range(0, len(filled), high)
        for left in range(0, filled.shape[1], wide)
    ]
    end, count = len(whole), len(parts)
    offsets = [end + 8 * count + sum(map(len, parts[:number])) for number in range(count)]
    changed = bytearray(whole)
    # Tags of strips, and one that says nothing of pixels, become those of tiles.
    entries = {305: (322, 1, wide), 278: (323, 1, high), 273: (324, count, end),
               279: (325, count, end + 4 * count)}  # fmt: skip
    for at in range(10, 10 + 12 * struct.unpack_from("<H", whole, 8)[0], 12):
        tag = struct.unpack_from("<H", whole, at)[0]
        if tag in entries:
            number, values, value = entries[tag]
            struct.pack_into("<HHII", changed, at, number, 4, values, value)
    table = struct.pack(f"<{2 * count}I", *offsets, *map(len, parts))
    return bytes(changed) + table + b"".join(parts)


@pytest.mark.parametrize("components", [1, 2, 4])
@pytest.mark.parametrize("predictor", range(1, 8))
@pytest.mark.parametrize("tile", [(16, 24), (24, 40), (64, 48)])
def test_tiles_components_and_predictors(
    components: int, predictor: int, tile: tuple[int, int]
) -> None:
    mosaic = noise(64, 64, seed=predictor)
    data = in_tiles(mosaic, tile, components, predictor)
    with open_raw(data, trust=Trust("x")) as raw:
        assert raw.decoded.agreed is True
        np.testing.assert_array_equal(raw.image().pixels, mosaic)
    with open_raw(data, trust=TRUSTED) as raw:
        assert raw.decoded.by == "lossless-jpeg"
        np.testing.assert_array_equal(raw.image().pixels, mosaic)


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_file_is_as_libraw_has_it(data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from((WHOLE, PLAIN)))
    damaged = bytearray(whole)
    start = WHOLE.index(b"\xff\xd8\xff\xc4")
    for _ in range(data.draw(st.integers(1, 3))):
        first = data.draw(st.sampled_from((10, start)))
        last = data.draw(st.sampled_from((start + 90, len(whole))))
        damaged[data.draw(st.integers(first, last - 1))] = data.draw(st.integers(0, 255))
    found, expected = decoded(bytes(damaged), TRUSTED), decoded(bytes(damaged), None)
    if isinstance(found, tuple) and found[-1] in {"lossless-jpeg", "uncompressed"}:
        assert isinstance(expected, tuple)
        assert found[:-1] == expected[:-1]
    elif isinstance(expected, tuple) and isinstance(expected[0], type):
        assert found == expected


def test_a_file_with_masked_areas_is_left_to_libraw() -> None:
    meta = DngMeta("Sony", "ILCE-7SM2", black_level=512.0, masked_areas=((0, 0, 64, 4),),
                   active_area=(0, 4, 64, 96))  # fmt: skip
    with open_raw(encode_dng(noise(), meta, lossless_jpeg=True), trust=Trust("x")) as raw:
        assert raw.decoded.kind is None


@pytest.mark.parametrize("margin", [0, 4])
def test_values_that_are_not_compressed(margin: int) -> None:
    area = (margin, margin, 64, 96)
    data = encode_dng(noise(), replace(META, active_area=area))
    with open_raw(data, trust=Trust("x")) as first:
        assert (first.decoded.kind, first.decoded.agreed) == ("x, uncompressed", True)
        expected = first.image()
    with open_raw(data, trust=Trust("x", frozenset({"x, uncompressed"}))) as second:
        assert second.decoded.by == "uncompressed"
        found = second.image()
    np.testing.assert_array_equal(found.pixels, noise()[margin:, margin:])
    assert found.mosaic == expected.mosaic
    np.testing.assert_array_equal(found.masked, expected.masked)


def test_a_wrong_decoder_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    right = beside.decode_parts

    def wrong(file: io.BytesIO, parts: object, mosaic: NDArray[np.uint16]) -> bool:
        done = right(file, parts, mosaic)  # type: ignore[arg-type] # as it was called
        mosaic[-1, -1] ^= 1
        return done

    monkeypatch.setattr(unpacking, "decode_parts", wrong)
    with open_raw(WHOLE, trust=Trust("x")) as raw:
        assert raw.decoded.agreed is False
        np.testing.assert_array_equal(raw.image().pixels, noise())
    with open_raw(WHOLE, trust=Trust("x", refuted=frozenset({KIND}))) as raw:
        assert (raw.decoded.by, raw.decoded.agreed) == (LIBRAW, None)


def test_the_file_stays_as_it_is() -> None:
    import io

    file = io.BytesIO(WHOLE)
    with open_raw(file, trust=TRUSTED) as raw:
        raw.image()
    assert file.getvalue() == WHOLE
    assert find_parts(file) is not None
