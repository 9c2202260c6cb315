"""Batches as tensors on their device, and how a GPU gets them ahead."""

from __future__ import annotations

import threading
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rawkit.errors import StoreDamagedError, UsageError
from rawkit.sensor import Amplification
from rawkit.stream import BatchStream, PlanSettings
from rawkit.stream.feed import Feed, one_ahead
from rawkit.stream.tensors import tensors_of
from tests.support.factories import local
from tests.support.fixtures_stream import Shape, make_sources

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SETTINGS = PlanSettings(crop=14, live_windows=8)
SHAPES = [Shape(30, 45, (8, 12)), Shape(25, 40, (9, 9), codec="none")]
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")


@given(count=st.integers(0, 8), failing=st.integers(0, 12), taken=st.integers(0, 12))
def test_items_are_sent_one_ahead_and_an_error_comes_in_its_turn(
    count: int, failing: int, taken: int
) -> None:
    sent: list[int] = []

    def send(number: int) -> int:
        if number == failing:
            raise ValueError(f"number {number}")
        sent.append(number)
        return -number

    handed = one_ahead(iter(range(count)), send)
    good, found, end = min(count, failing), list[int](), ""
    while len(found) < taken and not end:
        try:
            found.append(next(handed))
        except StopIteration:
            end = "no more"
        except ValueError as error:
            end = str(error)
        assert sent == list(range(min(good, len(found) + 1)))
    assert found == [-number for number in range(min(good, taken))]
    if taken <= good:
        assert end == ""
    else:
        assert end == (f"number {failing}" if failing < count else "no more")


def test_an_interrupt_does_not_wait_for_its_turn() -> None:
    def interrupted() -> Iterator[int]:
        yield 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        next(one_ahead(interrupted(), str))


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_gpu)])
def test_a_feed_gives_the_batches_of_the_stream_on_its_device(tmp_path: Path, device: str) -> None:
    sources = make_sources(tmp_path, SHAPES)
    factor = Amplification("number", 2.0)
    stream = BatchStream(sources, SETTINGS, batch_size=4, pinned=device == "cuda")
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
    assert stream.waited >= 0
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


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU here")
def test_memory_is_pinned_for_a_gpu_alone(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="without a GPU"):
        BatchStream(make_sources(tmp_path, SHAPES), SETTINGS, batch_size=4, pinned=True)
