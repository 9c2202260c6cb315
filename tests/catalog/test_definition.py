"""Definitions: what ships loads, names match by the rules, and mistakes are named."""

import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from rawkit.catalog import Definition, known_collections, load_definition, scan
from rawkit.catalog.definition import Matcher
from rawkit.catalog.faults import FORMS
from rawkit.errors import DefinitionError, MissingError

GOOD = """
name = "own"
title = "Own"

[[files]]
role = "short"
pattern = '(?P<scene>[^/]+)/(?P<shot>\\d+)\\.dng'
scene = "{scene}"

[split]
by = "hash"
"""


def definition_of(tmp_path: Path, text: str) -> Definition:
    path = tmp_path / "own.toml"
    path.write_text(text)
    return load_definition(str(path))


def test_the_shipped_collections_are_known() -> None:
    assert {"folder", "mid", "sid", "smid"} <= set(known_collections())


@pytest.mark.parametrize("name", known_collections())
def test_every_shipped_definition_loads_and_has_its_own_name(name: str) -> None:
    definition = load_definition(name)
    assert definition.name == name
    assert definition.title
    assert definition.obtain


@pytest.mark.parametrize(
    ("collection", "path", "role", "scene", "name"),
    [
        ("sid", "Sony/short/10019_00_0.033s.ARW", "short", "10019", None),
        ("sid", "Sony/long/10019_00_10s.ARW", "long", "10019", None),
        ("sid", "Fuji/short/20019_09_0.1s.RAF", "short", "20019", None),
        ("sid", "downloads/SID/Sony/short/00001_00_0.04s.ARW", "short", "00001",
         "Sony/short/00001_00_0.04s.ARW"),
        ("sid", "sony/SHORT/00001_00_0.04S.arw", "short", "00001", None),
        ("mid", "Indoor/pair1/01234/IMG_0001_00100_0.01_Indoor.cr2", "short", "Indoor/pair1", None),
        ("mid", "Outdoor/pair54/01234/IMG_0001_12800_0.5_Outdoor.CR2", "short", "Outdoor/pair54",
         None),
        ("mid", "Indoor/pair17/IMG_0001_GT.cr2", "long", "Indoor/pair17", None),
        ("mid", "Indoor/pair17/IMG_0001_.cr2", "long", "Indoor/pair17", None),
        ("smid", "short1/0001/0003.ARW", "short", "0001", "short/0001/0003.ARW"),
        ("smid", "short5/M0022/0003.arw", "short", "M0022", "short/M0022/0003.arw"),
        ("smid", "short/0202/0003.ARW", "short", "0202", "short/0202/0003.ARW"),
        ("smid", "SMID/long/0202/0001.ARW", "long", "0202", "long/0202/0001.ARW"),
        ("folder", "trip/IMG_1.CR2", "short", "trip", None),
        ("folder", "IMG_1.dng", "short", ".", None),
    ],
)  # fmt: skip
def test_names_of_the_collections_match_their_rules(
    collection: str, path: str, role: str, scene: str, name: str | None
) -> None:
    match = Matcher(load_definition(collection)).match(path)
    assert match is not None
    assert (match.role, match.scene, match.name) == (role, scene, name or path)


@pytest.mark.parametrize(
    ("collection", "path"),
    [
        ("sid", "Sony/short/30019_00_0.033s.ARW"),
        ("sid", "Sony/short/0019_00_0.033s.ARW"),
        ("sid", "Sony/short/10019_00_0.033s.RAF"),
        ("sid", "Fuji/short/10019_00_0.033s.ARW"),
        ("sid", "notSony/short/10019_00_0.033s.ARW"),
        ("sid", "Sony/short/10019_00_0.033s.ARW.part"),
        ("sid", "Sony/medium/10019_00_0.033s.ARW"),
        ("mid", "Indoor/pair1/GT_Correspondence/pose.npy"),
        ("mid", "Indoor/IMG_0001_GT.cr2"),
        ("smid", "long/0001/half0001.png"),
        ("smid", "long/M0001/0001.ARW"),
        ("smid", "short6/0001/0003.ARW"),
    ],
)
def test_other_names_do_not_match(collection: str, path: str) -> None:
    assert Matcher(load_definition(collection)).match(path) is None


