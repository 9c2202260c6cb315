"""All pairs of a store: the list, what people write into it, the journal, memory, the page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from rawkit.catalog import Selection, read_bad_pairs, selection_of
from rawkit.errors import DefinitionError, SelectionError, UsageError
from rawkit.pairing import PairLimits, PairReport, verify_pairs, write_page
from rawkit.store import Store
from rawkit.subset import Limits, choose_frames
from tests.support.faults import Fault
from tests.support.paired_stores import paired_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from rawkit.progress import Advance

BAD = {"b": "shift", "c": "moved", "d": "scene"}


@pytest.fixture(scope="module")
def store_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pairs") / "sid.zarr"
    faults = {"a": Fault("none"), "b": Fault("shift", 2.0), "c": Fault("moved", 0.05),
              "d": Fault("swapped")}  # fmt: skip
    paired_store(path, faults)
    return path


def verified(store_path: Path, table: Path, **options: Any) -> PairReport:
    return verify_pairs(Store(store_path), table, **options)


def test_bad_pairs_are_listed_with_what_was_found(store_path: Path, tmp_path: Path) -> None:
    report = verified(store_path, tmp_path / "sid.toml")
    assert {one.pair.short.scene: one.verdict.reasons for one in report.bad()} == {
        scene: (reason,) for scene, reason in BAD.items()
    }
    collection, listed = read_bad_pairs(tmp_path / "sid.toml")
    assert collection == "sid"
    assert [(one.frame, one.long, one.found) for one in listed] == [
        (f"{scene}/short-{number}", f"{scene}/long", (reason,))
        for scene, reason in BAD.items()
        for number in (0, 1)
    ]
    assert report.listed == 6


def test_the_list_is_what_without_excluded_leaves_out(store_path: Path, tmp_path: Path) -> None:
    table = tmp_path / "sid.toml"
    verified(store_path, table)
    selection = selection_of(without_excluded=True, bad_pairs=[table])
    frames = choose_frames(
        [Store(store_path)], fraction=1.0, seed=0, limits=Limits(), selection=selection
    )
    assert {one.scene for one in frames} == {"a"}


def test_pairs_that_a_definition_names_are_left_out_of_stores(store_path: Path) -> None:
    selection = Selection(excluded=("Sony/a", "Sony/[bc]"))
    frames = choose_frames(
        [Store(store_path)], fraction=1.0, seed=0, limits=Limits(), selection=selection
    )
    assert {one.scene for one in frames} == {"d"}


def test_what_people_write_into_the_list_stays(store_path: Path, tmp_path: Path) -> None:
    table = tmp_path / "sid.toml"
    verified(store_path, table)
    text = table.read_text("utf-8")
    text = text.replace('frame = "b/short-0"\n', 'frame = "b/short-0"\nkeep = true\n')
    table.write_text(text + '\n[[pair]]\nframe = "a/short-0"\nnote = "a moth"\n', "utf-8")
    report = verified(store_path, table)
    listed = {one.frame: one for one in read_bad_pairs(table)[1]}
    assert listed["b/short-0"].keep
    assert listed["a/short-0"].note == "a moth"
    assert report.listed == 6
    selection = selection_of(without_excluded=True, bad_pairs=[table])
    assert "sid:b/short-0" not in selection.bad
    assert "sid:a/short-0" in selection.bad


def test_nothing_is_measured_twice_and_other_limits_judge_anew(
    store_path: Path, tmp_path: Path
) -> None:
    table = tmp_path / "sid.toml"
    first = verified(store_path, table, selection=Selection(limit=3))
    again = verified(store_path, table)
    assert (first.kept, again.kept, len(again.pairs)) == (0, 3, 8)
    loose = verified(store_path, table, limits=PairLimits(max_shift=3.0, max_moved=0.5))
    assert loose.kept == 8
    assert {one.pair.short.scene for one in loose.bad()} == {"d"}
    assert len(read_bad_pairs(table)[1]) == 2


def test_entries_of_pairs_that_were_not_looked_at_stay(store_path: Path, tmp_path: Path) -> None:
    table = tmp_path / "sid.toml"
    verified(store_path, table)
    report = verified(store_path, table, selection=Selection(scenes=("a",)))
    assert (len(report.pairs), report.listed) == (2, 6)


def test_a_journal_that_was_cut_off_is_gone_on_with(store_path: Path, tmp_path: Path) -> None:
    table = tmp_path / "sid.toml"
    before = verified(store_path, table)
    journal = table.with_suffix(".measured")
    data = journal.read_bytes()
    journal.write_bytes(data[: len(data) * 2 // 3])
    again = verified(store_path, table)
    assert 0 < again.kept < 8
    assert again.bad() == before.bad()
    assert verified(store_path, table).kept == 8


class _Interrupting:
    """Progress that interrupts after some pairs."""

    def __init__(self, after: int) -> None:
        self._left = after

    def stage(self, label: str, total: int | None, unit: str) -> AbstractContextManager[Advance]:
        """Open a stage that ends early."""
        from contextlib import contextmanager

        @contextmanager
        def opened() -> Iterator[Advance]:
            yield self._advance

        assert (label, unit) == ("Comparing", "pairs")
        assert total
        return opened()

    def _advance(self, done: int = 1, note: str = "") -> None:
        self._left -= done
        assert note
        if self._left <= 0:
            raise KeyboardInterrupt


def test_what_was_measured_before_an_interrupt_is_kept(store_path: Path, tmp_path: Path) -> None:
    table = tmp_path / "sid.toml"
    with pytest.raises(KeyboardInterrupt):
        verified(store_path, table, progress=_Interrupting(3), workers=1)
    assert not table.exists()
    report = verified(store_path, table)
    assert report.kept == 3
    assert len(report.pairs) == 8


def test_damaged_frames_are_told_and_the_others_compared(tmp_path: Path) -> None:
    path = tmp_path / "sid.zarr"
    paired_store(path, {"a": Fault("none"), "b": Fault("none")})
    for row in Store(path).groups["cam/256x384"].rows:
        if row.name in {"a/long", "b/short-1"}:
            (path / f"cam/256x384/packed/c/{row.index}/0/0/0").unlink()
    report = verified(path, tmp_path / "sid.toml")
    assert [name for name, _ in report.damaged] == ["a/short-0", "a/short-1", "b/short-1"]
    assert "its long" in dict(report.damaged)["a/short-0"]
    assert [one.pair.short.name for one in report.pairs] == ["b/short-0"]


def test_too_little_memory_and_too_few_workers_are_refused(
    store_path: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="at least"):
        verified(store_path, tmp_path / "sid.toml", max_ram=10**6)
    with pytest.raises(UsageError, match="workers"):
        verified(store_path, tmp_path / "sid.toml", workers=0)


def test_no_pair_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "sid.zarr"
    paired_store(path, {"a": Fault("none")})
    with pytest.raises(SelectionError):
        verified(path, tmp_path / "sid.toml", selection=Selection(scenes=("z",)))


def test_a_list_with_a_mistake_is_refused_before_anything_is_measured(
    store_path: Path, tmp_path: Path
) -> None:
    table = tmp_path / "sid.toml"
    table.write_text("collection = 3")
    with pytest.raises(DefinitionError):
        verified(store_path, table)
    assert not table.with_suffix(".measured").exists()


def test_the_page_shows_five_pictures_of_each(store_path: Path, tmp_path: Path) -> None:
    report = verified(store_path, tmp_path / "sid.toml")
    write_page(tmp_path / "sid.html", "Pairs of <sid>", report.bad()[:2], left_out=4)
    text = (tmp_path / "sid.html").read_text("utf-8")
    assert text.count("data:image/jpeg;base64,") == 10
    assert len(re.findall("<section>", text)) == 2
    assert "Pairs of &lt;sid&gt;" in text
    assert "4 more" in text
