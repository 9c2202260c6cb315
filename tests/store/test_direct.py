"""Files written past the page cache hold what was put into them, whatever the disk allows."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rawkit.store import direct, encode_shard, write_shard
from rawkit.store.direct import BLOCK, create_direct
from tests.support.strategies import encodable

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from rawkit.store import ArrayLayout

LARGEST = 3 * BLOCK


@pytest.fixture(autouse=True)
def small_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a few pieces fill several buffers."""
    monkeypatch.setattr(direct, "BUFFER_BYTES", 4 * BLOCK)


def put(path: Path, sizes: list[int], seed: int = 0) -> bytes:
    """Write noise in pieces of these sizes; returns it."""
    noise = np.random.default_rng(seed).integers(0, 256, sum(sizes), np.uint8)
    with create_direct(path, LARGEST) as file:
        start = 0
        for size in sizes:
            file.room(size)[:] = noise[start : start + size]
            start += size
            assert file.size == start
    return noise.tobytes()


@settings(max_examples=50)
@given(st.lists(st.integers(0, LARGEST), max_size=12), st.integers(0, 3 * BLOCK))
def test_a_file_holds_its_pieces_one_after_another(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], before: int
) -> None:
    path = tmp_path_factory.mktemp("direct") / "file"
    path.write_bytes(b"x" * before)
    assert put(path, sizes) == path.read_bytes()


def test_whole_blocks_pass_by_the_page_cache_and_the_rest_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths: dict[bool, list[int]] = {True: [], False: []}
    write = os.pwrite

    def noting(handle: int, data: memoryview, offset: int) -> int:
        flags = fcntl.fcntl(handle, fcntl.F_GETFL)
        lengths[bool(flags & os.O_DIRECT)].append(len(data))
        return write(handle, data, offset)

    monkeypatch.setattr(os, "pwrite", noting)
    monkeypatch.setattr(direct, "SLOW_SECONDS", float("inf"))
    put(tmp_path / "file", [BLOCK + 1] * 7)
    assert sum(lengths[True]) == 7 * BLOCK
    assert sum(lengths[False]) == 7


@pytest.mark.parametrize("when", ["open", "write"])
def test_a_file_system_without_direct_writes_gets_them_through_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    opening, write, refused = os.open, os.pwrite, []

    def refuse(flags: int) -> None:
        if flags & os.O_DIRECT:
            refused.append(flags)
            raise OSError(errno.EINVAL, "Invalid argument")

    def refusing_open(path: Path, flags: int, mode: int = 0o777) -> int:
        if when == "open":
            refuse(flags)
        return opening(path, flags, mode)

    def refusing_write(handle: int, data: memoryview, offset: int) -> int:
        refuse(fcntl.fcntl(handle, fcntl.F_GETFL))
        return write(handle, data, offset)

    monkeypatch.setattr(os, "open", refusing_open)
    monkeypatch.setattr(os, "pwrite", refusing_write)
    assert put(tmp_path / "file", [BLOCK + 1] * 9) == (tmp_path / "file").read_bytes()
    assert len(refused) == 1


def test_a_slow_disk_is_not_waited_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    direct_writes = []
    write = os.pwrite

    def noting(handle: int, data: memoryview, offset: int) -> int:
        if fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_DIRECT:
            direct_writes.append(offset)
        return write(handle, data, offset)

    monkeypatch.setattr(os, "pwrite", noting)
    monkeypatch.setattr(direct, "SLOW_SECONDS", 0.0)
    assert put(tmp_path / "file", [LARGEST] * 9) == (tmp_path / "file").read_bytes()
    assert direct_writes == [0]


def test_pieces_that_are_written_in_part_are_written_to_their_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.pwrite

    def short(handle: int, data: memoryview, offset: int) -> int:
        return write(handle, data[: max(1, len(data) // 3)], offset)

    monkeypatch.setattr(os, "pwrite", short)
    assert put(tmp_path / "file", [LARGEST] * 5 + [5]) == (tmp_path / "file").read_bytes()


@pytest.mark.parametrize("sizes", [[LARGEST] * 20, [5]], ids=["behind", "at-the-end"])
def test_a_full_disk_is_an_error_and_leaves_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sizes: list[int]
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    threads = threading.active_count()
    with pytest.raises(OSError, match="No space left"):
        put(tmp_path / "file", sizes)
    assert threading.active_count() == threads


def test_no_memory_for_a_thread_is_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(MemoryError):
        put(tmp_path / "file", [LARGEST] * 9)


@given(encodable())
def test_a_shard_in_a_file_is_the_encoded_shard(
    tmp_path_factory: pytest.TempPathFactory, case: tuple[ArrayLayout, NDArray[np.generic]]
) -> None:
    layout, frame = case
    path = tmp_path_factory.mktemp("shard") / "shard"
    written = write_shard(np.asfortranarray(frame), layout, path)
    assert path.read_bytes() == encode_shard(frame, layout)
    assert written == path.stat().st_size