@pytest.mark.parametrize(
    ("collection", "scene", "kind"),
    [("mid", "Indoor/pair1", "indoor"), ("mid", "Outdoor/pair9", "outdoor"),
     ("smid", "0001", "static"), ("smid", "M0022", "dynamic"), ("sid", "00001", None)],
)  # fmt: skip
def test_scenes_are_of_a_kind(collection: str, scene: str, kind: str | None) -> None:
    assert load_definition(collection).kind_of(scene) == kind


def test_both_views_of_mid_are_one_scene_and_two_pairs() -> None:
    matcher = Matcher(load_definition("mid"))
    paths = [
        "Indoor/pair1/00001/IMG_0001_00100_0.01_Indoor.cr2",
        "Indoor/pair1/00002/IMG_0002_00100_0.01_Indoor.cr2",
        "Indoor/pair1/IMG_0001_GT.cr2",
        "Indoor/pair1/IMG_0002_GT.cr2",
    ]
    first, second, first_long, second_long = (matcher.match(path) for path in paths)
    assert first
    assert second
    assert first_long
    assert second_long
    assert first.scene == second.scene == first_long.scene == second_long.scene
    assert first.pair == first_long.pair != second.pair == second_long.pair


def test_the_cameras_of_sid_share_scenes_but_not_pairs() -> None:
    matcher = Matcher(load_definition("sid"))
    sony = matcher.match("Sony/short/00001_00_0.04s.ARW")
    fuji = matcher.match("Fuji/short/00001_00_0.1s.RAF")
    assert sony
    assert fuji
    assert sony.scene == fuji.scene
    assert sony.pair != fuji.pair


def test_the_first_rule_that_matches_decides(tmp_path: Path) -> None:
    text = GOOD.replace(
        "[split]",
        "[[files]]\nrole = 'long'\npattern = '.*\\.dng'\nscene = '{folder}'\n[split]",
    )
    matcher = Matcher(definition_of(tmp_path, text))
    first, second = matcher.match("a/1.dng"), matcher.match("a/b.dng")
    assert first
    assert second
    assert (first.role, second.role) == ("short", "long")


@pytest.mark.parametrize(
    ("old", "new", "field", "text"),
    [
        ("[^/]+)/", "[^/+)/", "files.0.pattern", "not a regular expression"),
        ("\\d+)\\.dng", "\\d+)(?P<_name>x)", "files.0.pattern", "not a regular expression"),
        ("(?P<scene>", "x|(?i)(?P<scene>", "files.0.pattern", "not a regular expression"),
        ('"{scene}"', '"{video}"', "files.0", "scene uses {video}"),
        ('"{scene}"', '"{}"', "files.0", "scene is no template"),
        ('"{scene}"', '"{scene"', "files.0", "scene is no template"),
        ('"{scene}"', '"scene}"', "files.0", "scene is no template"),
        ('"{scene}"', '"{scene.x}"', "files.0", "scene is no template"),
        ('"{scene}"', '"{scene:d}"', "files.0", "scene is no template"),
        ('title = "Own"', "", "title", 'title = "My collection"'),
        ('title = "Own"', 'title = "Own"\ncolour = "red"', "colour", "no such field; expected one"),
        ('title = "Own"', "title = 3", "title", "3; expected text"),
        ('name = "own"', 'name = "../own"', "name", "a-z, 0-9 and -"),
        ('"short"', '"medium"', "files.0.role", 'role = "short" or role = "long"'),
        ('"hash"', '"moon"', "split", '"name", "lists" or "hash"'),
        ('"hash"', '"hash"\ntrain = 1.5', "split.hash.train", "1.5; expected a share of 0 to 1"),
        ('"hash"', '"name"\ngroup = "scene"\nvalues = {a = "x"}', "split.name.values.a", '"train"'),
        (
            '"hash"', '"name"\ngroup = "video"\nvalues = {a = "train"}', "the file",
            "split.group is 'video', which is no named group of files.0.pattern",
        ),
        ('by = "hash"', 'by = "hash"\n[target]\nbits = 12', "target.bits", "12; expected bits = 8"),
        ("title =", "titel =", "title", "missing"),
        ('title = "Own"', 'title = "Own"\nhomepag = ""', "homepag", "one of homepage, name"),
        ('scene = "{scene}"', 'scene = "{scene}"\nexact = "iso"', "files.0.exact", '["iso"]'),
        ('by = "hash"', "seed = 1", "split", "it has no by; expected [split] with by"),
        ('"hash"', '"hash"\ntrain = 0.9\nval = 0.9', "split.hash", "1.8 together"),
        ('"hash"', '"hash"\nseed = "x"', "split.hash.seed", "seed = 0"),
        ('"hash"', '"lists"\ngroup = "scene"\ntrain = ["1"]\ntest = ["1"]\notherwise = "val"',
         "split.lists", "'1' is in train and in test"),
        ('"hash"', '"lists"\ngroup = "scene"\ntrain = "1"\notherwise = "val"',
         "split.lists.train", 'train = ["0001"'),
        ('by = "hash"', 'by = "hash"\n[[levels]]\nblack = 9\nwhite = 9\nreason = "x"',
         "levels.0", "black = 9 is not below white = 9"),
        ('by = "hash"', 'by = "hash"\n[[levels]]\nreason = "x"', "levels.0", "neither black"),
        ('by = "hash"', 'by = "hash"\n[[levels]]\nblack = -1\nreason = "x"',
         "levels.0.black", "-1; expected a whole number of 0 or more"),
        ('by = "hash"', 'by = "hash"\n[[levels]]\nblack = 1\niso = 100\nreason = "x"',
         "levels.0.iso", "100; expected a list of numbers, such as iso = [100, 200]"),
        ('by = "hash"', 'by = "hash"\n[levels]\nblack = 1\nreason = "x"', "levels", "[[levels]]"),
        ('by = "hash"', 'by = "hash"\n[kinds]\nindoor = 3', "kinds.indoor", "in quotes"),
        ('by = "hash"', 'by = "hash"\n[[excluded]]\npairs = []\nreason = "x"',
         "excluded.0.pairs", "not empty"),
    ],
)  # fmt: skip
def test_a_wrong_definition_names_the_field(
    tmp_path: Path, old: str, new: str, field: str, text: str
) -> None:
    assert GOOD.count(old) == 1
    with pytest.raises(DefinitionError) as caught:
        definition_of(tmp_path, GOOD.replace(old, new))
    assert caught.value.where == str(tmp_path / "own.toml")
    assert caught.value.found.startswith(f"{field}: ")
    assert text in caught.value.reason
    assert not re.search("Input|Value error|tuple|validation", str(caught.value))


