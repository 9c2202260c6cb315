"""The same samples from an object store, with and without a cache; a network that goes away."""

from __future__ import annotations

import threading
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rawkit.errors import StoreDamagedError, StoreUnreachableError, UsageError
from rawkit.store import RemoteFile
from rawkit.store.places.place import open_place
from rawkit.stream import BatchStream, ChunkCache, PlanSettings
from tests.support.factories import local
from tests.support.fixtures_stream import Shape, assert_same_batch, make_sources

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rawkit.locations import Url
    from rawkit.stream import PairSource
    from rawkit.stream.reader import ShardFile
    from tests.support.fixtures_s3 import ObjectServer

pytest_plugins = ("tests.support.fixtures_s3",)

SETTINGS = PlanSettings(crop=14, crops_per_window=3, live_windows=8, window_chunks=2, seed=5)
SHAPES = [Shape(30, 45, (8, 12)), Shape(25, 40, (9, 9), codec="none"), Shape(41, 16, (10, 16))]
BATCH = 4


def uploaded(sources: Sequence[PairSource], bucket: Url, root: Path) -> list[PairSource]:
    """Put the shards of sources into a bucket, and return sources that lie there."""
    place = open_place(bucket)

    def moved(shard: ShardFile) -> ShardFile:
        key = local(shard.path).relative_to(root).as_posix()
        place.write(key, local(shard.path).read_bytes())
        return replace(shard, path=place.file(key))

    return [
        replace(source, packed=moved(source.packed), target=moved(source.target))
        for source in sources
    ]


@pytest.fixture
def both(tmp_path: Path, bucket: Url) -> tuple[list[PairSource], list[PairSource]]:
    """Return the same frames here and in a bucket."""
    here = make_sources(tmp_path / "here", SHAPES)
    return here, uploaded(here, bucket, tmp_path / "here")


def test_samples_from_a_bucket_are_those_from_here(
    both: tuple[list[PairSource], list[PairSource]], tmp_path: Path
) -> None:
    here, there = both
    plain = BatchStream(here, SETTINGS, batch_size=BATCH)
    cache = ChunkCache(tmp_path / "cache", 10**8)
    count = plain.epoch_length * 3 // 2 // BATCH
    for kept in (None, cache, cache):
        elsewhere = BatchStream(there, SETTINGS, batch_size=BATCH, cache=kept)
        batches = zip(plain.batches(), islice(elsewhere.batches(), count), strict=False)
        for one, other in batches:
            assert_same_batch(one, other)


