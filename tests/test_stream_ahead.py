"""Items that a thread makes ahead, and the feed of a GPU, which is made of them."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rawkit.errors import StoreDamagedError
from rawkit.sensor import Amplification
from rawkit.stream import BatchStream, PlanSettings
from rawkit.stream.ahead import Ahead
from rawkit.stream.feed import Feed
from rawkit.stream.tensors import tensors_of
from tests.factories import local
from tests.fixtures_stream import Shape, make_sources

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

SETTINGS = PlanSettings(crop=7, live_windows=8)
SHAPES = [Shape(30, 45, (8, 12)), Shape(25, 40, (9, 9), codec="none")]
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")


class Counted:
    """A generator of numbers that fails at one of them, and remembers what became of it."""

    def __init__(self, count: int, failing: int | None = None) -> None:
        self.count, self.failing = count, failing
        self.made, self.closed_by = 0, ""

    def numbers(self) -> Generator[int, None, None]:
        """Yield numbers from 0."""
        try:
            for number in range(self.count):
                if number == self.failing:
                    raise ValueError(f"number {number}")
                self.made += 1
                yield number
        finally:
            self.closed_by = threading.current_thread().name


def threads() -> list[str]:
    """Names of the threads of this module that are alive."""
    return [one.name for one in threading.enumerate() if one.name == "rawkit-ahead"]


@given(
    count=st.integers(0, 30),
    depth=st.integers(1, 5),
    failing=st.integers(0, 40),
    taken=st.integers(0, 40),
)
def test_items_come_in_order_up_to_the_error_and_no_more_are_made_than_may_wait(
    count: int, depth: int, failing: int, taken: int
) -> None:
    source = Counted(count, failing)
    found: list[int] = []
    end = ""
    with closing(Ahead(source.numbers(), depth)) as items:
        while len(found) < taken and not end:
            try:
                found.append(next(items))
            except StopIteration:
                end = "no more"
            except ValueError as error:
                end = str(error)
            assert source.made <= len(found) + depth + 1
    good = min(count, failing)
    assert found == list(range(min(good, taken)))
    if taken <= good:
        assert end == ""
    else:
        assert end == (f"number {failing}" if failing < count else "no more")
    assert threads() == []
    assert source.closed_by in ("rawkit-ahead", "")  # never begun where nothing was asked for


def test_an_interrupt_while_waiting_ends_the_thread() -> None:
    begun = threading.Event()

    def slow() -> Generator[int, None, None]:
        begun.set()
        time.sleep(0.3)
        yield 1

    def interrupt() -> None:
        begun.wait()
        time.sleep(0.05)
        signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    with closing(Ahead(slow(), 1)) as items:
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            next(items)
    thread.join()
    assert threads() == []


def test_what_was_waited_for_is_counted() -> None:
    def slow() -> Generator[int, None, None]:
        for number in range(3):
            time.sleep(0.05)
            yield number

    with closing(Ahead(slow(), 1)) as items:
        assert list(items) == [0, 1, 2]
        assert 0.1 < items.waited < 2
    with closing(Ahead(Counted(3).numbers(), 3)) as items:
        time.sleep(0.1)
        waited = items.waited
        assert (list(items), waited) == ([0, 1, 2], 0)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_gpu)])
def test_a_feed_gives_the_batches_of_the_stream_on_its_device(tmp_path: Path, device: str) -> None:
    sources = make_sources(tmp_path, SHAPES)
    stream, factor = BatchStream(sources, SETTINGS, batch_size=4), Amplification("number", 2.0)
    feed = Feed(stream, factor, device)
    for position in (0, 8):
        with closing(stream.batches(position)) as plain:
            batches = islice(plain, 9)
            expected = [tensors_of(batch, factor) for batch in batches]
        for one, found in zip(expected, feed.batches(position), strict=False):
            assert found.planes.device.type == found.target.device.type == device
            assert found.amplification.device.type == device
            torch.testing.assert_close(found.planes.cpu(), one.planes, rtol=1e-6, atol=0)
            torch.testing.assert_close(found.target.cpu(), one.target, rtol=1e-6, atol=0)
            assert (found.position, found.names) == (one.position, one.names)
    assert feed.waited >= 0
    assert not [one for one in threading.enumerate() if one.name.startswith("rawkit-")]


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_gpu)])
def test_a_damaged_shard_reaches_whoever_takes_the_batches(tmp_path: Path, device: str) -> None:
    sources = make_sources(tmp_path, SHAPES)
    local(sources[1].target.path).unlink()
    stream = BatchStream(sources, SETTINGS, batch_size=4)
    with pytest.raises(StoreDamagedError) as caught:
        for _ in Feed(stream, Amplification(), device).batches():
            pass
    assert caught.value.where == str(sources[1].target.path)
