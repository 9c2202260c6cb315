"""Filters on the command line: lists, ranges, open ends, and where defaults come from."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.catalog import Selection, load_definition
from rawkit.cli._filters import selection_of, selection_options
from rawkit.cli._group import BANDS
from tests.support.factories import write_noise_dng
from tests.support.fixtures_cli import error_line, run_in

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "bands"),
    [
        ("100,200", (100.0, 200.0)),
        ("100,400-1600", (100.0, (400.0, 1600.0))),
        ("1/100-1/25", ((0.01, 0.04),)),
        ("1/25", (0.04,)),
        ("400-", ((400.0, math.inf),)),
        ("-400", ((0.0, 400.0),)),
        ("1e-3", (0.001,)),
        ("1e-3-1E-2", ((0.001, 0.01),)),
        (" 100 - 200 , 400 ", ((100.0, 200.0), 400.0)),
        ([100, "400-800"], (100.0, (400.0, 800.0))),
        (100, (100.0,)),
    ],
)
def test_lists_and_ranges_are_read(text: object, bands: object) -> None:
    assert BANDS.convert(text, None, None) == bands


@pytest.mark.parametrize(
    "text", ["", ",", "-", "fast", "100-fast", "1600-400", "--400", "1-2-3", "0", "0-5", "nan",
             "inf", "1-inf", "1/0", "1/0-2"],
)  # fmt: skip
def test_what_is_no_list_of_ranges_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        BANDS.convert(text, None, None)


numbers = st.floats(1e-6, 1e9)


@given(st.lists(numbers | st.tuples(numbers, numbers).map(lambda ends: tuple(sorted(ends)))))
def test_what_is_written_is_read(bands: list[Any]) -> None:
    text = ",".join(
        f"{band[0]!r}-{band[1]!r}" if isinstance(band, tuple) else repr(band) for band in bands
    )
    if bands:
        assert BANDS.convert(text, None, None) == tuple(bands)


def test_every_filter_becomes_its_field() -> None:
    found: list[Selection] = []

    @click.command()
    @selection_options
    def command(**filters: Any) -> None:
        found.append(selection_of(filters))

    command.main(
        ["--iso", "100", "--shutter", "0.1", "--ratio", "100-", "--scene", "a,b", "--view", "v",
         "--camera", "X*", "--split", "val", "--role", "long", "--per-long", "first",
         "--where", "iso > 1", "--limit", "3", "--without-excluded"],
        standalone_mode=False,
    )  # fmt: skip
    command.main([], standalone_mode=False)
    assert found == [
        Selection(
            isos=(100.0,), shutters=(0.1,), ratios=((100.0, math.inf),), scenes=("a", "b"),
            views=("v",), cameras=("X*",), splits=("val",), role="long", per_long="first",
            where="iso > 1", limit=3, excluded=load_definition("sid").excluded_pairs,
        ),
        Selection(),
    ]  # fmt: skip


def planned(root: Path, *options: object, env: dict[str, str] | None = None) -> Any:
    ended = run_in(root, "ingest", "sid", "--dry-run", "--json", *options, env=env)
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def test_ranges_come_from_options_the_environment_and_the_file(
    sid_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "sid").symlink_to(sid_folder)
    assert planned(tmp_path)["to_add"] == 12
    one = planned(tmp_path, "--per-long", "darkest")
    assert (one["to_add"], one["pairs"], one["filtered"]) == (6, 3, {"per-long": 6})
    assert planned(tmp_path, "--role", "long")["to_add"] == 3
    assert planned(tmp_path, "--camera", "ilce*", "--split", "val")["to_add"] == 4
    (tmp_path / "rawkit.toml").write_text("[ingest]\nratio = ['50-150', 250]\n")
    assert planned(tmp_path)["filtered"] == {"ratio": 3}
    env = {"RAWKIT_INGEST_RATIO": "200-"}
    assert planned(tmp_path, env=env)["filtered"] == {"ratio": 3}
    ended = run_in(tmp_path, "ingest", "sid", "--ratio", "-3")
    assert "--ratio -3" in error_line(ended)


def test_longs_that_have_a_longer_one_are_listed(tmp_path: Path) -> None:
    for name, seconds in (("short/00001_00_0.1s", 0.1), ("long/00001_00_1s", 1.0),
                          ("long/00001_00_10s", 10.0)):  # fmt: skip
        path = tmp_path / "data" / "sid" / "Sony" / f"{name}.ARW"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_noise_dng(path, seconds=seconds)
    found = planned(tmp_path)
    assert [(one["name"], one["kind"]) for one in found["left_out"]] == [
        ("Sony/long/00001_00_1s.ARW", "spare-long")
    ]
    ended = run_in(tmp_path, "ingest", "sid", "--workers", 0)
    assert ended.code == 0
    assert "Sony/long/00001_00_1s.ARW  spare-long" in ended.out
