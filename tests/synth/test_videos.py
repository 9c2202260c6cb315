"""Videos that look alike: what moves, how steady they are, and their noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import exifread
import numpy as np
import pytest
import rawpy

from rawkit.errors import UsageError
from rawkit.synth import make_cinema, make_videos
from rawkit.synth._filming import film_of
from tests.support.fixtures_cli import run_in

if TYPE_CHECKING:
    from pathlib import Path

SIZE = (96, 128)


def test_a_frame_does_not_depend_on_how_many_there_are(tmp_path: Path) -> None:
    make_videos(tmp_path / "few", scenes=1, frames=2, size=SIZE)
    make_videos(tmp_path / "many", scenes=1, frames=5, size=SIZE)
    for kind in ("dark", "truth"):
        few, many = (
            np.load(tmp_path / f"{name}/train/{kind}/0001.npy") for name in ("few", "many")
        )
        np.testing.assert_array_equal(many[:2], few)


def test_a_part_that_is_missing_is_made_anew_and_the_same(tmp_path: Path) -> None:
    make_videos(tmp_path, scenes=1, frames=3, size=SIZE)
    dark = tmp_path / "train/dark/0001.npy"
    before = dark.read_bytes()
    dark.unlink()
    assert make_videos(tmp_path, scenes=1, frames=3, size=SIZE).written == 1
    assert dark.read_bytes() == before


@pytest.mark.parametrize("scene", ["0001", "0003"])
def test_things_move_and_the_light_stays(scene: str) -> None:
    film = film_of("moving-objects", scene, SIZE, 0)
    frames = np.stack([film.truth(number) for number in range(12)])
    steps = np.abs(np.diff(frames, axis=0))
    assert steps.max() > 0.1, "nothing moves"
    assert np.median(steps) < 0.02, "all of it changes"
    # The brightness of whole frames goes up and down with what moves, in small steps.
    curve = frames.mean(axis=(1, 2, 3))
    assert np.abs(np.diff(curve)).max() < 0.02 * curve.mean()


def test_the_dark_side_has_the_noise_of_photons(tmp_path: Path) -> None:
    make_videos(tmp_path, scenes=1, frames=2, size=SIZE)
    dark = np.load(tmp_path / "train/dark/0001.npy").astype(np.float64)
    film = film_of("moving-objects", "0001", SIZE, 0)
    quiet = np.stack([film.truth(number)[..., 1] for number in range(2)])
    greens = dark[..., [0, 3]]  # of a GBRG cell, in reading order
    light = np.stack([quiet[:, ::2, ::2], quiet[:, 1::2, 1::2]], axis=-1)
    assert 0.7 < np.corrcoef(greens.ravel(), light.ravel())[0, 1] < 0.99
    assert 1 / 250 < greens.mean() / 65535 / light.mean() < 1 / 100
    # Photons and read noise: the variance of what is left follows the light.
    bright, dim = light > 0.5, light < 0.1
    share = film.share * 65535
    noise = greens - light * share
    assert noise[bright].var() > 2 * noise[dim].var()


def test_frames_of_a_cinema_camera_say_how_fast_they_follow(tmp_path: Path) -> None:
    report = make_cinema(tmp_path, scenes=1, frames=2, size=SIZE, frames_a_second=24000 / 1001)
    assert report.names == ("0001/0001_000000.dng", "0001/0001_000001.dng", "0001.npy")
    path = tmp_path / report.names[1]
    with path.open("rb") as file:
        rate = exifread.process_file(file)["Image Tag 0xC764"].values[0]
    assert float(rate) == pytest.approx(24000 / 1001)
    with rawpy.imread(str(path)) as raw:
        mosaic = raw.raw_image_visible.astype(np.float64) - 256
    truth = np.load(tmp_path / "0001.npy")
    assert truth.shape == (2, *SIZE, 3)
    assert np.corrcoef(mosaic[::2, ::2].ravel(), truth[1, ::2, ::2, 1].ravel())[0, 1] > 0.75


def test_a_missing_frame_is_made_anew_and_the_same(tmp_path: Path) -> None:
    arguments = ("synth", "video", tmp_path, "--scenes", 1, "--frames", 3, "--size", "96x64")
    assert run_in(tmp_path, *arguments).code == 0
    lost = tmp_path / "0001/0001_000001.dng"
    before = lost.read_bytes()
    lost.unlink()
    ended = run_in(tmp_path, *arguments, "--json")
    assert '"written": 1' in ended.out
    assert lost.read_bytes() == before


def test_sizes_without_whole_cells_and_wrong_options_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="even sides"):
        make_cinema(tmp_path, size=(65, 96))
    assert run_in(tmp_path, "synth", "moving-objects", tmp_path, "--fps", 24).code == 2
    assert run_in(tmp_path, "synth", "video", tmp_path, "--iso", 100).code == 2
