"""A place by its name: what it stands for, and what is said where it gives no single frames."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from rawkit.catalog import (
    Definition,
    Selection,
    known_collections,
    load_definition,
    open_collection,
    scan,
    source_of,
    usual_place,
)
from rawkit.errors import DefinitionError, UsageError
from rawkit.shipped import shipped_folder
from tests.support.fixtures_cli import run_in

if TYPE_CHECKING:
    from pathlib import Path

SID, MID = load_definition("sid"), load_definition("mid")
SONY = "https://storage.googleapis.com/isl-datasets/SID/Sony.zip"
FUJI = "https://storage.googleapis.com/isl-datasets/SID/Fuji.zip"


def with_places(definition: Definition, *places: dict[str, Any]) -> Definition:
    """Return a definition that is offered elsewhere."""
    return Definition.model_validate(
        {**definition.model_dump(exclude={"places"}), "places": places}
    )


def test_sid_is_offered_by_its_authors() -> None:
    assert source_of(SID, "official") == [SONY, FUJI]
    assert source_of(SID, ("official", "x.zip")) == [SONY, FUJI, "x.zip"]
    assert source_of(SID, "x.zip,official") == ["x.zip", SONY, FUJI]
    assert source_of(SID, source_of(SID, "official")) == [SONY, FUJI]
    assert usual_place(SID) == "official"


@pytest.mark.parametrize("given", ["data", "./official", ("a.zip", "b.zip"), "s3://bucket/sid"])
def test_anything_else_stays_as_it_is(given: Any) -> None:
    assert source_of(SID, given) is given


@pytest.mark.parametrize(
    ("cameras", "urls"),
    [(("ilce*",), [SONY]), (("X-T2",), [FUJI]), (("*",), [SONY, FUJI]), ((), [SONY, FUJI])],
)
def test_archives_that_a_camera_cannot_be_in_stay_closed(
    cameras: tuple[str, ...], urls: list[str]
) -> None:
    assert source_of(SID, "official", Selection(cameras=cameras)) == urls


def test_a_camera_that_is_in_none_is_an_error() -> None:
    with pytest.raises(UsageError, match="expected one of ILCE-7SM2, X-T2"):
        source_of(SID, "official", Selection(cameras=("nikon*",)))


@pytest.mark.parametrize("name", ["mid", "smid", "moving-objects"])
def test_a_place_without_ranges_says_step_by_step_what_to_do(name: str, tmp_path: Path) -> None:
    definition = load_definition(name)
    steps = definition.obtain.splitlines()
    assert [step.split(".")[0] for step in steps] == [str(n + 1) for n in range(len(steps))]
    for call in (
        lambda: source_of(definition, "official"),
        lambda: scan(definition, "official"),
        lambda: open_collection(definition, "official"),
        lambda: usual_place(definition),
    ):
        with pytest.raises(UsageError, match="not offered where single frames") as caught:
            call()
        assert definition.obtain in str(caught.value)
    ended = run_in(tmp_path, "ingest", name, "--source", "official")
    assert ended.code == 2
    assert steps[-1] in ended.err


def test_a_collection_without_places_says_so() -> None:
    with pytest.raises(UsageError, match="not offered"):
        source_of(load_definition("folder"), "official")


def test_info_says_the_places(tmp_path: Path) -> None:
    text = run_in(tmp_path, "info", "sid").out
    assert f"{SONY}: Sony a7S II, 25.0 GB (--source official)" in text
    told = json.loads(run_in(tmp_path, "info", "sid", "--json").out)
    assert [place["urls"] for place in told["places"]] == [[SONY], [FUJI]]
    assert all(place["ranges"] for place in told["places"])
    assert "(by hand, see obtain)" in run_in(tmp_path, "info", "mid").out


def test_all_shipped_places_are_known() -> None:
    for name in known_collections():
        written = tomllib.loads((shipped_folder("catalogs") / f"{name}.toml").read_text("utf-8"))
        assert len(load_definition(name).places) == len(written.get("places", []))


@pytest.mark.parametrize(
    ("place", "match"),
    [
        ('name = "x"\nurls = ["x.zip"]\nholds = "all"', "no address"),
        ('name = "x"\nurls = []\nholds = "all"', "urls"),
        ('name = "X!"\nurls = ["https://x.org/y.zip"]\nholds = "all"', "name"),
        ('name = "x"\nurls = ["https://x.org/y.zip"]\nholds = "all"\nsize = 0', "size"),
        ('name = "x"\nurls = ["https://x.org/y.zip"]\nholds = "all"\nurl = 1', "no such field"),
    ],
)
def test_a_place_that_is_wrong_is_said(tmp_path: Path, place: str, match: str) -> None:
    text = (shipped_folder("catalogs") / "folder.toml").read_text("utf-8")
    path = tmp_path / "own.toml"
    path.write_text(text + f"\n[[places]]\n{place}\n")
    with pytest.raises(DefinitionError, match=match):
        load_definition(str(path))
