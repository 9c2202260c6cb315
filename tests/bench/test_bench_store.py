"""Our shard writer and window reader against zarr-python, on identical arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec

from rawkit.store import encode_shard, packed_layout
from rawkit.stream.reader import Scratch, ShardFile, open_shard
from tests.bench.timing import interleaved, report

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PLANES = (4, 1424, 2128)


def dark_planes() -> NDArray[np.uint16]:
    generator = np.random.default_rng(0)
    signal = generator.exponential(30, PLANES) + generator.normal(512, 6, PLANES)
    return np.clip(np.round(signal), 0, 16383).astype(np.uint16)


def zarr_array(folder: Path) -> zarr.Array:  # type: ignore[type-arg] # generic over its metadata
    layout = packed_layout(*PLANES[1:], codec="lz4")
    chunk = (1, 4, *layout.chunk)
    shard = (1, 4, *(n * side for n, side in zip(layout.grid, layout.chunk, strict=True)))
    return zarr.create_array(
        folder,
        shape=(1, *PLANES),
        dtype="uint16",
        chunks=chunk,
        shards=shard,
        compressors=[
            BloscCodec(cname="lz4", clevel=5, shuffle="bitshuffle", typesize=2),
            Crc32cCodec(),
        ],
        overwrite=True,
    )


@pytest.mark.bench
def test_our_writer_and_reader_against_zarr_python(tmp_path: Path) -> None:
    planes = dark_planes()
    layout = packed_layout(*PLANES[1:], codec="lz4")
    path = tmp_path / "shard"

    def ours() -> None:
        path.write_bytes(encode_shard(planes, layout))

    def theirs() -> None:
        zarr_array(tmp_path / "zarr")[0] = planes

    writing = {"our shard writer": ours, "zarr-python": theirs}
    report("Write one 12 MP frame", interleaved(writing), ours="our shard writer")
    ours()
    array = zarr_array(tmp_path / "zarr")
    array[0] = planes
    (height, width), shard, scratch = layout.chunk, ShardFile(path, layout), Scratch()
    out = np.empty((4, 4 * height, 4 * width), np.uint16)
    top, left = height, 2 * width

    def read_ours() -> None:
        with open_shard(shard) as reader:
            for row in range(4):
                for column in range(4):
                    chunk = reader.chunk(1 + row, 2 + column, scratch)
                    out[
                        :, row * height : (row + 1) * height, column * width : (column + 1) * width
                    ] = chunk

    def read_theirs() -> NDArray[np.uint16]:
        return np.asarray(array[0, :, top : top + 4 * height, left : left + 4 * width])

    read_ours()
    assert np.array_equal(out, read_theirs())
    reading = {"our chunk reader": read_ours, "zarr-python": read_theirs}
    report("Read a window of 4 x 4 chunks", interleaved(reading), ours="our chunk reader")
