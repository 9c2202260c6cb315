"""From a folder to a profile: the command, the library, and the page."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import rawkit
from rawkit.cli import main
from rawkit.noise import read_profile
from rawkit.synth import known_camera, make_darkroom

SIZE = (240, 320)


@pytest.fixture(scope="module")
def darkroom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of frames of a small camera at two ISOs, and a file that is none."""
    folder = tmp_path_factory.mktemp("darkroom")
    camera = known_camera("clean", SIZE)
    make_darkroom(folder, camera, isos=[1600, 6400], frames={"dark": 4, "clipped": 1})
    (folder / "notes.txt").write_text("taken in the evening")
    return folder


def test_a_profile_is_what_the_frames_were_made_by(darkroom: Path, tmp_path: Path) -> None:
    profile = rawkit.calibrate(darkroom, tmp_path / "x.toml", workers=0, progress=False)
    truth = known_camera("clean", SIZE).profile
    assert profile.camera == "Acme Clean 1"
    for one in profile.isos:
        known = truth.at(one.iso)
        np.testing.assert_allclose(one.gain.array, known.gain, rtol=0.04)
        np.testing.assert_allclose(one.read_scale.array, known.read_scale, rtol=0.05)
        assert one.row.value[0] == pytest.approx(known.row, rel=0.1)
        assert (one.white, one.white_seen) == (15600, True)
        assert (one.dark_frames, one.flat_frames, one.gain_source) == (4, 2, "flats")
    assert {tuple(one) for one in truth.hot} <= {tuple(one) for one in profile.hot}
    again = read_profile(tmp_path / "x.toml")
    assert [one.iso for one in again.isos] == [1600, 6400]
    assert len(again.curves) == 2


def test_the_command_says_what_is_used_and_writes_nothing_when_dry(
    darkroom: Path, tmp_path: Path
) -> None:
    run = CliRunner().invoke(
        main, ["--workspace", str(tmp_path), "calibrate", str(darkroom), "--dry-run", "--json",
               "--workers", "0"],
    )  # fmt: skip
    assert run.exit_code == 0, run.output
    told = json.loads(run.stdout)
    assert told["frames"][0] == {"iso": 1600, "dark": 4, "flat": 2, "ordinary": 0, "pairs": 0}
    assert "notes.txt" in {one["name"] for one in told["of_no_use"]}
    assert any("4 dark frames, 10 are asked for" in note for note in told["notes"])
    assert told["profile"].endswith("cameras/Acme-Clean-1.toml")
    assert not list(tmp_path.iterdir())


def test_the_command_writes_a_profile_that_info_reads(darkroom: Path, tmp_path: Path) -> None:
    place = ["--workspace", str(tmp_path)]
    run = CliRunner().invoke(main, [*place, "calibrate", str(darkroom), "--workers", "0"])
    assert run.exit_code == 0, run.output
    path, page = tmp_path / "cameras" / "Acme-Clean-1.toml", tmp_path / "page.html"
    assert path.is_file()
    told = CliRunner().invoke(main, [*place, "info", str(path), "--page", str(page)])
    assert told.exit_code == 0, told.output
    assert "Acme Clean 1" in told.stdout
    assert "saturates at" in told.stdout
    text = page.read_text()
    assert text.count("<svg") >= 3
    assert "http://" not in text.replace("http://www.w3.org", "")
    values = json.loads(CliRunner().invoke(main, [*place, "info", str(path), "--json"]).stdout)
    assert values["isos"][1]["gain"]["value"][0] == pytest.approx(5.6, rel=0.04)


def test_a_folder_without_frames_and_a_name_that_is_nothing(tmp_path: Path) -> None:
    for what in ("nothing", str(tmp_path)):
        run = CliRunner().invoke(
            main, ["--workspace", str(tmp_path), "calibrate", what, "--workers", "0"]
        )
        assert run.exit_code == 1
        assert "dark and flat frames of a camera" in run.stderr


def test_of_real_files_that_are_no_set_it_is_said_what_is_missing(
    real_data: Path, tmp_path: Path
) -> None:
    run = CliRunner().invoke(
        main, ["--workspace", str(tmp_path), "calibrate", str(real_data), "--camera", "Blackmagic",
               "--workers", "0"],
    )  # fmt: skip
    assert run.exit_code == 1
    assert "at least two dark frames of one ISO" in run.stderr
    assert not (tmp_path / "cameras").exists()
