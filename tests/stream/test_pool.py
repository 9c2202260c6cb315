"""Live windows: handed out in order, in bounded memory, and never for ever waited for."""

from __future__ import annotations

import errno
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from collections import deque
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rawkit.errors import StoreDamagedError
from rawkit.stream import BatchStream, PlanSettings, pool_bytes
from rawkit.stream.pool import READ_AHEAD
from rawkit.stream.reader import OpenShard, ShardFile, open_shard
from rawkit.stream.window import WindowReader
from tests.support.factories import local
from tests.support.fixtures_stream import Shape, make_sources

REPOSITORY = Path(__file__).resolve().parents[2]
SETTINGS = PlanSettings(crop=16, crops_per_window=2, live_windows=8, window_chunks=2)
SMALL = [Shape(32, 48, (8, 8)), Shape(24, 32, (8, 8))]


def threads_alive() -> list[threading.Thread]:
    """Threads that read."""
    return [one for one in threading.enumerate() if one.name.startswith("rawkit-read")]


@pytest.mark.parametrize("kinds", [1, 5])
@pytest.mark.parametrize("batch", [1, 8])
def test_memory_stays_below_what_pool_bytes_says(tmp_path: Path, kinds: int, batch: int) -> None:
    chunks = [(16, 24), (24, 16), (12, 32), (32, 12), (48, 8)][:kinds]
    shapes = [Shape(4 * chunk[0], 4 * chunk[1], chunk, "none") for chunk in chunks * 48]
    sources = make_sources(tmp_path, shapes[:48])
    settings = PlanSettings(crop=48, crops_per_window=3, live_windows=16)
    stream = BatchStream(sources, settings, batch_size=batch)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        deque(islice(stream.batches(), 3 * stream.epoch_length // batch), maxlen=0)
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    crop = 24 * 24 * (4 * 2 + 3 * 4 * 2)
    # The batch in the consumer's hands, one that is only begun, and the plans themselves.
    allowed = pool_bytes(sources, settings) + 2 * batch * crop + 400_000
    assert peak < allowed
    assert peak > pool_bytes(sources, settings) / 3  # a bound that says something


def test_pool_bytes_counts_crops_and_chunks(tmp_path: Path) -> None:
    sources = make_sources(tmp_path, [Shape(32, 48, (8, 8), bits=8)])
    crop = 8 * 8 * (4 * 2 + 3 * 4)
    samples = 8 * (1 * 3 - 1) + READ_AHEAD * 2
    packed, target = 8 * 8 * 4 * 2, 16 * 16 * 3
    scratch = packed + target + max(packed, target)  # the last one encoded
    native = max(
        3 * (packed + 512) + 2 * 4 * 8 * 80,  # crops of a window, planes, rows of a chunk, a line
        3 * (target + 512) + 2 * 3 * 16 * 80,
    )
    assert pool_bytes(sources, SETTINGS) == samples * crop + 2 * (scratch + native)


def test_pool_bytes_takes_the_largest_target(tmp_path: Path) -> None:
    small, large = (
        make_sources(tmp_path / str(bits), [Shape(32, 48, (8, 8), bits=bits)]) for bits in (8, 16)
    )
    assert pool_bytes(large, SETTINGS) > pool_bytes(small, SETTINGS)


def test_the_memory_of_batches_is_used_again_but_never_while_they_are_held(tmp_path: Path) -> None:
    stream = BatchStream(make_sources(tmp_path, SMALL), SETTINGS, batch_size=4)
    addresses = set()
    batches = stream.batches()
    for batch in islice(batches, 60):
        addresses.add(batch.packed.__array_interface__["data"][0])
    assert len(addresses) < 30
    del batch
    held = [(batch, batch.packed.copy(), batch.target[:, 1]) for batch in islice(batches, 20)]
    copies = [target.copy() for _, _, target in held]
    deque(islice(batches, 40), maxlen=0)
    for (batch, packed, target), copy in zip(held, copies, strict=True):
        np.testing.assert_array_equal(batch.packed, packed)
        np.testing.assert_array_equal(target, copy)
    views = [target for _, _, target in held]
    del held, batch, target, packed
    deque(islice(batches, 40), maxlen=0)
    for view, copy in zip(views, copies, strict=True):
        np.testing.assert_array_equal(view, copy)


@pytest.mark.parametrize("damage", ["packed missing", "target missing", "target cut", "byte"])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("in_bursts", [False, True])
def test_a_damaged_shard_ends_the_stream_with_its_name(
    tmp_path: Path, damage: str, threads: int, *, in_bursts: bool
) -> None:
    sources = make_sources(tmp_path, SMALL * 4)
    shard = sources[3].packed if damage == "packed missing" else sources[3].target
    broken = local(shard.path)
    data = broken.read_bytes()
    if damage.endswith("missing"):
        broken.unlink()
    elif damage == "target cut":
        broken.write_bytes(data[:-10])
    else:
        broken.write_bytes(data[:10] + bytes([data[10] ^ 1]) + data[11:])
    stream = BatchStream(sources, SETTINGS, batch_size=4, threads=threads, in_bursts=in_bursts)
    # Every window is read within an epoch or two; without an error this ends, and fails.
    two_epochs = islice(stream.batches(), 2 * stream.epoch_length // 4)
    with pytest.raises(StoreDamagedError) as caught:
        deque(two_epochs, maxlen=0)
    assert caught.value.where == str(broken)
    assert "rawkit verify --repair" in (caught.value.fix or "")
    assert not threads_alive()


def test_threads_end_with_a_stream_that_is_left_early(tmp_path: Path) -> None:
    sources = make_sources(tmp_path, SMALL)
    batches = BatchStream(sources, SETTINGS, batch_size=4).batches()
    next(batches)
    assert threads_alive()
    batches.close()
    assert not threads_alive()


def test_a_stream_can_be_left_and_begun_again(tmp_path: Path) -> None:
    stream = BatchStream(make_sources(tmp_path, SMALL), SETTINGS, batch_size=4)
    first = next(stream.batches())
    kept = first.packed.copy()
    again = next(stream.batches())
    np.testing.assert_array_equal(again.packed, kept)
    np.testing.assert_array_equal(first.packed, kept)


def test_batches_before_a_damaged_shard_are_handed_out_whatever_the_threads(tmp_path: Path) -> None:
    sources = make_sources(tmp_path, SMALL * 6)
    whole = list(islice(BatchStream(sources, SETTINGS, batch_size=4).batches(), 60))
    first_use: dict[str, int] = {}
    for number, batch in enumerate(whole):
        for name in batch.names:
            first_use.setdefault(name, number)
    last, needed = max(first_use.items(), key=lambda item: item[1])
    broken = next(source.packed.path for source in sources if source.name == last)
    assert needed > 0
    local(broken).unlink()
    for threads, in_bursts in product((1, 2, 4), (False, True)):
        stream = BatchStream(sources, SETTINGS, batch_size=4, threads=threads, in_bursts=in_bursts)
        batches = stream.batches()
        for batch in islice(batches, needed):
            np.testing.assert_array_equal(batch.packed, whole[batch.position // 4 - 1].packed)
        with pytest.raises(StoreDamagedError):
            next(batches)


@pytest.mark.parametrize("threads", [1, 3])
def test_in_bursts_nothing_is_read_while_no_batch_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    begun: list[float] = []
    plain = WindowReader.cut

    def noted(self: WindowReader, *rest: Any) -> None:
        begun.append(time.monotonic())
        plain(self, *rest)

    monkeypatch.setattr(WindowReader, "cut", noted)
    sources = make_sources(tmp_path, SMALL * 8)
    stream = BatchStream(sources, SETTINGS, batch_size=2, threads=threads, in_bursts=True)
    waits, bursts = 0, set()
    for _ in islice(stream.batches(), 40):
        windows, waited = len(begun), stream.waited
        time.sleep(0.01)
        assert len(begun) == windows
        waits += waited not in bursts
        bursts.add(waited)
    # A burst reads for several batches: there are fewer of them than windows.
    assert 1 < waits < len(begun) / 2


@pytest.mark.parametrize("in_bursts", [False, True])
def test_an_interrupt_while_waiting_ends_the_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, in_bursts: bool
) -> None:
    sources = make_sources(tmp_path, SMALL)
    plain, begun = WindowReader.cut, threading.Event()

    def slow(self: WindowReader, *rest: Any) -> None:
        begun.set()
        time.sleep(0.3)
        plain(self, *rest)

    monkeypatch.setattr(WindowReader, "cut", slow)

    def interrupt() -> None:
        begun.wait()
        time.sleep(0.05)
        signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    batches = BatchStream(sources, SETTINGS, batch_size=4, in_bursts=in_bursts).batches()
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        next(batches)
    thread.join()
    assert not threads_alive()


def test_any_error_in_a_thread_reaches_the_consumer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import rawkit.stream.pool as module

    def failing(*_: object) -> None:
        raise MemoryError("no room for another batch")

    monkeypatch.setattr(module.BatchPool, "new", failing)
    with pytest.raises(MemoryError, match="no room"):
        next(BatchStream(make_sources(tmp_path, SMALL), SETTINGS, batch_size=4).batches())


@pytest.mark.parametrize("in_bursts", [False, True])
def test_shards_are_opened_once_a_window_and_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, in_bursts: bool
) -> None:
    handles = Path("/proc/self/fd")
    if not handles.is_dir():
        pytest.skip("nothing tells which files are open")
    sources = make_sources(tmp_path, SMALL * 3)
    shards = {str(file.path) for one in sources for file in (one.packed, one.target)}
    opened: list[str] = []

    def noting(shard: ShardFile, *rest: Any) -> OpenShard:
        opened.append(str(shard.path))
        return open_shard(shard, *rest)

    monkeypatch.setattr("rawkit.stream.window.open_shard", noting)
    stream = BatchStream(sources, SETTINGS, batch_size=2, threads=3, in_bursts=in_bursts)
    windows = set()
    batches = stream.batches()
    for batch in islice(batches, 20):
        windows |= {(origin.epoch, origin.window) for origin in batch.origins}
    batches.close()
    assert threads_alive() == []
    assert not shards & {str(one.readlink()) for one in handles.iterdir() if one.is_symlink()}
    count = sum(path in shards for path in opened)
    assert count >= 2 * len(windows)
    if not in_bursts:
        # Those of windows that later batches begin with, too.
        assert count <= 2 * (len(windows) + READ_AHEAD + SETTINGS.live_windows)


def test_a_shard_that_cannot_be_read_is_named_not_the_other_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = make_sources(tmp_path, SMALL[:1])
    broken = str(sources[0].packed.path)
    monkeypatch.setattr("rawkit.native.CUTS", False)
    plain = os.preadv

    def failing(handle: int, *rest: Any) -> int:
        if str(Path(f"/proc/self/fd/{handle}").readlink()) == broken:
            raise OSError(errno.EIO, "Input/output error")
        return plain(handle, *rest)

    monkeypatch.setattr(os, "preadv", failing)
    with pytest.raises(StoreDamagedError, match="Input/output error") as caught:
        next(BatchStream(sources, SETTINGS, batch_size=4).batches())
    assert caught.value.where == broken


def test_a_process_with_a_stream_that_was_never_closed_ends_in_order(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from itertools import islice\n"
        "from tests.support.fixtures_stream import Shape, make_sources\n"
        "from rawkit.stream import BatchStream, PlanSettings\n"
        "sources = make_sources(Path(sys.argv[1]), [Shape(320, 480, (80, 80))] * 3)\n"
        "stream = BatchStream(sources, PlanSettings(crop=128), batch_size=1, threads=4)\n"
        "batches = stream.batches()\n"
        "for _ in range(20): next(batches)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True, text=True, timeout=60, check=False, cwd=REPOSITORY,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
