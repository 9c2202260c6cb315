"""Splits: as published where lists exist, stable hashes of scenes elsewhere."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.catalog import (
    Catalog,
    Entry,
    Selection,
    Split,
    load_definition,
    scan,
    scene_digest,
    select,
)
from rawkit.catalog.definition import Match, Matcher
from rawkit.catalog.select import longs_by_pair
from rawkit.catalog.splits import split_of
from rawkit.errors import DefinitionError

SPLITS: tuple[Split, ...] = ("train", "val", "test")


def scene_match(scene: str) -> Match:
    return Match(name=scene, role="short", scene=scene, view="", pair=scene, groups={})


def published_pairs(lists: Path, camera: str, split: str) -> list[tuple[str, str]]:
    """Short and long of each line of an official list of SID."""
    lines = (lists / "sid" / f"{camera}_{split}_list.txt").read_text().splitlines()
    return [(line.split()[0][2:], line.split()[1][2:]) for line in lines if line.strip()]


@pytest.fixture(scope="module")
def sid_tree(official_lists: Path, tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """All of SID by name: empty files where the official lists say there are some."""
    root = tmp_path_factory.mktemp("sid-names")
    for camera in ("Sony", "Fuji"):
        for role in ("short", "long"):
            (root / camera / role).mkdir(parents=True)
        for split in SPLITS:
            for pair in published_pairs(official_lists, camera, split):
                for name in pair:
                    (root / name).touch()
    return scan(load_definition("sid"), root)


@pytest.mark.parametrize(
    ("camera", "counts"),
    [
        ("Sony", {"train": 1865, "val": 234, "test": 598}),
        ("Fuji", {"train": 1655, "val": 218, "test": 524}),
    ],
)
def test_the_splits_of_sid_have_the_published_numbers_of_pairs(
    sid_tree: Catalog, camera: str, counts: dict[str, int]
) -> None:
    assert not sid_tree.left_out
    longs = longs_by_pair(sid_tree.entries)
    shorts = [
        entry
        for entry in sid_tree.entries
        if entry.role == "short" and entry.frame.name.startswith(camera)
    ]
    assert all(short.pair in longs for short in shorts)
    assert Counter(short.split for short in shorts) == counts


def test_the_train_split_of_sid_has_161_longs_of_sony(sid_tree: Catalog) -> None:
    longs = [
        entry
        for entry in sid_tree.entries
        if entry.role == "long" and entry.split == "train" and "Sony" in entry.frame.name
    ]
    assert len(longs) == 161


@pytest.mark.parametrize("camera", ["Sony", "Fuji"])
@pytest.mark.parametrize("split", SPLITS)
def test_every_published_pair_of_sid_is_paired_and_in_its_split(
    sid_tree: Catalog, official_lists: Path, camera: str, split: str
) -> None:
    by_name: dict[str, Entry] = {entry.frame.name: entry for entry in sid_tree.entries}
    for short, long in published_pairs(official_lists, camera, split):
        assert by_name[short].split == by_name[long].split == split
        assert by_name[short].pair == by_name[long].pair


def test_without_the_excluded_scenes_562_test_pairs_of_sony_remain(sid_tree: Catalog) -> None:
    excluded = sid_tree.definition.excluded_pairs
    found = select(sid_tree, Selection(splits=("test",), excluded=excluded))
    assert sum("Sony/short" in one.frame.name for one in found.entries) == 562
    assert sum("Fuji/short" in one.frame.name for one in found.entries) == 524
    assert found.filtered["without-excluded"] == 36


def videos(lists: Path, split: str) -> list[str]:
    return (lists / "smid" / f"{split}_list.txt").read_text().split()


def test_the_lists_of_smid_are_the_published_ones(official_lists: Path) -> None:
    rule = load_definition("smid").split
    assert rule.by == "lists"
    for split, count in (("train", 129), ("val", 24), ("test", 49)):
        published = videos(official_lists, split)
        assert len(published) == len(set(published)) == count
        assert getattr(rule, split) == set(published)


def test_the_splits_of_smid_are_disjoint_and_cover_202_videos() -> None:
    rule = load_definition("smid").split
    assert rule.by == "lists"
    assert len(rule.train | rule.val | rule.test) == 202
    assert len(rule.train) + len(rule.val) + len(rule.test) == 202


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("short1/0022/0001.ARW", "train"),
        ("long/0022/0001.ARW", "train"),
        ("short2/0004/0001.ARW", "val"),
        ("short3/0013/0001.ARW", "test"),
        ("short3/M0022/0001.ARW", "test"),
    ],
)
def test_a_video_of_smid_has_the_split_of_its_number(path: str, split: str) -> None:
    definition = load_definition("smid")
    match = Matcher(definition).match(path)
    assert match
    assert split_of(definition, match) == split


def test_a_name_with_an_unknown_split_is_refused() -> None:
    definition = load_definition("sid")
    match = Match("x", "short", "x", "", "x", {"part": "7"})
    with pytest.raises(DefinitionError, match=r"split\.values has no '7'; expected one of 0, 1, 2"):
        split_of(definition, match)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), unique=True), st.data())
def test_a_hashed_split_does_not_change_when_scenes_are_added(
    scenes: list[str], data: st.DataObject
) -> None:
    definition = load_definition("mid")
    some = data.draw(st.lists(st.sampled_from(scenes))) if scenes else []
    before = {scene: split_of(definition, scene_match(scene)) for scene in some}
    after = {scene: split_of(definition, scene_match(scene)) for scene in scenes}
    assert before.items() <= after.items()


def test_these_scenes_of_mid_are_in_these_splits_for_ever() -> None:
    definition = load_definition("mid")
    found = [split_of(definition, scene_match(f"Indoor/pair{number}")) for number in range(1, 13)]
    expected = "train val val train train train train val train train train train"
    assert found == expected.split()


def test_the_shares_of_a_hashed_split_are_about_right() -> None:
    definition = load_definition("mid")
    counts = Counter(split_of(definition, scene_match(f"scene-{n}")) for n in range(10_000))
    assert counts["train"] == pytest.approx(8000, abs=150)
    assert counts["val"] == pytest.approx(1000, abs=120)
    assert counts["test"] == pytest.approx(1000, abs=120)


def test_another_seed_draws_other_scenes() -> None:
    assert scene_digest(0, "a") == scene_digest(0, "a")
    assert len({scene_digest(seed, scene) for seed in (0, 1) for scene in ("a", "b")}) == 4


def test_no_scene_is_in_two_splits(mid_folder: Path, smid_folder: Path, sid_folder: Path) -> None:
    for name, folder in (("mid", mid_folder), ("smid", smid_folder), ("sid", sid_folder)):
        found: dict[str, Split] = {}
        for entry in scan(load_definition(name), folder).entries:
            assert found.setdefault(entry.scene, entry.split) == entry.split


def touched(root: Path, names: list[str]) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_the_tree_of_smid_has_the_published_videos_of_each_split_and_kind(
    official_lists: Path, tmp_path: Path
) -> None:
    static = [video for split in SPLITS for video in videos(official_lists, split)]
    names = [f"long/{video}/0001.ARW" for video in static]
    for number, video in enumerate([*static, *(f"M{number:04d}" for number in range(23))]):
        names += [f"short{1 + number % 5}/{video}/{frame:04d}.ARW" for frame in (1, 2)]
    catalog = scan(load_definition("smid"), touched(tmp_path, names))
    assert not catalog.left_out
    for kind, counts in (
        ("static", {"train": 129, "val": 24, "test": 49}),
        ("dynamic", {"test": 23}),
    ):
        chosen = select(catalog, Selection(where=f"kind == '{kind}'"))
        scenes = {one.scene: one.split for one in chosen.entries}
        assert Counter(scenes.values()) == counts
        assert chosen.pairs == (2 * 202 if kind == "static" else 0)


def test_the_tree_of_mid_has_54_scenes_of_each_kind(tmp_path: Path) -> None:
    names = []
    for place in ("Indoor", "Outdoor"):
        for pair in range(1, 55):
            for view in (2 * pair - 1, 2 * pair):
                folder, prefix = f"{place}/pair{pair}", f"IMG_{view:04d}_"
                names.append(f"{folder}/{prefix}GT.cr2")
                names += [
                    f"{folder}/{view:05d}/{prefix}{iso:05d}_0.01_{place}.cr2" for iso in (100, 800)
                ]
    catalog = scan(load_definition("mid"), touched(tmp_path, names))
    assert not catalog.left_out
    for kind in ("indoor", "outdoor"):
        chosen = select(catalog, Selection(where=f"kind == '{kind}' and iso == 100"))
        assert len({one.scene for one in chosen.entries}) == 54
        assert chosen.pairs == 108
        assert {one.kind for one in chosen.entries} == {kind}
