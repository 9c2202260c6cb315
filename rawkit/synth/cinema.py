"""Look-alikes of videos as cinema cameras write them: folders of CinemaDNG frames."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from rawkit.synth._files import make_folder, write_atomically
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
from rawkit.synth.dng import encode_dng, encode_dng_head
from rawkit.synth.noise import Level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from rawkit.synth.dng import DngMeta

CINEMA: Final = "video"
"""Name of the look-alike."""
_DEFAULT_SCENES, _DEFAULT_FRAMES = 2, 8
_ISO, _SECONDS, _F_NUMBER, _TAKEN = 800, 1 / 48, 2.8, "2019:06:01 22:00:00"
_CAMERA: Final = replace(
    VIDEO_CAMERA,
    make="Blackmagic Design",
    model="Blackmagic Pocket Cinema Camera",
    sensor=replace(
        VIDEO_CAMERA.sensor,
        base_iso=_ISO,
        late_noise=1.5,
        black_levels=(Level(0, 256),),
        white_levels=(Level(0, 16383),),
        bits=14,
    ),
)


def write_cinema_dng(
    folder: Path,
    mosaics: Iterable[NDArray[np.uint16]],
    meta: DngMeta,
    *,
    frames_a_second: float | None,
) -> list[Path]:
    """Write frames as cinema cameras do: ``FOLDER/NAME_000000.dng`` and so on, NAME the folder's.

    Parameters
    ----------
    folder
        Where the frames go; made if it is missing.
    mosaics
        The whole sensor of each frame, shape (height, width), uint16, sensor units.
    meta
        What every file says of its pixels.
    frames_a_second
        What every file says of the video; None leaves the FrameRate tag (51044) out.

    Returns
    -------
    list of Path
        The files, in order.

    Raises
    ------
    UsageError
        If a mosaic or `meta` cannot be a DNG.
    OutputError
        If a file cannot be written.
    """
    make_folder(folder)
    said = replace(meta, frames_a_second=frames_a_second)
    paths = []
    for number, mosaic in enumerate(mosaics):
        paths.append(folder / _frame_name(folder.name, number))
        write_atomically(paths[-1], encode_dng(mosaic, said))
    return paths


def make_cinema(
    directory: Path,
    *,
    scenes: int | None = None,
    frames: int | None = None,
    size: tuple[int, int] = DEFAULT_SIZE,
    seed: int = 0,
    frames_a_second: float | None = 24.0,
    truth: bool = True,
    progress: Callable[[int, int], None] | None = None,
    dry_run: bool = False,
) -> SynthReport:
    """Write dark videos of cars, people and lamps as folders of CinemaDNG frames.

    ``0001/0001_000000.dng`` is the first frame of the first video, 14 bits of a GBRG mosaic, and
    ``0001.npy`` its pictures, (frames, height, width, 3) of uint8, sRGB, without noise and without
    flicker. The same arguments give the same bytes; files that are there are kept.

    Parameters
    ----------
    directory
        Root of the look-alike; made if it is missing.
    scenes
        Videos, 2 by default.
    frames
        Frames of each video, 8 by default.
    size
        Height and width of a frame in pixels, even and at least 64 each.
    seed
        Seed of everything.
    frames_a_second
        What each file says of the video's frame rate; None: nothing.
    truth
        Write the pictures, too.
    progress
        Called with the videos done and all videos, after each.
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
    keys = tuple(f"{number:04d}" for number in range(1, videos + 1))
    check_directory(directory, keys)
    reels = [_Reel(directory, key, count, size, seed, frames_a_second, truth) for key in keys]
    expected = {name: bytes_ for reel in reels for name, bytes_ in reel.expected().items()}
    missing = {name for name, bytes_ in expected.items() if not _is_there(directory / name, bytes_)}
    total = sum(expected[name] for name in missing)
    if not dry_run:
        check_space(directory, total)
        make_folder(directory)
        about = f"seed {seed}, scenes {videos}, size {size[0]}x{size[1]}, frames {count}"
        write_note(directory, CINEMA, about)
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for done, _ in enumerate(pool.map(lambda reel: reel.write(missing), reels), 1):
                if progress is not None:
                    progress(done, videos)
    return SynthReport(
        collection=CINEMA,
        directory=directory,
        scenes=keys,
        names=tuple(expected),
        written=len(missing),
        kept=len(expected) - len(missing),
        bytes_written=total,
    )


def _frame_name(video: str, number: int) -> str:
    return f"{video}_{number:06d}.dng"


def _is_there(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


@dataclass(frozen=True, slots=True)
class _Reel:
    """One video to be written."""

    directory: Path
    """Root of the look-alike."""
    key: str
    """Name of the video."""
    frames: int
    """How many it has."""
    size: tuple[int, int]
    """Height and width of a frame in pixels."""
    seed: int
    """Seed of everything."""
    frames_a_second: float | None
    """Frame rate that its files speak of."""
    truth: bool
    """Whether its pictures are written."""

    def expected(self) -> dict[str, int]:
        """Bytes of its files, by their names below the directory, in order."""
        height, width = self.size
        one = len(encode_dng_head(self.size, self._meta())) + 2 * height * width
        names = {f"{self.key}/{_frame_name(self.key, n)}": one for n in range(self.frames)}
        if self.truth:
            names[f"{self.key}.npy"] = 128 + self.frames * height * width * 3
        return names

    def _meta(self) -> DngMeta:
        meta = _CAMERA.dng_meta(iso=_ISO, seconds=_SECONDS, f_number=_F_NUMBER, taken=_TAKEN,
                                size=self.size)  # fmt: skip
        return replace(meta, frames_a_second=self.frames_a_second)

    def write(self, missing: set[str]) -> None:
        """Write those of its files that are missing."""
        wanted = [name for name in self.expected() if name in missing]
        if not wanted:
            return
        film = film_of(CINEMA, self.key, self.size, self.seed)
        make_folder(self.directory / self.key)
        for number in range(self.frames):
            name = f"{self.key}/{_frame_name(self.key, number)}"
            if name in missing:
                noise = generator(self.seed, CINEMA, name)
                mosaic = dark_mosaic(film.truth(number), _CAMERA, _ISO, film.share, noise)
                write_atomically(self.directory / name, encode_dng(mosaic, self._meta()))
        if f"{self.key}.npy" in missing:
            shape = (self.frames, *self.size, 3)
            with npy_frames(self.directory / f"{self.key}.npy", shape, np.uint8) as file:
                for number in range(self.frames):
                    file.write(picture_of(film.truth(number)).tobytes())
