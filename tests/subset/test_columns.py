"""Choices by columns are those made row by row."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rawkit.catalog import Selection
from rawkit.errors import SelectionError
from rawkit.store import About, FrameRow, Store, packed_layout, target_layout, write_rows
from rawkit.subset import Limits, Subset, SubsetFrame, SubsetFrames, choose_frames, load_subset
from rawkit.subset.files import save_subset
from tests.support.factories import frame_row
from tests.support.slow_subset import slow_frames

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

_ISOS = [100.0, 200.0, 400.0]
_SECONDS = [None, 0.01, 0.0105, 0.1, 1.0]


@st.composite
def rows(draw: st.DrawFn) -> list[FrameRow]:
    """Rows of up to three groups and two cameras, with all that filters ask for."""
    found: list[FrameRow] = []
    indexes: dict[str, int] = {}
    targets: dict[str, int] = {}
    for number in range(draw(st.integers(1, 24))):
        group = draw(st.sampled_from(["a/4x6", "a/6x8", "b/4x6"]))
        scene = draw(st.sampled_from(["In/1", "In/2", "Out/1", "flat"]))
        is_long = draw(st.booleans())
        index = indexes.setdefault(group, 0)
        indexes[group] += 1
        target = -1
        if draw(st.booleans()):
            target = targets.setdefault(group, 0)
            targets[group] += 1
        row = frame_row(
            group=group, index=index, name=f"{draw(st.sampled_from('qrs'))}/{number}",
            role="long" if is_long else "short", scene=scene,
            pair=f"{scene}/{draw(st.sampled_from('xy'))}", view=draw(st.sampled_from(["", "v1"])),
            split={"In/1": "train", "In/2": "train", "Out/1": "val", "flat": "test"}[scene],
            model=draw(st.sampled_from([None, "A 7", "B"])), iso=draw(st.sampled_from(_ISOS)),
            exposure_time=draw(st.sampled_from([*_SECONDS, 10.0] if is_long else _SECONDS)),
            target_index=target, packed_bytes=10 + number,
            target_bytes=None if target < 0 else 100 + number,
        )  # fmt: skip
        found.append(row)
        if draw(st.integers(0, 5)) == 0:
            found.append(replace(row, name=f"{row.name}-again", duplicate_of=row.name,
                                 packed_bytes=None, target_bytes=None,
                                 pair=f"{scene}/{draw(st.sampled_from('xyz'))}"))  # fmt: skip
    return found


_bands = st.sampled_from([(), (100.0,), ((100.0, 250.0),), (0.01, (0.09, 2.0)), (1000.0,), (10.0,)])
selections = st.builds(
    Selection,
    isos=_bands, shutters=_bands, ratios=_bands,
    scenes=st.sampled_from([(), ("In/*",), ("1",), ("flat", "Out/1")]),
    views=st.sampled_from([(), ("v1",)]), cameras=st.sampled_from([(), ("a 7",), ("b", "?")]),
    splits=st.sampled_from([(), ("train",), ("val", "test")]),
    role=st.sampled_from([None, None, "short", "long"]),
    per_long=st.sampled_from([None, "darkest", "first"]),
    excluded=st.sampled_from([(), ("x",), ("*y",)]),
    bad=st.sampled_from([(), ("test:q/0", "test:r/1", "other:s/2")]),
    where=st.sampled_from(
        ["", "iso >= 200", "ratio < 300 and scene != 'flat'", "name in ('q/1', 'r/2')",
         "kind == 'indoor' or frame == 1", "seconds * iso > 5", "pair != 'x' and model == 'B'"]
    ),
    limit=st.sampled_from([None, None, 1, 3]),
)  # fmt: skip


def store_of(folder: Path, frames: list[FrameRow], collection: str = "test") -> Store:
    """Write a store of rows alone."""
    packed = packed_layout(4, 6, "lz4")
    groups = {row.group for row in frames}
    layouts: dict[Any, Any] = {(group, "packed"): packed for group in groups}
    layouts |= {(group, "target"): target_layout(packed, 16, "lz4") for group in groups}
    path = folder / f"{collection}.zarr"
    write_rows(path, frames, About({"collection": collection}, {}, layouts))
    return Store(path)


def outcome(choose: Any, *arguments: Any, **settings_: Any) -> object:
    """Return what is chosen, or what is said where nothing can be."""
    try:
        return list(choose(*arguments, **settings_))
    except SelectionError as error:
        return str(error)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows(), selections, st.sampled_from([0.3, 0.5, 1.0]), st.integers(0, 3),
       st.sampled_from([Limits(), Limits(2), Limits(None, 400), Limits(3, 900)]))  # fmt: skip
def test_filters_fraction_and_limits_choose_the_frames_that_rows_gave(
    tmp_path_factory: pytest.TempPathFactory, found: list[FrameRow], selection: Selection,
    fraction: float, seed: int, limits: Limits,
) -> None:  # fmt: skip
    stores = [store_of(tmp_path_factory.mktemp("store"), found)]

    def both(selection: Selection) -> None:
        chosen: dict[str, Any] = {
            "fraction": fraction, "seed": seed, "limits": limits, "selection": selection,
        }  # fmt: skip
        assert outcome(choose_frames, stores, **chosen) == outcome(slow_frames, stores, **chosen)

    both(Selection())
    both(selection)
    # One filter at a time leaves more to choose from.
    for name in ("isos", "ratios", "where", "per_long", "limit", "role", "excluded", "bad"):
        both(replace(Selection(), **{name: getattr(selection, name)}))


@settings(deadline=None)
@given(st.lists(st.builds(
    SubsetFrame, st.sampled_from("ab"), st.just("a/4x6"), st.integers(0, 99), st.text("abc/é"),
    st.sampled_from(["In/1", "flat"]), st.sampled_from(["train", "val", "test"]),
    st.sampled_from(["short", "long"]), st.none() | st.just(100.0),
    st.none() | st.sampled_from([99.6, 300.0]), st.booleans(),
)))  # fmt: skip
def test_frames_are_the_same_as_objects_as_columns_and_from_a_file(
    tmp_path_factory: pytest.TempPathFactory, frames: list[SubsetFrame]
) -> None:
    columns = SubsetFrames.of(frames)
    assert list(columns) == frames
    assert columns == frames
    assert [columns[index] for index in range(-len(frames), 0)] == frames
    assert list(columns[1:5]) == frames[1:5]
    path = tmp_path_factory.getbasetemp() / "subset.parquet"
    subset = Subset("s", 1.0, 0, "now", {}, tuple(frames))
    save_subset(subset, path)
    assert load_subset(path) == subset
    pairs = [one for one in frames if (one.split, one.role, one.paired) == ("val", "short", True)]
    assert list(subset.pairs("val")) == pairs
    assert subset.scenes("val") == len({(one.collection, one.scene) for one in pairs})
