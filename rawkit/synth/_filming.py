"""One video of the look-alikes: what each frame shows, and what a dark sensor makes of it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rawkit.errors import UsageError
from rawkit.files import replacing
from rawkit.synth._seeds import generator
from rawkit.synth._traffic import moving_things
from rawkit.synth.cameras import Camera, mosaic_of
from rawkit.synth.dng import BAYER_PATTERNS
from rawkit.synth.noise import Level, SensorModel, expose
from rawkit.synth.scene import (
    canvas_size,
    check_size,
    develop,
    exposure_of,
    paint_backdrop,
    view_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    from numpy.typing import NDArray

    from rawkit.synth._traffic import Mover

_MOST: Final = 9999
"""Four digits number videos and frames."""
_ROOM_EVERY: Final = 3
"""Each third video shows a room, the others a street."""
_DARKEST, _LIGHTEST = 1 / 250, 1 / 120
"""Light that the dark camera gets, as shares of what reaches its white level."""
_DRIFT: Final = 0.35
"""How far the camera drifts, as a share of the way it has."""


VIDEO_CAMERA: Final = Camera(
    make="",
    model="",
    pattern=BAYER_PATTERNS["GBRG"],
    color_matrix=(0.67, -0.21, -0.06, -0.43, 1.22, 0.24, -0.08, 0.17, 0.65),
    neutral=(0.55, 1.0, 0.65),
    margins=(0.0, 0.0),
    sensor=SensorModel(
        full_well=30_000.0,
        base_iso=100,
        early_noise=2.0,
        late_noise=2.0,
        row_noise=0.3,
        black_levels=(Level(0, 0),),
        white_levels=(Level(0, 65535),),
        bits=16,
    ),
)
"""What films packed videos; others differ from it in a few values."""


def check_videos(scenes: int, frames: int, size: tuple[int, int]) -> None:
    """Refuse numbers of videos and of frames, and sizes (height, width), that cannot be made.

    Raises
    ------
    UsageError
        If a number is not 1 to 9999, or a side is odd or below 64 pixels.
    """
    for what, number in (("scenes", scenes), ("frames", frames)):
        if not 1 <= number <= _MOST:
            raise UsageError(f"{number} {what}", expected=f"1 to {_MOST}")
    check_size(size)
    if size[0] % 2 or size[1] % 2:
        raise UsageError(f"a size of {size[0]}x{size[1]}", expected="even sides, for packed frames")


@dataclass(frozen=True, slots=True)
class Film:
    """A scene with all that moves in it, seen by a camera that drifts slowly.

    How it is exposed is settled once, so its brightness changes only by what moves.
    """

    backdrop: NDArray[np.float32]
    """What stands still, before a lens has seen it: (height, width, 3), wider than the picture."""
    exposure: float
    """Factor that makes its median a middle tone."""
    movers: tuple[Mover, ...]
    """What moves, the farthest first."""
    size: tuple[int, int]
    """Height and width of a picture in pixels."""
    drift: NDArray[np.float64]
    """Frames that the camera takes down and up, and right and left again, and where in each it
    begins, in radians: shape (2, 2)."""
    share: float
    """Light that the dark camera gets, as a share of what reaches its white level."""

    def truth(self, frame: int) -> NDArray[np.float32]:
        """Linear sRGB light of a frame, from 0: shape (height, width, 3), 0..1, without noise."""
        periods, begins = self.drift
        shift = _DRIFT * np.sin(2 * np.pi * frame / periods + begins)
        canvas = view_of(self.backdrop, self.size, shift=(float(shift[0]), float(shift[1])))
        for mover in self.movers:
            mover.paint(canvas, frame)
        return develop(canvas, self.exposure)


def film_of(collection: str, scene: str, size: tuple[int, int], seed: int) -> Film:
    """Choose and paint a scene; the same arguments give the same film.

    Parameters
    ----------
    collection
        Name of the look-alike.
    scene
        Name of the scene: a number, from 1.
    size
        Height and width of a picture in pixels.
    seed
        Seed of everything.
    """
    kind = "outdoor" if int(scene) % _ROOM_EVERY else "indoor"
    backdrop = paint_backdrop(canvas_size(size), generator(seed, collection, scene), kind=kind)
    action = generator(seed, collection, scene, "action")
    movers = moving_things(kind, action)
    drift = np.stack([action.uniform(120, 400, 2), action.uniform(0, 2 * np.pi, 2)])
    share = float(np.exp(action.uniform(np.log(_DARKEST), np.log(_LIGHTEST))))
    return Film(backdrop, exposure_of(backdrop), movers, size, drift, share)


def picture_of(scene: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Encode linear light, 0..1, with the sRGB curve (IEC 61966-2-1), in 8 bits."""
    curve = np.where(scene <= 0.0031308, 12.92 * scene, 1.055 * scene ** (1 / 2.4) - 0.055)  # noqa: PLR2004 - the standard's
    return np.round(255 * curve).astype(np.uint8)


def dark_mosaic(
    scene: NDArray[np.float32], camera: Camera, iso: int, share: float, noise: np.random.Generator
) -> NDArray[np.uint16]:
    """Expose a sensor with too little light.

    Parameters
    ----------
    scene
        Linear sRGB light, shape (height, width, 3), 0..1.
    camera
        What sees it.
    iso
        ISO speed that it is taken at.
    share
        Light that it gets, as a share of what reaches its white level.
    noise
        Source of its noise.

    Returns
    -------
    NDArray[np.uint16]
        The whole sensor in sensor units, masked borders included, shape (rows, columns).
    """
    electrons = np.float32(camera.sensor.electrons_at_white(iso))
    return expose(mosaic_of(scene, camera) * electrons, share, iso, camera.sensor, noise)


@contextmanager
def npy_frames(path: Path, shape: tuple[int, ...], dtype: type[np.generic]) -> Iterator[BinaryIO]:
    """Open a `.npy` file of an array that is written piece after piece, whole or not at all.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    header = {
        "descr": np.dtype(dtype).newbyteorder("<").str,
        "fortran_order": False,
        "shape": shape,
    }
    with replacing(path) as file:
        np.lib.format.write_array_header_1_0(file, header)
        yield file
