"""Crops of windows: the native module against the plain way, and what it leaves to that one."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, Any

import google_crc32c
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rawkit import native
from rawkit.errors import StoreDamagedError
from rawkit.store import ArrayLayout, encode_shard
from rawkit.stream.cutting import WindowPart, native_bytes
from rawkit.stream.reader import Scratch, ShardFile, open_shard
from rawkit.stream.schedule import Job, Use
from rawkit.stream.settings import Sample
from rawkit.stream.shapes import Window

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from rawkit.store.layout import Codec

needs_it = pytest.mark.skipif(not native.CUTS, reason="the native module does not read chunks here")
KINDS = ("dark", "noise", "flat", "periods", "one chunk of noise")


@pytest.fixture(scope="session")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file to be written again and again."""
    return tmp_path_factory.mktemp("cutting") / "shard"


def layout_of(
    name: str, chunk: tuple[int, int], grid: tuple[int, int], codec: Codec, dtype: str = "uint16"
) -> ArrayLayout:
    """Return a layout whose last chunks are cut where they have more than one pixel."""
    height, width = (
        max(1, side * count - side // 3) for side, count in zip(chunk, grid, strict=True)
    )
    planes = 4 if name == "packed" else 3
    return ArrayLayout(name, 1, planes, height, width, chunk, dtype, codec)  # type: ignore[arg-type] # plain strings


def frame_of(layout: ArrayLayout, kind: str, seed: int) -> NDArray[np.generic]:
    """Return a frame that compresses in one way or another."""
    generator = np.random.default_rng(seed)
    shape = (layout.planes, layout.height, layout.width)
    top = np.iinfo(layout.dtype).max
    if kind == "dark":
        return generator.poisson(9, shape).astype(layout.dtype)
    if kind == "flat":
        return np.full(shape, generator.integers(0, top), layout.dtype)
    noise = generator.integers(0, top, shape, layout.dtype, endpoint=True)
    if kind == "noise":
        return noise
    if kind == "periods":
        period = int(generator.integers(1, 600))
        return np.resize(noise.ravel()[:period], shape)
    frame = generator.poisson(9, shape).astype(layout.dtype)
    frame[:, : layout.chunk[0], -layout.chunk[1] :] = noise[
        :, : layout.chunk[0], -layout.chunk[1] :
    ]
    return frame


def job_of(layout: ArrayLayout, places: list[tuple[int, int, int]]) -> Job:
    """Return the job of a window of the whole frame: crops at row, column, with a flip."""
    window = Window(0, 0, 0, *layout.grid)
    uses = [
        Use(0, slot, 0, Sample(0, top, left, augmentation))
        for slot, (top, left, augmentation) in enumerate(places)
    ]
    return Job(window, tuple(uses), (window.frame,))


def crops_of(
    layout: ArrayLayout, side: int, number: int, offset: int
) -> tuple[NDArray[np.uint8], list[NDArray[Any]]]:
    """Memory of so many crops that touch each other, beginning anywhere, and the crops in it."""
    count = layout.planes * side * side * layout.itemsize
    memory = np.full(256 + offset + number * count, 205, np.uint8)
    memory = memory[-memory.ctypes.data % 64 :][: 192 + offset + number * count]
    begin = 64 + offset
    return memory, [
        memory[begin + index * count : begin + (index + 1) * count]
        .view(layout.dtype)
        .reshape(layout.planes, side, side)
        for index in range(number)
    ]


def cut(
    path: Path, layout: ArrayLayout, job: Job, side: int, offset: int, *, natively: bool
) -> tuple[NDArray[np.uint8], int]:
    """Cut crops of `side` from a shard; returns all their memory, and the native module's."""
    memory, outs = crops_of(layout, side, len(job.uses), offset)
    scratch = Scratch()
    with pytest.MonkeyPatch.context() as patch, open_shard(ShardFile(path, layout)) as shard:
        patch.setattr(native, "BUILT", natively and native.BUILT)
        patch.setattr(native, "CUTS", natively and native.CUTS)
        WindowPart(shard, job, 1, side + 1).cut(outs, scratch)
    return memory, len(scratch.native)


@example("packed", (200, 210), (2, 2), "lz4", "dark", 64, [(150, 160, 0), (100, 200, 3)], 0)
@example("packed", (200, 210), (2, 2), "lz4", "one chunk of noise", 96, [(150, 160, 5)], 6)
@example("packed", (64, 64), (2, 3), "none", "noise", 64, [(9, 31, 1), (10, 63, 2)], 0)
@example("packed", (24, 40), (3, 3), "lz4", "periods", 32, [(9, 31, 7), (30, 63, 4)], 2)
@given(
    name=st.sampled_from(["packed", "target"]),
    chunk=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    grid=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    codec=st.sampled_from(["lz4", "none"]),
    kind=st.sampled_from(KINDS),
    side=st.integers(1, 96),
    places=st.lists(
        st.tuples(st.integers(0, 300), st.integers(0, 300), st.integers(0, 7)),
        min_size=1,
        max_size=4,
    ),
    offset=st.integers(0, 70),
)
@settings(max_examples=300)
def test_crops_are_those_of_the_plain_way(
    path: Path,
    name: str,
    chunk: tuple[int, int],
    grid: tuple[int, int],
    codec: Codec,
    kind: str,
    side: int,
    places: list[tuple[int, int, int]],
    offset: int,
) -> None:
    dtype = "uint8" if name == "target" and offset % 2 else "uint16"
    layout = layout_of(name, chunk, grid, codec, dtype)
    side = min(side, layout.height - 1, layout.width - 1)
    if side < 1:
        return
    offset -= offset % layout.itemsize
    inside = [
        (top % (layout.height - side), left % (layout.width - side), bits)
        for top, left, bits in places
    ]
    path.write_bytes(encode_shard(frame_of(layout, kind, len(places)), layout))
    job = job_of(layout, inside)
    expected, none = cut(path, layout, job, side, offset, natively=False)
    found, memory = cut(path, layout, job, side, offset, natively=True)
    # All memory, so also that nothing beside the crops was touched.
    np.testing.assert_array_equal(found, expected)
    assert none == 0
    assert memory <= native_bytes(layout, len(places))


@needs_it
def test_the_native_module_does_all_chunks_of_an_ordinary_store(path: Path) -> None:
    for codec, kind in (("lz4", "dark"), ("lz4", "one chunk of noise"), ("none", "noise")):
        layout = layout_of("packed", (238, 266), (2, 2), codec)  # type: ignore[arg-type] # one of two
        path.write_bytes(encode_shard(frame_of(layout, kind, 1), layout))
        assert done_of(path, layout, 0) == 4


def done_of(path: Path, layout: ArrayLayout, first: int) -> int:
    """Have the native module read all chunks from `first` on; returns how many it does."""
    side = 8
    out = np.zeros((layout.planes, side, side), layout.dtype)
    with open_shard(ShardFile(path, layout)) as shard:
        assert shard.handle is not None
        places = np.array(shard.places(np.ndindex(layout.grid)))
        return native.functions.cut_chunks(
            shard.handle,
            np.hstack([places, np.zeros_like(places)])[first:],
            (layout.planes, *layout.chunk, layout.itemsize),
            layout.codec != "none",
            [(out, 0, 0, 0, bytes(number for plane in range(4) for number in (plane, 0, 0)))],
            bytearray(),
        )


@needs_it
@pytest.mark.parametrize("codec", ["lz4", "none"])
def test_the_native_module_stops_at_a_chunk_that_is_damaged(path: Path, codec: Codec) -> None:
    layout = layout_of("packed", (30, 40), (2, 2), codec)
    data = bytearray(encode_shard(frame_of(layout, "dark", 2), layout))
    path.write_bytes(data)
    with open_shard(ShardFile(path, layout)) as shard:
        offset, length = shard.places([(1, 0)])[0]
    data[offset + length // 2] ^= 4
    path.write_bytes(data)
    assert done_of(path, layout, 0) == 2
    job = job_of(layout, [(10, 12, 0)])
    for natively in (True, False):
        with pytest.raises(StoreDamagedError, match="a chunk fails its checksum"):
            cut(path, layout, job, 24, 0, natively=natively)


@needs_it
def test_a_shard_that_ends_while_it_is_read_is_named(path: Path) -> None:
    layout = layout_of("packed", (30, 40), (2, 2), "none")
    path.write_bytes(encode_shard(frame_of(layout, "dark", 2), layout))
    job = job_of(layout, [(10, 12, 0)])
    _, outs = crops_of(layout, 24, 1, 0)
    with open_shard(ShardFile(path, layout)) as shard:
        os.truncate(path, 3 * layout.chunk_bytes)
        with pytest.raises(StoreDamagedError, match="cut off"):
            WindowPart(shard, job, 1, 25).cut(outs, Scratch())


@needs_it
@given(st.data())
@settings(max_examples=400)
def test_changed_bytes_with_a_right_checksum_are_taken_as_the_library_takes_them(
    path: Path, data: st.DataObject
) -> None:
    side = data.draw(st.sampled_from([8, 24, 40]))
    layout = layout_of("packed", (side + 2, side + 2), (1, 1), "lz4")
    kind = data.draw(st.sampled_from(["dark", "flat", "periods"]))
    shard = bytearray(encode_shard(frame_of(layout, kind, data.draw(st.integers(0, 9))), layout))
    offset, length = struct.unpack("<2Q", shard[-20:-4])
    for _ in range(data.draw(st.integers(1, 3))):
        at = offset + data.draw(st.integers(0, length - 5))
        shard[at] = data.draw(st.integers(0, 255))
    body = bytes(shard[offset : offset + length - 4])
    shard[offset + length - 4 : offset + length] = google_crc32c.value(body).to_bytes(4, "little")
    path.write_bytes(shard)
    job = job_of(layout, [(0, 0, 0)])
    results: list[object] = []
    for natively in (True, False):
        try:
            results.append(cut(path, layout, job, side, 0, natively=natively)[0].tobytes())
        except StoreDamagedError as error:
            results.append(error.found)
    assert results[0] == results[1]


@needs_it
@pytest.mark.parametrize(
    ("pieces", "shape", "memory"),
    [
        (np.zeros((1, 4), np.int32), (4, 8, 8, 2), bytearray()),
        (np.zeros((1, 3), np.int64), (4, 8, 8, 2), bytearray()),
        (np.zeros(5, np.int64), (4, 8, 8, 2), bytearray()),
        (np.zeros((1, 4), np.int64), (17, 8, 8, 2), bytearray()),
        (np.zeros((1, 4), np.int64), (0, 8, 8, 2), bytearray()),
        (np.zeros((1, 4), np.int64), (4, -1, 8, 2), bytearray()),
        (np.zeros((1, 4), np.int64), (4, 8, 1 << 17, 2), bytearray()),
        (np.zeros((1, 4), np.int64), (4, 8, 8, 4), bytearray()),
        (np.zeros((1, 4), np.int64), (4, 8, 8, 2), b"bytes"),
    ],
)
def test_what_does_not_fit_is_refused(
    path: Path, pieces: NDArray[np.int64], shape: tuple[int, int, int, int], memory: bytearray
) -> None:
    path.write_bytes(b"something")
    compressed = False
    with path.open("rb") as file, pytest.raises(ValueError, match=r"a chunk of|pieces of"):
        native.functions.cut_chunks(file.fileno(), pieces, shape, compressed, [], memory)


@needs_it
@pytest.mark.parametrize("piece", [(-1, 100), (0, 3), (0, -5), (4, 1 << 40), (1 << 62, 100)])
def test_pieces_outside_the_file_are_left_alone(path: Path, piece: tuple[int, int]) -> None:
    path.write_bytes(bytes(1000))
    pieces = np.array([[*piece, 0, 0]], np.int64)
    with path.open("rb") as file:
        for compressed in (True, False):
            memory = bytearray()
            done = native.functions.cut_chunks(
                file.fileno(), pieces, (4, 3, 3, 2), compressed, [], memory
            )
            assert done == 0
            assert len(memory) < 10_000
