"""Windows of shards: the same pixels as the whole frame, or a named error."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rawkit.errors import StoreDamagedError
from rawkit.store import ArrayLayout, encode_shard
from rawkit.stream.reader import Scratch, ShardFile, open_shard
from rawkit.stream.shapes import Window
from tests.support.factories import local
from tests.support.strategies import encodable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.store.layout import Codec

CODECS: tuple[Codec, ...] = ("lz4", "none")
FRAME = np.random.default_rng(0).integers(0, 4000, (4, 21, 30), np.uint16)


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file to be written again and again."""
    return tmp_path_factory.mktemp("reader") / "shard"


def layout_of(codec: Codec) -> ArrayLayout:
    """Return a layout with 3x3 chunks of which the last are cut."""
    return ArrayLayout("packed", 1, 4, 21, 30, (8, 11), "uint16", codec)


def read(shard: ShardFile, window: Window) -> NDArray[np.generic]:
    """Read a window, chunk by chunk, through memory that holds something else before."""
    layout, scratch = shard.layout, Scratch()
    scratch.decoded(layout)[...] = 201
    scratch.encoded(2 * layout.chunk_bytes)[...] = 201
    with open_shard(shard) as reader:
        rows = range(window.top, window.top + window.rows)
        wanted = list(product(rows, range(window.left, window.left + window.columns)))
        reader.announce(wanted)
        reader.fetch(wanted)
        return np.concatenate(
            [
                np.concatenate(
                    [
                        reader.chunk(window.top + row, window.left + column, scratch).copy()
                        for column in range(window.columns)
                    ],
                    axis=2,
                )
                for row in range(window.rows)
            ],
            axis=1,
        )


def expected(
    frame: NDArray[np.generic], layout: ArrayLayout, window: Window
) -> NDArray[np.generic]:
    """Cut a window out of the whole frame, with zeros where it reaches beyond it."""
    (rows, columns), (height, width) = layout.grid, layout.chunk
    whole = np.zeros((layout.planes, rows * height, columns * width), layout.dtype)
    whole[:, : layout.height, : layout.width] = frame
    top, left = window.top * height, window.left * width
    return whole[:, top : top + window.rows * height, left : left + window.columns * width]


@given(st.data(), encodable())
@settings(max_examples=150)
def test_a_window_holds_what_the_whole_frame_holds_there(
    scratch: Path, data: st.DataObject, case: tuple[ArrayLayout, NDArray[np.generic]]
) -> None:
    layout, frame = case
    scratch.write_bytes(encode_shard(frame, layout))
    rows, columns = (data.draw(st.integers(1, count)) for count in layout.grid)
    top = data.draw(st.integers(0, layout.grid[0] - rows))
    left = data.draw(st.integers(0, layout.grid[1] - columns))
    window = Window(0, top, left, rows, columns)
    np.testing.assert_array_equal(
        read(ShardFile(scratch, layout), window), expected(frame, layout, window)
    )


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("window", [Window(0, 0, 0, 3, 3), Window(0, 2, 2, 1, 1),
                                    Window(0, 0, 1, 3, 2), Window(0, 1, 0, 2, 1)])  # fmt: skip
def test_windows_at_the_edges_hold_the_frame_and_then_zeros(
    tmp_path: Path, codec: Codec, window: Window
) -> None:
    layout = layout_of(codec)
    shard = ShardFile(tmp_path / "shard", layout)
    local(shard.path).write_bytes(encode_shard(FRAME, layout))
    np.testing.assert_array_equal(read(shard, window), expected(FRAME, layout, window))


@given(st.data(), st.sampled_from(CODECS))
@settings(max_examples=150)
def test_any_changed_byte_is_noticed(scratch: Path, data: st.DataObject, codec: Codec) -> None:
    layout = layout_of(codec)
    shard = bytearray(encode_shard(FRAME, layout))
    shard[data.draw(st.integers(0, len(shard) - 1))] ^= data.draw(st.integers(1, 255))
    scratch.write_bytes(shard)
    with pytest.raises(StoreDamagedError) as caught:
        read(ShardFile(scratch, layout), Window(0, 0, 0, 3, 3))
    assert caught.value.where == str(scratch)


@given(st.data(), st.sampled_from(CODECS))
@settings(max_examples=100)
def test_a_shard_that_was_cut_anywhere_is_noticed(
    scratch: Path, data: st.DataObject, codec: Codec
) -> None:
    layout = layout_of(codec)
    shard = encode_shard(FRAME, layout)
    scratch.write_bytes(shard[: data.draw(st.integers(0, len(shard) - 1))])
    with pytest.raises(StoreDamagedError):
        read(ShardFile(scratch, layout), Window(0, 0, 0, 1, 1))


def test_a_shard_without_its_first_bytes_is_noticed(tmp_path: Path) -> None:
    layout = layout_of("lz4")
    path = tmp_path / "shard"
    path.write_bytes(encode_shard(FRAME, layout)[5000:])
    with pytest.raises(StoreDamagedError, match="cut off"):
        read(ShardFile(path, layout), Window(0, 2, 2, 1, 1))


@pytest.mark.parametrize("kind", ["missing", "folder", "dangling link"])
def test_a_shard_that_is_no_file_is_named(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "shard"
    if kind == "folder":
        path.mkdir()
    elif kind == "dangling link":
        path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(StoreDamagedError, match="cannot be read") as caught:
        read(ShardFile(path, layout_of("lz4")), Window(0, 0, 0, 1, 1))
    assert caught.value.where == str(path)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files in /proc")
def test_no_file_stays_open_after_good_and_bad_windows(tmp_path: Path) -> None:
    layout = layout_of("lz4")
    good, bad = ShardFile(tmp_path / "good", layout), ShardFile(tmp_path / "bad", layout)
    data = encode_shard(FRAME, layout)
    local(good.path).write_bytes(data)
    local(bad.path).write_bytes(b"\0" + data[1:-1] + b"\0")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        read(good, Window(0, 0, 0, 2, 2))
        with pytest.raises(StoreDamagedError):
            read(bad, Window(0, 0, 0, 2, 2))
    assert len(list(Path("/proc/self/fd").iterdir())) == before