def test_what_is_in_the_cache_is_not_asked_for_again(
    both: tuple[list[PairSource], list[PairSource]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, there = both
    asked: list[int] = []
    plain = RemoteFile.read_ranges

    def counting(self: RemoteFile, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        asked.append(len(ranges))
        return plain(self, ranges)

    monkeypatch.setattr(RemoteFile, "read_ranges", counting)
    cache = ChunkCache(tmp_path / "cache", 10**8)
    # A whole epoch and more: every window that a shorter pass may read ahead is there.
    stream = BatchStream(there, SETTINGS, batch_size=BATCH, cache=cache)
    for _ in islice(stream.batches(), 2 * stream.epoch_length // BATCH):
        pass
    assert asked
    asked.clear()
    for _ in islice(stream.batches(), stream.epoch_length // BATCH):
        pass
    assert asked == []
    # Neighbouring chunks are one request.
    without = BatchStream(there, SETTINGS, batch_size=BATCH)
    next(without.batches())
    assert 0 < max(asked) <= SETTINGS.window_chunks + 1


def test_a_damaged_file_of_the_cache_is_fetched_anew(
    both: tuple[list[PairSource], list[PairSource]], tmp_path: Path
) -> None:
    here, there = both
    cache = ChunkCache(tmp_path / "cache", 10**8)
    stream = BatchStream(there, SETTINGS, batch_size=BATCH, cache=cache)
    next(stream.batches())
    files = sorted((tmp_path / "cache").glob("??/*"))
    assert files
    for number, path in enumerate(files):
        data = path.read_bytes()
        path.write_bytes(data[:-5] if number % 2 else bytes([data[0] ^ 1]) + data[1:])
    expected = BatchStream(here, SETTINGS, batch_size=BATCH).batches()
    for one, other in zip(expected, islice(stream.batches(), 6), strict=False):
        assert_same_batch(one, other)


@pytest.mark.usefixtures("impatient")
def test_a_network_that_goes_away_is_named_and_the_next_sample_is_known(
    both: tuple[list[PairSource], list[PairSource]], object_server: ObjectServer
) -> None:
    here, there = both
    stream = BatchStream(there, SETTINGS, batch_size=BATCH)
    batches = stream.batches()
    position = next(batches).position
    object_server.stop()
    try:
        with pytest.raises(StoreUnreachableError) as caught:  # noqa: PT012 - some come before it
            for batch in batches:
                position = batch.position
    finally:
        object_server.start()
    assert str(caught.value.where).startswith("s3://")
    assert not [one for one in threading.enumerate() if one.name.startswith("rawkit-read")]
    expected = BatchStream(here, SETTINGS, batch_size=BATCH).batches(position)
    for one, other in zip(expected, islice(stream.batches(position), 4), strict=False):
        assert_same_batch(one, other)


def test_an_object_that_is_missing_is_a_damaged_store(
    both: tuple[list[PairSource], list[PairSource]],
) -> None:
    _, there = both
    file = there[1].target.path
    assert isinstance(file, RemoteFile)
    open_place(file.place.location).delete(file.key)
    stream = BatchStream(there, SETTINGS, batch_size=BATCH)
    with pytest.raises(StoreDamagedError) as caught:
        for _ in islice(stream.batches(), 2 * stream.epoch_length // BATCH):
            pass
    assert caught.value.where == str(file)
    assert "rawkit verify --repair" in (caught.value.fix or "")


def chunk_of(number: int, size: int = 40_000) -> bytes:
    """Make a chunk with its checksum."""
    from rawkit.store.shard import with_crc

    body = np.random.default_rng(number).integers(0, 256, size - 4, np.uint8).tobytes()
    return with_crc(body)


def test_a_cache_stays_within_its_budget_and_keeps_what_was_used_last(tmp_path: Path) -> None:
    import os

    cache = ChunkCache(tmp_path, 1_000_000)
    first = ("s3://a", b"", 0)
    cache.put(first, memoryview(chunk_of(0)))
    for number in range(1, 200):
        assert cache.get(first, 40_000) == chunk_of(0)
        cache.put(("s3://a", b"", number), memoryview(chunk_of(number)))
        os.utime(cache._path(("s3://a", b"", number)), (number, number))  # noqa: SLF001 - age
        held = sum(path.stat().st_size for path in tmp_path.glob("??/*"))
        assert held <= 1_000_000
    assert cache.get(("s3://a", b"", 1), 40_000) is None
    assert cache.get(("s3://a", b"", 199), 40_000) == chunk_of(199)


def test_two_users_of_a_cache_stay_within_one_budget(tmp_path: Path) -> None:
    budget = 2_000_000
    over: list[int] = []

    def use(name: str) -> None:
        cache = ChunkCache(tmp_path, budget)
        for number in range(150):
            cache.put((name, b"", number), memoryview(chunk_of(number)))
            kept = cache.get((name, b"", number), 40_000)
            assert kept in (None, chunk_of(number))
            held = 0
            for path in tmp_path.glob("??/*"):
                try:
                    held += path.stat().st_size
                except FileNotFoundError:
                    continue
            if held > budget:
                over.append(held)

    users = [threading.Thread(target=use, args=(f"s3://{name}",)) for name in range(2)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert not over


def test_a_budget_that_holds_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="1 MB"):
        ChunkCache(tmp_path, 1000)
