"""What a TIFF declares against what is there."""

import io
import struct
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.errors import RawFileError, TruncatedError
from rawkit.sensor import decode
from rawkit.sensor.extents import declared_end, directories
from rawkit.synth.dng import DngMeta, encode_dng, encode_dng_head
from tests.support.factories import noise_mosaic

META = DngMeta("Maker", "Model", iso=100, seconds=0.1, f_number=4.0)
SHAPE = (24, 32)
HEAD_BYTES = len(encode_dng_head(SHAPE, META))
PLAIN = encode_dng(noise_mosaic(SHAPE), META)
PACKED = encode_dng(noise_mosaic(SHAPE), META, lossless_jpeg=True)


def tiff(order: str, *ifds: Sequence[tuple[int, int, tuple[int, ...]]]) -> bytes:
    """Build a TIFF of chained IFDs; an entry is tag, type (3 short, 4 long) and values."""
    data = bytearray((b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8))
    for number, entries in enumerate(ifds):
        start = len(data)
        data += bytes(2 + 12 * len(entries) + 4)
        struct.pack_into(order + "H", data, start, len(entries))
        for place, (tag, kind, values) in enumerate(entries):
            packed = struct.pack(f"{order}{len(values)}{'H' if kind == 3 else 'I'}", *values)
            if len(packed) > 4:
                offset = struct.pack(order + "I", len(data))
                data += packed
                packed = offset
            at = start + 2 + 12 * place
            struct.pack_into(order + "HHI4s", data, at, tag, kind, len(values), packed)
        following = len(data) if number + 1 < len(ifds) else 0
        struct.pack_into(order + "I", data, start + 2 + 12 * len(entries), following)
    return bytes(data)


def end_of(data: bytes) -> int:
    return declared_end(directories(io.BytesIO(data)))


@pytest.mark.parametrize("data", [PLAIN, PACKED])
def test_a_whole_file_declares_its_own_end(data: bytes) -> None:
    assert end_of(data) == len(data)


@given(st.sampled_from([PLAIN, PACKED]), st.data())
def test_every_cut_inside_the_pixel_data_is_refused_as_truncated(
    tmp_path_factory: pytest.TempPathFactory, whole: bytes, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(HEAD_BYTES, len(whole) - 1))
    path = tmp_path_factory.getbasetemp() / "cut.dng"
    path.write_bytes(whole[:cut])
    with pytest.raises(
        TruncatedError, match=f"{cut} bytes, but pixel data up to byte {len(whole)}"
    ):
        decode(path)


@given(st.integers(0, HEAD_BYTES - 1))
def test_every_cut_inside_the_metadata_is_refused(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "cut.dng"
    path.write_bytes(PLAIN[:cut])
    with pytest.raises(RawFileError):
        decode(path)


def test_the_real_truncated_arw_declares_more_than_it_has(real_data: Path) -> None:
    path = real_data / "broken" / "SONY_SLT-A55V_truncated.ARW"
    with path.open("rb") as file:
        assert declared_end(directories(file)) > path.stat().st_size
    with pytest.raises(TruncatedError):
        decode(path)


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_farthest_strip_tile_and_ifd_decides(order: str) -> None:
    strips = [(273, 4, (100, 5000, 300)), (279, 3, (10, 20, 30))]
    tiles = [(324, 4, (7000,)), (325, 4, (500,))]
    assert end_of(tiff(order, strips)) == 5020
    assert end_of(tiff(order, strips, tiles)) == 7500
    assert end_of(tiff(order, tiles, strips)) == 7500


def test_sub_ifds_are_followed_and_loops_of_them_end() -> None:
    inner = tiff("<", [(273, 4, (9000,)), (279, 4, (1,)), (330, 4, (8,))])
    first_ifd = 8
    body = inner[first_ifd:]
    outer_bytes = 2 + 12 + 4
    entry = struct.pack("<HHII", 330, 4, 1, first_ifd + outer_bytes)
    outer = struct.pack("<H", 1) + entry + struct.pack("<I", 0)
    assert end_of(inner[:first_ifd] + outer + body) == 9001


def test_an_empty_strip_declares_nothing() -> None:
    assert end_of(tiff("<", [(273, 4, (5000,)), (279, 4, (0,))])) == 0


@pytest.mark.parametrize(
    "data",
    [b"", b"I", b"II", b"II*\0\x08", b"not a TIFF at all", bytes(64), b"II+\0\x08\0\0\0\0\0\0\0"],
)
def test_what_is_no_tiff_declares_nothing(data: bytes) -> None:
    assert end_of(data) == 0


@given(st.sampled_from([b"II*\0", b"MM\0*"]), st.binary(max_size=300))
def test_garbage_behind_a_tiff_header_never_raises(start: bytes, rest: bytes) -> None:
    assert end_of(start + rest) >= 0
