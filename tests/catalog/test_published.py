"""The definitions against what their authors publish: names, roles, pairs, splits, counts."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rawkit.catalog import load_definition, open_collection
from rawkit.catalog.definition import Matcher, SplitByLists
from rawkit.catalog.nearest import pair_by_number
from rawkit.catalog.splits import split_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rawkit.catalog.definition import Match

DATA = Path(__file__).parent.parent / "data" / "published"


def matched(collection: str, names: Iterable[str]) -> list[tuple[Match, str]]:
    """Match names, all of which must belong to a collection, and say their splits."""
    definition = load_definition(collection)
    matcher = Matcher(definition)
    found = [(name, matcher.match(name)) for name in names]
    assert [name for name, match in found if match is None] == []
    paired = pair_by_number([(n, m) for n, m in found if m is not None], definition.nearest)
    return [(match, split_of(definition, match)) for _, match in paired]


def counted(found: list[tuple[Match, str]]) -> dict[tuple[str, str], int]:
    return dict(Counter((match.role, split) for match, split in found))


def test_lrd_has_the_pairs_of_its_lists() -> None:
    names, lists = [], {}
    for line in (DATA / "lrd.txt").read_text().splitlines():
        if line.startswith("#"):
            continue
        number, long, *shorts, _, of = line.split()
        names.append(f"LRD/Clean/{number}_00_{long}s.DNG")
        names += [f"LRD/Noisy/{number}_{n:02d}_{one}s.DNG" for n, one in enumerate(shorts, 1)]
        lists[number] = of
    found = matched("lrd", names)
    assert {match.scene: split for match, split in found} == lists
    assert counted(found) == {
        ("short", "train"): 1440, ("short", "val"): 180, ("short", "test"): 180,
        ("long", "train"): 480, ("long", "val"): 60, ("long", "test"): 60,
    }  # fmt: skip
    longs = {match.pair for match, _ in found if match.role == "long"}
    assert {match.pair for match, _ in found} == longs
    assert all(match.number("seconds") for match, _ in found)


def test_eld_has_sixteen_pictures_of_each_scene() -> None:
    endings = {"SonyA7S2": "ARW", "NikonD850": "nef", "CanonEOS70D": "CR2", "CanonEOS700D": "CR2"}
    found = matched(
        "eld",
        (
            f"ELD/{camera}/scene-{scene}/IMG_{number:04d}.{ending}"
            for camera, ending in endings.items()
            for scene in range(1, 11)
            for number in range(1, 17)
        ),
    )
    assert counted(found) == {("long", "test"): 160, ("short", "test"): 480}
    shorts = Counter(match.pair for match, _ in found if match.role == "short")
    assert set(shorts) == {match.pair for match, _ in found if match.role == "long"}
    assert Counter(shorts.values()) == {2: 80, 4: 80}
    assert len({match.scene for match, _ in found}) == 40


def test_lrid_has_the_frames_that_its_code_lists() -> None:
    scenes = {"indoor_x3": 22, "indoor_x5": 60, "outdoor_x3": 57, "outdoor_x5": 7}
    names = [
        f"LRID/{part}/6400/{2**step}/{scene:03d}/{n:06d}_exp-8000000_iso-6400_2022_08_17_05_33_48_"
        f"461_9688422862537_orientation_0_camera-0.dng"
        for part, count in scenes.items()
        for step in range(int(part[-1]))
        for scene in range(count)
        for n in range(10)
    ]
    names += [
        f"LRID/{part}/100/{scene:03d}/000001_exp-500000000_iso-100_x_camera-0.dng"
        for part, count in scenes.items()
        for scene in range(count)
    ]
    found = matched("lrid", names)
    # Its lists have 5718 of them: two of indoor_x5 are missing there.
    assert sum(match.role == "short" for match, _ in found) == 660 + 3000 + 1710 + 350
    split = {match.scene: split for match, split in found}
    assert Counter(split.values()) == {"train": 128, "test": 18}
    assert split["indoor_x5/004"] == split["outdoor_x3/051"] == split["outdoor_x5/001"] == "test"
    assert split["indoor_x3/004"] == "train"


def test_crvd_has_its_scenes_takes_and_frames() -> None:
    isos = (1600, 3200, 6400, 12800, 25600)
    frames = [
        f"scene{scene}/ISO{iso}/frame{frame}"
        for scene in range(1, 12)
        for iso in isos
        for frame in range(1, 8)
    ]
    names = [
        f"CRVD/indoor_raw_noisy/{one}_noisy{take}.tiff" for one in frames for take in range(10)
    ]
    names += [f"CRVD/indoor_raw_gt/{one}_clean_and_slightly_denoised.tiff" for one in frames]
    found = matched("crvd", names)
    assert counted(found) == {
        ("short", "train"): 2100, ("short", "test"): 1750,
        ("long", "train"): 210, ("long", "test"): 175,
    }  # fmt: skip
    assert Counter(Counter(match.pair for match, _ in found).values()) == {11: 385}
    assert len({match.name for match, _ in found}) == len(names)
    assert {match.number("iso") for match, _ in found} == set(isos)
    assert (
        Matcher(load_definition("crvd")).match("indoor_raw_noisy/scene1/ISO1600/frame1_clean.tiff")
        is None
    )


def test_recrvd_has_the_scenes_of_its_lists() -> None:
    definition = load_definition("recrvd")
    split = definition.split
    assert isinstance(split, SplitByLists)
    assert (len(split.train), len(split.test)) == (90, 30)
    scenes = sorted(split.train | split.test)
    names = [
        f"ReCRVD_dataset/wb_scene_noisy/{scene}/ISO6400/wb_noisy_{frame}_{take}.tiff"
        for scene in scenes for frame in range(1, 26) for take in range(10)
    ]  # fmt: skip
    names += [
        f"ReCRVD_dataset/wb_scene_clean_postprocessed/{scene}/wb_clean_postprocessed_{frame}.tiff"
        for scene in scenes for frame in range(1, 26)
    ]  # fmt: skip
    found = matched("recrvd", names)
    assert counted(found) == {
        ("short", "train"): 22500, ("short", "test"): 7500,
        ("long", "train"): 2250, ("long", "test"): 750,
    }  # fmt: skip
    assert Counter(Counter(match.pair for match, _ in found).values()) == {11: 3000}
    other = Matcher(definition).match("boxing/ISO25600/frame25_noisy9.tiff")
    assert other is not None
    assert (other.name, other.number("iso")) == ("boxing/ISO25600/noisy9/25.tiff", 25600)


def test_mcr_has_the_exposures_of_its_lists() -> None:
    scenes = [*range(1, 195), *range(201, 350), *range(400, 500), *range(501, 556)]
    indoor = ("007f", "00ff", "01ff", "03ff", "07ff", "0fff", "1fff", "2fff")
    outdoor = ("0007", "000f", "001f", "003f", "007f", "00ff", "01ff", "03ff")
    found = matched(
        "mcr",
        (
            f"Mono_Colored_RAW_Paired_DATASET/Color_RAW_Input/C{scene:05d}_48mp_0x8_0x{width}.tif"
            for scene in scenes
            for width in (indoor if scene < 500 else outdoor)
        ),
    )
    assert len(found) == 3984
    assert len({match.scene for match, _ in found}) == 498
    assert Counter(match.role for match, _ in found) == {"long": 498, "short": 3486}
    by_scene = Counter({match.scene: split for match, split in found}.values())
    assert by_scene == {"train": 398, "val": 50, "test": 50}
    first = {match.scene: split for match, split in found if match.scene <= "00004"}
    assert sorted(first.values()) == ["test", "train", "train", "val"]
    # The authors' table of exposure times.
    times = {match.groups["shutter"]: match.number("seconds") for match, _ in found}
    assert times["007f"] == 1 / 256
    assert times["2fff"] == 3 / 8
    assert times["0007"] == 1 / 4096
    longest = {match.scene: match for match, _ in found if match.role == "long"}
    assert all(
        (match.number("seconds") or 0) <= (longest[match.scene].number("seconds") or 0)
        for match, _ in found
    )


def test_rawnind_lists_every_raw_file() -> None:
    definition = load_definition("rawnind")
    listing = open_collection(definition, "official").files()
    assert listing.refused == ()
    assert len(listing.files) == 2840  # of 2845; the others are texts, a sidecar and a JPEG
    assert sum(file.size for file in listing.files) == pytest.approx(120.17e9, rel=1e-3)
    assert all(file.origin.startswith("https://dataverse.uclouvain.be/") for file in listing.files)
    assert len({file.origin for file in listing.files}) == 2840
    assert {re.sub("[0-9a-f]{32}$", "", file.checksum) for file in listing.files} == {"md5:"}
    found = matched("rawnind", (file.path for file in listing.files))
    sets = {match.scene: split for match, split in found}
    assert Counter(scene.partition("/")[0] for scene in sets) == {"Bayer": 196, "X-Trans": 114}
    truths = Counter(match.pair for match, _ in found if match.role == "long")
    assert sum(truths.values()) == 559
    assert sum(count > 1 for count in truths.values()) == 172
    assert Counter(sets.values())["test"] == 16
