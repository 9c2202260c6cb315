"""Notes, generations and orders: what follows from names and a seed alone, and survives a death."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.catalog import load_definition, scan
from rawkit.errors import TrainingError
from rawkit.stream import BatchStream, FrameShape, PlanSettings, epoch_length
from rawkit.stream.schedule import RankShare, jobs, place_of
from rawkit.supply import (
    BATCH_SIZE,
    NOTES,
    RECIPE_BATCHES,
    Generations,
    Notes,
    Pair,
    arrange,
    read_notes,
    share_memory,
)
from rawkit.train import RECIPES, TrainSettings
from tests.support.fixtures_stream import Shape, assert_same_batch, make_sources

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SETTINGS = PlanSettings(crop=32, live_windows=8, seed=3)
FRAME = FrameShape(40, 60, (16, 16))


def epochs_of(sizes: Sequence[int]) -> list[tuple[FrameShape, ...]]:
    """Shapes of as many frames for each epoch; the last epoch goes on."""
    return [(FRAME,) * size for size in sizes]


@given(
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=5),
    share=st.sampled_from([(4, 1), (8, 2), (8, 8)]),
    data=st.data(),
)
def test_growing_epochs_are_each_covered_once_and_from_any_position(
    sizes: list[int], share: tuple[int, int], data: st.DataObject
) -> None:
    epochs = epochs_of(sorted(sizes))
    lengths = [epoch_length(one, SETTINGS) for one in epochs]

    def frames(epoch: int) -> tuple[FrameShape, ...]:
        return epochs[min(epoch, len(epochs) - 1)]

    batch, ranks = share
    start = batch * data.draw(st.integers(0, (sum(lengths) - 1) // batch))
    found: dict[int, tuple[int, int]] = {}
    for rank in range(ranks):
        part = RankShare(batch, rank, ranks)
        for job in jobs(frames, SETTINGS, part, start):
            if job.epoch >= len(epochs):
                break
            for use in job.uses:
                number = start + batch * use.batch + ranks * use.slot + rank
                assert number not in found
                found[number] = (use.epoch, job.window.frame)
    assert sorted(found) == list(range(start, sum(lengths)))
    for number, (epoch, frame) in found.items():
        assert place_of(frames, SETTINGS, number)[0] == epoch
        assert frame < len(epochs[epoch])


def some(names: Sequence[str]) -> dict[str, str]:
    return {name: f"digest of {name}" for name in names}


@given(
    steps=st.lists(st.sets(st.text("abcdef", min_size=1, max_size=3), max_size=4), max_size=6),
    lost=st.integers(0, 400),
)
def test_notes_that_are_cut_off_hold_all_that_came_before(steps: list[set[str]], lost: int) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / NOTES
        notes = Notes(path)
        names: set[str] = {"first"}
        for more in steps:
            names |= more
            notes.add(some(sorted(names)))
        if not steps:
            return
        whole = path.read_bytes()
        assert [one.digests for one in read_notes(path).generations] == [
            one.digests for one in notes.generations
        ]
        last = whole.splitlines(keepends=True)[-1]
        path.write_bytes(whole[: len(whole) - min(max(1, lost), len(last))])
        again = read_notes(path)
        assert len(again.generations) == len(steps) - 1
        again.add(some(sorted(names)))
        assert path.read_bytes() == whole


def test_notes_damaged_in_the_middle_are_refused(tmp_path: Path) -> None:
    notes = Notes(tmp_path / NOTES)
    notes.add(some(["a"]))
    notes.add(some(["a", "b"]))
    lines = notes.path.read_text().splitlines(keepends=True)
    notes.path.write_text(lines[0].replace('"a"', '"c"') + lines[1])
    with pytest.raises(TrainingError, match="line 1 of the notes"):
        read_notes(notes.path)


def test_a_stream_draws_from_generations_and_again_from_their_notes(tmp_path: Path) -> None:
    sources = make_sources(tmp_path / "frames", [Shape(40, 60, (16, 16))] * 6)
    pairs = {source.name: Pair(source, f"digest of {source.name}") for source in sources}
    here = 2

    def there() -> Mapping[str, str]:
        nonlocal here
        found = some(sorted(pairs)[:here])
        here = min(len(pairs), here + 1)
        return found

    def find(names: Sequence[str]) -> dict[str, Pair]:
        return {name: pairs[name] for name in names}

    notes = Notes(tmp_path / NOTES)
    notes.add(there())
    live = Generations(notes, find, there, SETTINGS)
    stream = BatchStream(live.sources(0), SETTINGS, batch_size=4, epochs=live)
    drawn = list(islice(stream.batches(), 40))
    sizes = [len(one.digests) for one in notes.generations]
    assert sizes[0] == 2
    assert sizes[-1] == 6
    for position in (0, 12):
        again = Generations(read_notes(notes.path), find, None, SETTINGS)
        replay = BatchStream(again.sources(0), SETTINGS, batch_size=4, threads=3, epochs=again)
        start = position // 4
        for one, other in zip(drawn[start:], replay.batches(position), strict=False):
            assert_same_batch(one, other)
    two = [
        BatchStream(live.sources(0), SETTINGS, batch_size=4, rank=rank, ranks=2, epochs=Generations(
            read_notes(notes.path), find, None, SETTINGS)).batches()
        for rank in range(2)
    ]  # fmt: skip
    for whole, first, second in zip(drawn, *two, strict=False):
        np.testing.assert_array_equal(whole.packed[::2], first.packed)
        np.testing.assert_array_equal(whole.packed[1::2], second.packed)


def test_a_pair_that_is_gone_or_another_is_named(tmp_path: Path) -> None:
    sources = make_sources(tmp_path / "frames", [Shape(40, 60, (16, 16))] * 2)
    pairs = {source.name: Pair(source, f"digest of {source.name}") for source in sources}
    notes = Notes(tmp_path / NOTES)
    notes.add(some(sorted(pairs)))
    gone, other = sorted(pairs)
    with pytest.raises(TrainingError, match=f"{gone} is not in the stores"):
        Generations(notes, lambda _: {other: pairs[other]}, None, SETTINGS)
    changed = {**pairs, gone: Pair(pairs[gone].source, "another")}
    with pytest.raises(TrainingError, match=f"{gone} has other pixels"):
        Generations(notes, lambda _: changed, None, SETTINGS)


def test_frames_come_in_the_order_of_need_with_their_longs(mid_folder: Path) -> None:
    entries = scan(load_definition("mid"), mid_folder).entries
    found = arrange(entries, seed=1, batch=3)
    assert sorted(one.frame.name for one in found.entries) == [one.frame.name for one in entries]
    place = {entry.frame.name: number for number, entry in enumerate(found.entries)}
    used = [*found.train, *found.val]
    for name in used:
        earlier = [one for one in used if found.longs[one] == found.longs[name]]
        assert place[found.longs[name]] == min(place[one] for one in earlier) + 1
    assert found.entries == arrange(entries[::-1], seed=1, batch=3).entries
    assert found.entries != arrange(entries, seed=2, batch=3).entries
    last = found.train[-1] if found.train else None
    if last is not None:
        assert arrange(entries, seed=1, batch=3, urgent=[last]).entries[0].frame.name == last
        without = arrange(entries, seed=1, batch=3, bad=[last])
        assert last not in without.train
    assert arrange(entries, seed=1, batch=3, as_listed=True).entries == tuple(entries)


def test_what_is_known_without_torch_is_what_the_trainings_say() -> None:
    assert TrainSettings("x", 1).batch_size == BATCH_SIZE
    assert {name: one.values["batch_size"] for name, one in RECIPES.items()} == RECIPE_BATCHES


def test_memory_is_shared_and_one_thread_always_decodes() -> None:
    small, large = share_memory(3 * 10**9, cores=16), share_memory(24 * 10**9, cores=16)
    assert small.threads == 1
    assert small.ingest < 10**9
    assert large.threads == 8
    assert large.ingest < 8 * 10**9
