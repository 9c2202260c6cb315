"""Protocols count what the papers counted; published figures are there with their source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rawkit.errors import UsageError
from rawkit.evaluate import Protocol, protocol, protocols, published_figures, published_for
from rawkit.evaluate.protocol import changes_of, parse_amplification
from rawkit.sensor import Amplification

if TYPE_CHECKING:
    from pathlib import Path


def official_pairs(lists: Path) -> list[tuple[str, str, str]]:
    """Name, scene and split of every dark frame of the official lists, both cameras."""
    found = []
    for camera in ("Sony", "Fuji"):
        for split in ("train", "val", "test"):
            for line in (lists / "sid" / f"{camera}_{split}_list.txt").read_text().splitlines():
                name = line.split()[0].removeprefix("./")
                found.append((name, name.split("/")[-1][:5], split))
    return found


@pytest.mark.parametrize("count", [598, 562, 93, 88])
def test_the_protocols_of_sid_count_what_they_are_named_after(
    official_lists: Path, count: int
) -> None:
    chosen = protocol(f"sid-{count}")
    taken = [
        name for name, scene, split in official_pairs(official_lists)
        if chosen.takes("sid", name, scene, split)
    ]  # fmt: skip
    assert len(taken) == len(set(taken)) == count == chosen.pairs
    assert all(name.startswith("Sony/short/1") for name in taken)
    misaligned = [
        name for name in taken if any(f"/{one}_" in name for one in ("10034", "10045", "10172"))
    ]
    assert bool(misaligned) == (count in {598, 93})
    if count in {93, 88}:
        assert all("_00_" in name for name in taken)


def test_no_protocol_of_sid_takes_another_collection() -> None:
    for one in protocols().values():
        assert one.takes("mid", "Sony/short/10003_00_0.1s.ARW", "10003", "test") == (
            one.name == "all"
        )


def test_all_takes_every_pair_of_its_splits_alone() -> None:
    assert protocol("all").takes("mid", "a", "b", "test")
    assert not protocol("all").takes("mid", "a", "b", "train")
    assert protocol("all", splits=("train", "val")).takes("mid", "a", "b", "val")


def test_a_changed_protocol_says_how() -> None:
    changed = protocol("sid-598", bits=0, ssim="uniform", splits=("val",))
    assert changes_of(changed) == ["splits=val", "bits=0", "ssim=uniform"]
    assert changed.pairs is None  # 598 no longer says anything
    assert protocol("sid-598", bits=8) == protocol("sid-598")
    assert changes_of(protocol("sid-598")) == []


@pytest.mark.parametrize(
    "wrong",
    [{"bits": 12}, {"ssim": "fast"}, {"border": -1}, {"black_level": -5.0}, {"splits": ()},
     {"amplification": "some"}, {"amplification": "auto", "amplification_value": 0.0}],
)  # fmt: skip
def test_protocols_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Protocol("x", **wrong)  # type: ignore[arg-type] # the point


def test_unknown_protocols_list_those_there_are() -> None:
    with pytest.raises(UsageError, match="sid-598, sid-562"):
        protocol("sid-600")


def test_amplifications_are_read_as_the_command_line_writes_them() -> None:
    assert parse_amplification("auto", 5.0) == {"amplification": "auto", "amplification_value": 5.0}
    assert parse_amplification("100")["amplification"] == "number"
    for text, m in (("ratio", 2.0), ("bright", None)):
        with pytest.raises(UsageError):
            parse_amplification(text, m)
    trained = Amplification("number", 7.0)
    assert protocol("all").amplifier(trained) is trained
    assert protocol("all", amplification="ratio").amplifier(trained).kind == "ratio"


def test_published_figures_are_those_of_the_paper_s_table() -> None:
    found = {(one.method, one.camera): (one.psnr, one.ssim) for one in published_for("sid")}
    assert found == {
        ("SID", "Sony"): (28.88, 0.787),
        ("SID", "Fuji"): (26.61, 0.680),
        ("SGN", "Sony"): (28.91, 0.789),
        ("SGN", "Fuji"): (26.90, 0.683),
        ("LLPackNet", "Sony"): (27.83, 0.75),
        ("LLPackNet", "Fuji"): (24.13, 0.59),
        ("Lamba 2021", "Sony"): (28.66, 0.790),
        ("Lamba 2021", "Fuji"): (26.60, 0.682),
        ("DCE", "Sony"): (26.53, 0.73),
        ("LDC", "Sony"): (29.56, 0.799),
    }
    assert all(one.source.citation and one.source.url for one in published_figures())
    assert len(published_for("sid", "Fuji")) == 4
    assert published_for("mid") == ()
