"""A look-alike of the collection of moving objects: packed Bayer videos and their pictures."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rawkit.synth._files import make_folder
from rawkit.synth._filming import (
    VIDEO_CAMERA,
    check_videos,
    dark_mosaic,
    film_of,
    npy_frames,
    picture_of,
)
from rawkit.synth._seeds import generator
from rawkit.synth.collections import (
    DEFAULT_SIZE,
    SynthReport,
    check_directory,
    check_space,
    write_note,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

MOVING_OBJECTS: Final = "moving-objects"
"""Name of the collection."""
_DEFAULT_SCENES, _DEFAULT_FRAMES = 6, 4
_ISO = 100


def make_videos(
    directory: Path,
    *,
    scenes: int | None = None,
    frames: int | None = None,
    size: tuple[int, int] = DEFAULT_SIZE,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    dry_run: bool = False,
) -> SynthReport:
    """Write a look-alike of the collection of moving objects: cars, people and lamps.

    ``train/dark/0001.npy`` holds (frames, height / 2, width / 2, 4) of uint16, the 2x2 places of a
    GBRG mosaic in reading order, black 0 and white 65535; ``train/truth/0001.npy`` the pictures,
    (frames, height, width, 3) of uint8, sRGB, without noise and without flicker. Frame k is
    the same however many there are. From three videos on, the last but one is for val and the last
    for test. The same arguments give the same bytes; files that are there with the right
    size are kept.

    Parameters
    ----------
    directory
        Root of the look-alike; made if it is missing.
    scenes
        Videos, 6 by default.
    frames
        Frames of each video, 4 by default.
    size
        Height and width of a picture in pixels, even and at least 64 each.
    seed
        Seed of everything.
    progress
        Called with the files done and all files, after each file.
    dry_run
        Write nothing, and report what would be written.

    Raises
    ------
    UsageError
        If an argument cannot be used, or the directory may hold true videos.
    OutputError
        If a file cannot be written, or the disk is too small.
    """
    videos = _DEFAULT_SCENES if scenes is None else scenes
    count = _DEFAULT_FRAMES if frames is None else frames
    check_videos(videos, count, size)
    check_directory(directory, ("train", "val", "test"))
    names = [
        f"{_part(number, videos)}/{kind}/{number:04d}.npy"
        for number in range(1, videos + 1)
        for kind in ("dark", "truth")
    ]
    expected = {name: _expected_bytes(name, count, size) for name in names}
    missing = [name for name in names if not _is_there(directory / name, expected[name])]
    total = sum(expected[name] for name in missing)
    if not dry_run:
        check_space(directory, total)
        make_folder(directory)
        about = f"seed {seed}, scenes {videos}, size {size[0]}x{size[1]}, frames {count}"
        write_note(directory, MOVING_OBJECTS, about)
        _write_videos(directory, missing, len(names), _Wishes(count, size, seed), progress)
    return SynthReport(
        collection=MOVING_OBJECTS,
        directory=directory,
        scenes=tuple(f"{number:04d}" for number in range(1, videos + 1)),
        names=tuple(names),
        written=len(missing),
        kept=len(names) - len(missing),
        bytes_written=total,
    )


def _part(number: int, videos: int) -> str:
    held_out = videos > 2  # noqa: PLR2004 - one video for each of three splits
    if held_out and number > videos - 2:
        return "test" if number == videos else "val"
    return "train"


def _expected_bytes(name: str, frames: int, size: tuple[int, int]) -> int:
    """Bytes of a file: 128 of header, 2 or 3 for each pixel of each frame."""
    return 128 + frames * size[0] * size[1] * (2 if "/dark/" in name else 3)


def _is_there(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


@dataclass(frozen=True, slots=True)
class _Wishes:
    """What all videos of a run share."""

    frames: int
    """Frames of each."""
    size: tuple[int, int]
    """Height and width of a picture in pixels."""
    seed: int
    """Seed of everything."""


def _write_videos(
    directory: Path,
    missing: list[str],
    total: int,
    wishes: _Wishes,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Write files, those of one video together, several videos at a time."""
    by_scene: dict[str, list[str]] = {}
    for name in missing:
        by_scene.setdefault(name[-8:-4], []).append(name)
    done = total - len(missing)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        tasks = {
            pool.submit(_write_video, directory, scene, names, wishes): len(names)
            for scene, names in by_scene.items()
        }
        try:
            for task, files in tasks.items():
                task.result()
                done += files
                if progress is not None:
                    progress(done, total)
        except BaseException:
            for task in tasks:
                task.cancel()
            raise


def _write_video(directory: Path, scene: str, names: list[str], wishes: _Wishes) -> None:
    """Write the dark video, its truth or both, one frame after the other."""
    height, width = wishes.size
    film = film_of(MOVING_OBJECTS, scene, wishes.size, wishes.seed)
    with ExitStack() as stack:
        dark = truth = None
        for name in names:
            if "/dark/" in name:
                shape = (wishes.frames, height // 2, width // 2, 4)
                dark = stack.enter_context(npy_frames(directory / name, shape, np.uint16)), name
            else:
                shape = (wishes.frames, height, width, 3)
                truth = stack.enter_context(npy_frames(directory / name, shape, np.uint8))
        for number in range(wishes.frames):
            seen = film.truth(number)
            if truth is not None:
                truth.write(picture_of(seen).tobytes())
            if dark is not None:
                file, name = dark
                noise = generator(wishes.seed, MOVING_OBJECTS, name, number)
                mosaic = dark_mosaic(seen, VIDEO_CAMERA, _ISO, film.share, noise)
                file.write(_packed(mosaic).tobytes())


def _packed(mosaic: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Put the 2x2 places of a mosaic side by side, in reading order: (height / 2, width / 2, 4)."""
    places = [mosaic[y::2, x::2] for y in (0, 1) for x in (0, 1)]
    return np.stack(places, axis=-1).astype("<u2", copy=False)
