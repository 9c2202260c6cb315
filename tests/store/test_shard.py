"""Shards: lossless, readable by zarr-python and the other way round, and every damage is seen."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rawkit import native
from rawkit.errors import StoreDamagedError
from rawkit.store import ArrayLayout, compresses, encode_shard, index_bytes, parse_index
from rawkit.store.layout import data_array_metadata
from rawkit.store.shard import decode_shard, saves_enough
from tests.support.strategies import encodable

HERE = Path("shard")
DARK = ArrayLayout("packed", 1, 4, 9, 10, (5, 4), "uint16", "lz4")
PLAIN = replace(DARK, codec="none")


def frame_of(layout: ArrayLayout, *, high: int = 1000) -> NDArray[np.generic]:
    shape = (layout.planes, layout.height, layout.width)
    return np.random.default_rng(0).integers(0, high, shape, layout.dtype)


def array_on_disk(folder: Path, layout: ArrayLayout) -> Path:
    """Write the metadata of an array of one frame; returns the path of its shard."""
    shard = folder / layout.key(0)
    shard.parent.mkdir(parents=True, exist_ok=True)
    metadata = data_array_metadata(layout, {})
    (folder / layout.name / "zarr.json").write_text(json.dumps(metadata))
    return shard


@given(encodable())
def test_decoding_an_encoded_shard_gives_the_frame_back(
    case: tuple[ArrayLayout, NDArray[np.generic]],
) -> None:
    layout, frame = case
    decoded = decode_shard(encode_shard(frame, layout), layout, HERE)
    assert decoded.dtype == frame.dtype
    np.testing.assert_array_equal(decoded, frame)


@given(encodable())
def test_channels_that_lie_side_by_side_give_the_same_shard(
    case: tuple[ArrayLayout, NDArray[np.generic]],
) -> None:
    layout, frame = case
    if frame.itemsize == 2:
        frame = (frame.astype(np.uint16) * 257).astype(frame.dtype)  # both bytes of a value
    picture = np.ascontiguousarray(frame.transpose(1, 2, 0)).transpose(2, 0, 1)
    wide = np.zeros((layout.height + 2, layout.width + 1, layout.planes), frame.dtype)
    wide[1:-1, 1:] = frame.transpose(1, 2, 0)
    for built in {native.BUILT, False}:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(native, "BUILT", built)
            for view in (picture, wide[1:-1, 1:].transpose(2, 0, 1)):
                assert encode_shard(view, layout) == encode_shard(frame, layout)


@settings(max_examples=30)
@given(encodable())
def test_zarr_reads_the_frame_from_our_bytes(
    tmp_path_factory: pytest.TempPathFactory, case: tuple[ArrayLayout, NDArray[np.generic]]
) -> None:
    layout, frame = case
    folder = tmp_path_factory.mktemp("ours")
    array_on_disk(folder, layout).write_bytes(encode_shard(frame, layout))
    array = zarr.open_array(folder / layout.name, mode="r")
    np.testing.assert_array_equal(array[0], frame)


@settings(max_examples=30)
@given(encodable())
def test_we_read_the_frame_from_the_bytes_of_zarr(
    tmp_path_factory: pytest.TempPathFactory, case: tuple[ArrayLayout, NDArray[np.generic]]
) -> None:
    layout, frame = case
    frame = np.maximum(frame, 1).astype(frame.dtype)  # zarr leaves out chunks of zeros alone
    folder = tmp_path_factory.mktemp("theirs")
    shard = array_on_disk(folder, layout)
    zarr.open_array(folder / layout.name, mode="r+")[0] = frame
    decoded = decode_shard(shard.read_bytes(), layout, shard)
    np.testing.assert_array_equal(decoded, frame)


@given(encodable())
def test_the_same_frame_gives_the_same_bytes_whatever_its_memory_order(
    case: tuple[ArrayLayout, NDArray[np.generic]],
) -> None:
    layout, frame = case
    reordered = np.asfortranarray(frame)
    assert encode_shard(reordered, layout) == encode_shard(frame, layout)


@given(encodable())
def test_chunks_lie_row_by_row_without_gaps_and_the_index_says_where(
    case: tuple[ArrayLayout, NDArray[np.generic]],
) -> None:
    layout, frame = case
    shard = encode_shard(frame, layout)
    index = parse_index(shard[-index_bytes(layout) :], layout, HERE)
    assert len(index) == layout.grid[0] * layout.grid[1]
    ends = np.cumsum(index[:, 1])
    np.testing.assert_array_equal(index[1:, 0], ends[:-1])
    assert index[0, 0] == 0
    assert ends[-1] + index_bytes(layout) == len(shard)


@pytest.mark.parametrize("layout", [DARK, PLAIN], ids=["lz4", "none"])
@given(place=st.integers(0), flip=st.integers(1, 255))
def test_every_flipped_byte_is_detected(layout: ArrayLayout, place: int, flip: int) -> None:
    shard = bytearray(encode_shard(frame_of(layout), layout))
    shard[place % len(shard)] ^= flip
    with pytest.raises(StoreDamagedError) as caught:
        decode_shard(bytes(shard), layout, HERE)
    assert caught.value.where == str(HERE)


@pytest.mark.parametrize("layout", [DARK, PLAIN], ids=["lz4", "none"])
@given(cut=st.integers(1))
def test_a_shard_cut_anywhere_is_detected(layout: ArrayLayout, cut: int) -> None:
    shard = encode_shard(frame_of(layout), layout)
    with pytest.raises(StoreDamagedError):
        decode_shard(shard[: -(1 + cut % len(shard))], layout, HERE)


def test_a_shard_with_bytes_appended_is_detected() -> None:
    shard = encode_shard(frame_of(DARK), DARK)
    with pytest.raises(StoreDamagedError, match="the index of a shard fails its checksum"):
        decode_shard(shard + b"\0", DARK, HERE)


@pytest.mark.parametrize("length", [0, 3, 4, 83, 85])
def test_an_index_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(StoreDamagedError):
        parse_index(bytes(length), DARK, HERE)


def test_a_chunk_of_another_shard_does_not_pass_for_the_plain_one() -> None:
    smaller = replace(PLAIN, height=5, width=4)
    shard = encode_shard(frame_of(smaller), smaller)
    bigger = replace(smaller, chunk=(6, 4), height=6)
    with pytest.raises(StoreDamagedError, match="a chunk of 160 bytes"):
        decode_shard(shard, bigger, HERE)


def test_dark_frames_compress_and_noise_does_not() -> None:
    dark, noise = frame_of(DARK, high=4), frame_of(DARK, high=65536)
    assert compresses(dark, DARK)
    assert not compresses(noise, DARK)


@pytest.mark.parametrize(("itemsize", "share"), [(2, Fraction(4, 5)), (1, Fraction(1, 2))])
def test_a_saving_of_exactly_what_decoding_is_worth_is_enough(
    itemsize: int, share: Fraction
) -> None:
    decoded = 10 * DARK.chunk_bytes
    enough = int(share * decoded)
    assert enough == share * decoded
    assert saves_enough(enough, decoded, itemsize)
    assert not saves_enough(enough + 1, decoded, itemsize)


@pytest.mark.parametrize("wrong", [np.zeros((4, 9, 9), np.uint16), np.zeros((4, 9, 10), np.uint8)])
def test_a_frame_that_does_not_fit_its_layout_is_a_programming_error(
    wrong: NDArray[np.generic],
) -> None:
    with pytest.raises(AssertionError, match="not uint16"):
        encode_shard(wrong, DARK)