def test_files_are_required(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="files: missing; expected one"):
        definition_of(tmp_path, 'name = "own"\ntitle = "Own"\n[split]\nby = "hash"\n')


@pytest.mark.parametrize("data", [b"name = ", b"\xff\xfe", b"[files"])
def test_what_is_no_toml_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "own.toml"
    path.write_bytes(data)
    with pytest.raises(DefinitionError, match="not a TOML file"):
        load_definition(str(path))


@pytest.mark.parametrize("name", ["sidd", "missing.toml", ""])
def test_an_unknown_collection_lists_those_there_are(name: str) -> None:
    with pytest.raises(MissingError) as caught:
        load_definition(name)
    assert f"one of {', '.join(known_collections())}, or" in str(caught.value)


def _fields(model: type[BaseModel], above: str = "") -> set[str]:
    """Paths of all fields of a model and of the models below it, without numbers."""
    found: set[str] = set()
    for name, field in model.model_fields.items():
        found.add(f"{above}{name}")
        for below in _models(field.annotation):
            tag = below.model_fields.get("by")
            kind = f"{get_args(tag.annotation)[0]}." if tag is not None else ""
            found |= _fields(below, f"{above}{name}.{kind}")
    return found


def _models(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def test_every_field_has_a_form_and_every_form_a_field() -> None:
    fields = {field for field in _fields(Definition) if not field.endswith(".by")}
    assert {form for form in FORMS if not form.endswith("*")} == fields


def test_all_fields_to_mend_are_named(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError) as caught:
        definition_of(tmp_path, GOOD.replace('"Own"', "3").replace('"short"', '"dark"'))
    assert "Mend files.0.role as well" in str(caught.value)


def test_a_pattern_that_fits_nothing_shows_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    for number in range(5):
        (tmp_path / f"raw/IMG_{number}.dng").write_bytes(b"x")
    with pytest.raises(MissingError, match=r"There are IMG_0.dng, IMG_1.dng, IMG_2.dng and 2 more"):
        scan(definition_of(tmp_path, GOOD), tmp_path / "raw")
