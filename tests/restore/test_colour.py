"""Whose colours pictures have: chosen by what the weights saw, the same by every way, and noted."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
import torch

import rawkit
from rawkit.models import SeenCamera, build, load_network, prepare
from rawkit.restore import (
    Compute,
    Output,
    Restorer,
    load_restorer,
    restore_files,
    restore_items,
)
from rawkit.restore import neutral as asking
from rawkit.restore.inputs import LocalRaw, named
from rawkit.restore.parallel import Station
from rawkit.sensor import REFERENCE_NEUTRAL, Amplification, amplification_base, decode
from rawkit.workers import Resources
from tests.bench.published import as_published
from tests.restore.test_files import PUBLISHED, by_hand, random_net, write
from tests.support.factories import XTRANS, write_noise_dng
from tests.support.fixtures_cli import run

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from rawkit.colour import ColourMode
    from rawkit.locations import Location
    from rawkit.progress import Advance
    from rawkit.restore import Restored

SAW = {"Test": SeenCamera(3, (0.5, 1.0, 0.6))}
"""The model of the files made here."""
OTHER = {"Another": SeenCamera(3, (0.5, 1.0, 0.6))}


@pytest.fixture(scope="module")
def restorer() -> Restorer:
    return Restorer(prepare(random_net()), "lamba2021", None, Amplification(), cameras=OTHER)


def read(path: Location) -> np.ndarray:
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert found is not None
    return np.asarray(found)


def restored(path: Path, folder: Path, restorer: Restorer, colour: ColourMode = "auto") -> Restored:
    report = restore_files([path], Output(folder, colour=colour), restorer)
    assert report.failed == []
    (one,) = report.restored
    return one


def test_the_networks_colours_are_those_of_the_published_form(tmp_path: Path) -> None:
    torch.manual_seed(7)
    weights = tmp_path / "weights"
    torch.save(random_net().state_dict(), weights)
    net = as_published(load_network(weights)[0])
    path = write(tmp_path / "a.dng")
    image = decode(path)
    ended = run("restore", path, "-o", tmp_path / "out", "--weights", weights, "--colour",
                "network", "--m", "1,5,8", "--bits", "16")  # fmt: skip
    assert ended.code == 0
    for multiple in (1, 5, 8):
        expected = by_hand(image, net, amplification_base(image) * multiple)
        found = read(tmp_path / "out" / f"a_m{multiple}.png")[..., ::-1] / 65535
        np.testing.assert_allclose(found, expected, rtol=0, atol=3e-5)


@pytest.mark.parametrize(
    ("cameras", "published", "colour", "why"),
    [(SAW, False, "network", "trained on Test"), (OTHER, False, "sensor", "not seen Test"),
     ({}, False, "network", "do not say"), (OTHER, True, "sensor", "not seen Test"),
     (SAW, True, "sensor", "blue")],
)  # fmt: skip
def test_auto_asks_what_the_weights_saw(
    tmp_path: Path, restorer: Restorer, cameras: dict[str, SeenCamera], published: bool,  # noqa: FBT001 - a parameter
    colour: str, why: str,
) -> None:  # fmt: skip
    write_noise_dng(tmp_path / "a.dng", orientation=6)
    one = replace(restorer, cameras=cameras, published=published)
    found = restored(tmp_path / "a.dng", tmp_path / "auto", one)
    assert found.note.colour == colour
    assert why in found.note.colour_why
    assert found.note.colour_asked == "auto/1"
    # A choice is no third way. By default published weights make a picture bright enough.
    asked = restored(tmp_path / "a.dng", tmp_path / "asked", one, colour)  # type: ignore[arg-type] # one of the modes
    np.testing.assert_array_equal(read(found.picture), read(asked.picture))
    assert read(found.picture).shape == (96, 64, 3)


def test_the_manifest_says_by_what(tmp_path: Path, restorer: Restorer) -> None:
    write_noise_dng(tmp_path / "a.dng")
    restored(tmp_path / "a.dng", tmp_path, restorer)
    line = json.loads((tmp_path / "manifest.jsonl").read_text())
    assert line["colour"] == "sensor"
    assert line["neutral"] == [0.5, 1.0, 0.6]
    assert line["white_balance"] == pytest.approx([2.0, 1.0, 1 / 0.6], rel=1e-3)
    assert line["white_balance_source"] == "camera"
    assert line["colour_matrix_source"] == "file"
    assert np.array(line["colour_matrix"]).sum(axis=1) == pytest.approx(1)
    assert line["fed"] > 0
    assert "note" not in line


def test_pictures_of_other_colours_are_made_anew(tmp_path: Path, restorer: Restorer) -> None:
    path = tmp_path / "a.dng"
    write_noise_dng(path)
    output = Output(tmp_path / "out", skip_existing=True)
    for colour, there in (("network", 0), ("network", 1), ("sensor", 0), ("sensor", 1),
                          ("auto", 0), ("auto", 1), ("network", 0)):  # fmt: skip
        report = restore_files([path], replace(output, colour=colour), restorer)  # type: ignore[arg-type] # as above
        assert len(report.skipped) == there, colour


def test_pictures_of_before_there_was_a_choice_have_the_networks(
    tmp_path: Path, restorer: Restorer
) -> None:
    path = tmp_path / "a.dng"
    write_noise_dng(path)
    output = Output(tmp_path / "out", skip_existing=True, colour="network")
    restore_files([path], output, restorer)
    manifest = tmp_path / "out" / "manifest.jsonl"
    line = json.loads(manifest.read_text())
    manifest.write_text(
        json.dumps({key: value for key, value in line.items() if "colour" not in key}) + "\n"
    )
    assert restore_files([path], output, restorer).skipped == [str(path)]
    assert restore_files([path], replace(output, colour="auto"), restorer).skipped == []


@pytest.mark.parametrize("colour", ["auto", "sensor", "network"])
def test_a_notebook_gets_what_the_command_writes(tmp_path: Path, colour: ColourMode) -> None:
    if not PUBLISHED.is_file():
        weights = tmp_path / "weights"
        torch.save(random_net().state_dict(), weights)
    else:
        weights = PUBLISHED
    path = write(tmp_path / "a.dng", pattern="GBRG", orientation=8)
    ended = run("restore", path, "-o", tmp_path / "out", "--weights", weights, "--colour", colour)
    assert ended.code == 0, ended.err
    one = rawkit.restore(path, weights=weights, colour=colour)
    one.save(tmp_path / "one.png")
    np.testing.assert_array_equal(read(tmp_path / "one.png"), read(tmp_path / "out" / "a.png"))


@pytest.mark.parametrize("tile", [32, 64, 160])
def test_tiles_change_no_pixel(tmp_path: Path, tile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from rawkit.restore import network

    path = tmp_path / "a.dng"
    write_noise_dng(path, shape=(150, 203))
    # Weights that give the same whatever the tile, so that nothing but the colours is compared.
    seen = replace(
        Restorer(prepare(random_net()), "lamba2021", None, Amplification(), cameras=OTHER),
        neutral=REFERENCE_NEUTRAL,
    )
    whole = restored(path, tmp_path / "whole", seen, "sensor")
    monkeypatch.setattr(network, "tile_for", lambda *_: (tile, None))
    tiled = restored(path, tmp_path / "tiled", seen, "sensor")
    difference = read(whole.picture).astype(int) - read(tiled.picture)
    assert np.abs(difference).max() <= 1  # the network's own rounding
    assert (difference != 0).mean() < 1e-3


def test_an_xtrans_file_has_the_sensors_colours(tmp_path: Path) -> None:
    torch.manual_seed(0)
    one = Restorer(prepare(build("sid-xtrans")), "sid-xtrans", None, Amplification(), cameras=OTHER)
    path = tmp_path / "x.dng"
    write_noise_dng(path, shape=(102, 150), pattern=XTRANS)
    found = restored(path, tmp_path / "out", one)
    assert found.note.colour == "sensor"
    assert read(found.picture).shape == (102, 150, 3)


def test_pixels_that_are_not_square_have_the_sensors_colours(
    tmp_path: Path, restorer: Restorer, real_data: Path
) -> None:
    (path,) = real_data.glob("KODAK_DC120*.KDC")
    found = restored(path, tmp_path, restorer)
    assert found.note.colour == "sensor"
    assert read(found.picture).shape == (976, 1301, 3)


@pytest.mark.parametrize(
    ("changes", "source"),
    [({"color_matrix": (0.0,) * 9}, "none"), ({"color_matrix": (1.0,) * 9}, "none"),
     ({"color_matrix": (9000.0, 0, 0, 0, 1, 0, 0, 0, 1)}, "none"),
     ({"as_shot_neutral": None}, "file"), ({"as_shot_neutral": (1.0, 1.0, 1.0)}, "file")],
)  # fmt: skip
def test_files_of_bad_colour_come_out_and_say_so(
    tmp_path: Path, restorer: Restorer, changes: dict[str, Any], source: str
) -> None:
    path = tmp_path / "a.dng"
    write_noise_dng(path, **changes)
    note = restored(path, tmp_path / "out", restorer).note
    assert note.colour_why
    if note.colour == "sensor":
        assert note.colour_matrix_source is not None
        assert note.colour_matrix_source.split(":")[0] in {source, "libraw", "file", "none"}
        assert np.isfinite(np.array(note.colour_matrix)).all()
    else:
        assert "balance" in note.colour_why


class Stages:
    """Remembers the stages of work."""

    def __init__(self) -> None:
        self.labels: list[str] = []

    def stage(self, label: str, total: int | None, unit: str) -> AbstractContextManager[Advance]:
        """Open a stage."""
        from rawkit.progress import SILENT

        self.labels.append(label)
        return SILENT.stage(label, total, unit)


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_known", {})


@pytest.mark.usefixtures("forgotten")
def test_weights_are_asked_once_and_what_they_say_is_kept_beside_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "weights.pt"
    torch.save(random_net().state_dict(), weights)
    path = tmp_path / "a.dng"
    write_noise_dng(path)
    (item,) = named([(LocalRaw(path), path.name)])
    loaded = replace(load_restorer(weights, Compute(weights)), cameras={}, published=False)
    output = Output(tmp_path / "out", colour="sensor")
    labels = []
    for _ in range(2):
        stages = Stages()
        restore_items([item], output, loaded, stages, Resources(workers=0))
        labels.append(stages.labels)
        kept = weights.with_name("weights.pt.neutral.json")
        made = kept.stat().st_mtime_ns
        monkeypatch.setattr(asking, "_known", {})  # as in another process
    assert labels[0] == ["Finding the grey of the weights", "Restoring"]
    assert weights.with_name("weights.pt.neutral.json").stat().st_mtime_ns == made
    assert json.loads(kept.read_text())["weights"] == loaded.identity
    # The network's own colours need no asking.
    stages = Stages()
    restore_items([item], replace(output, colour="network"), loaded, stages, Resources(workers=0))
    assert stages.labels == ["Restoring"]


@pytest.mark.usefixtures("forgotten")
def test_weights_in_a_folder_of_others_are_asked_without_keeping_it(restorer: Restorer) -> None:
    # Nobody can write there, whoever runs this.
    weights = Path(f"/proc/{os.getpid()}/weights")
    first = asking.probed_neutral(restorer.net, restorer.network, "a" * 64, weights)
    assert asking.known_neutral("a" * 64) == asking.KnownNeutral("a" * 64, first)


@pytest.mark.usefixtures("forgotten")
def test_other_processes_are_told_the_grey(tmp_path: Path) -> None:
    weights = tmp_path / "weights.pt"
    torch.save(random_net().state_dict(), weights)
    known = asking.KnownNeutral("b" * 64, (0.3, 1.0, 0.4))
    station = Station(Output(tmp_path), Compute(weights), 60.0, neutral=known)
    _, decoder = station.open()
    decoder.close()
    assert asking.known_neutral("b" * 64) == known
