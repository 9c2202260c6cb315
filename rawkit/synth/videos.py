"""A look-alike of the collection of moving objects: packed Bayer videos and their pictures."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

import numpy as np

from rawkit.errors import UsageError
from rawkit.synth._files import make_folder, write_atomically
from rawkit.synth._layouts import Viewpoint
from rawkit.synth._seeds import generator
from rawkit.synth._studio import Studio, see
from rawkit.synth.cameras import Camera, mosaic_of
from rawkit.synth.collections import (
    DEFAULT_SIZE,
    SynthReport,
    check_directory,
    check_space,
    write_note,
)
from rawkit.synth.dng import BAYER_PATTERNS
from rawkit.synth.noise import Level, SensorModel, expose
from rawkit.synth.scene import check_size

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

MOVING_OBJECTS: Final = "moving-objects"
"""Name of the collection."""
_DEFAULT_SCENES, _DEFAULT_FRAMES, _MOST = 6, 4, 9999
_ISO, _SECONDS, _WHITE_SECONDS = 100, 1 / 30, 1.0
_CAMERA: Final = Camera(
    make="",
    model="",
    pattern=BAYER_PATTERNS["GBRG"],
    color_matrix=(0.67, -0.21, -0.06, -0.43, 1.22, 0.24, -0.08, 0.17, 0.65),
    neutral=(0.55, 1.0, 0.65),
    margins=(0.0, 0.0),
    sensor=SensorModel(
        full_well=30_000.0,
        base_iso=_ISO,
        early_noise=2.0,
        late_noise=2.0,
        row_noise=0.3,
        black_levels=(Level(0, 0),),
        white_levels=(Level(0, 65535),),
        bits=16,
    ),
)


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
    """Write a look-alike of the collection of moving objects.

    ``train/dark/0001.npy`` holds (frames, height / 2, width / 2, 4) of uint16, the 2x2 places of a
    GBRG mosaic in reading order, black 0 and white 65535; ``train/truth/0001.npy`` the pictures,
    (frames, height, width, 3) of uint8, sRGB. From three videos on, the last but one is for val and
    the last for test. The same arguments give the same bytes; files that are there with the right
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
    for what, number in (("scenes", videos), ("frames", count)):
        if not 1 <= number <= _MOST:
            raise UsageError(f"{number} {what}", expected=f"1 to {_MOST}")
    check_size(size)
    if size[0] % 2 or size[1] % 2:
        raise UsageError(f"a size of {size[0]}x{size[1]}", expected="even sides, for packed frames")
    check_directory(directory, ("train", "val", "test"))
    studio = Studio(MOVING_OBJECTS, _CAMERA, size, seed, directory)
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
        for done, name in enumerate(missing, len(names) - len(missing) + 1):
            _write(directory / name, _video(name, count, studio))
            if progress is not None:
                progress(done, len(names))
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


def _video(name: str, frames: int, studio: Studio) -> NDArray[np.generic]:
    scene = name[-8:-4]
    kind = "indoor" if int(scene) % 2 else "outdoor"
    seen = (
        see(Viewpoint(scene, kind, frame=number + 1, wide=True), studio) for number in range(frames)
    )
    if "/truth/" in name:
        return np.stack([_picture(one) for one in seen])
    return np.stack([_dark(one, name, number, studio) for number, one in enumerate(seen)])


def _dark(scene: NDArray[np.float32], name: str, number: int, studio: Studio) -> NDArray[np.uint16]:
    """Expose a scene for too short a time: (height / 2, width / 2, 4)."""
    sensor = studio.camera.sensor
    electrons = np.float32(sensor.electrons_at_white(_ISO) / _WHITE_SECONDS)
    noise = generator(studio.seed, studio.collection, name, number)
    light = mosaic_of(scene, studio.camera) * electrons
    mosaic = expose(light, _SECONDS, _ISO, sensor, noise, read_noise=True)
    places = [mosaic[y::2, x::2] for y in (0, 1) for x in (0, 1)]
    return np.stack(places, axis=-1)


def _picture(scene: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Encode linear light with the sRGB curve (IEC 61966-2-1)."""
    curve = np.where(scene <= 0.0031308, 12.92 * scene, 1.055 * scene ** (1 / 2.4) - 0.055)  # noqa: PLR2004 - the standard's
    return np.round(255 * curve).astype(np.uint8)


def _write(path: Path, video: NDArray[np.generic]) -> None:
    make_folder(path.parent)
    file = io.BytesIO()
    np.lib.format.write_array(file, np.ascontiguousarray(video), allow_pickle=False)
    write_atomically(path, file.getvalue())
