"""Where planned files are made: the scene painted, seen, exposed and written."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import cv2
import numpy as np

from rawkit.errors import OutputError
from rawkit.synth._files import make_folder, output_error, write_atomically
from rawkit.synth._seeds import generator
from rawkit.synth._tiff import TIFF_SUFFIXES, encode_tiff_head
from rawkit.synth.cameras import Camera, mosaic_of
from rawkit.synth.dng import encode_dng, encode_dng_head
from rawkit.synth.noise import expose
from rawkit.synth.scene import canvas_size, paint_scene, view_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from rawkit.synth._shots import Shot, Viewpoint
    from rawkit.synth.dng import DngMeta

_LOOKS = 1
"""Counts up whenever the same arguments come to give other pixels."""
_BYTE_BITS = 8
_MEAN_OF = 8
"""Exposures that a clean picture is the mean of."""
_PREVIEW_BYTES_A_PIXEL = 0.5
"""About what a PNG at half the size takes, for each pixel of the full size."""
_STEP = 0.12
"""How far a moving camera goes from frame to frame, as a share of the way it has."""


@dataclass(frozen=True, slots=True)
class Studio:
    """What all files of one run share."""

    collection: str
    """Name of the collection."""
    camera: Camera
    """The camera that takes all its pictures but those that name another one."""
    size: tuple[int, int]
    """Height and width of the visible area in pixels."""
    seed: int
    """Seed of everything."""
    directory: Path
    """Root of the look-alike."""


def is_there(shot: Shot, studio: Studio) -> bool:
    """Whether the file exists already, with the size and the head that it would get."""
    path = studio.directory / shot.name
    try:
        if shot.role == "preview":
            return path.stat().st_size > 0
        if path.stat().st_size != expected_bytes(shot, studio):
            return False
        head = _head(shot, studio)
        with path.open("rb") as file:
            return file.read(len(head)) == head
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise output_error(error, path) from error


def expected_bytes(shot: Shot, studio: Studio) -> int:
    """Size that the file will have, in bytes; of a preview roughly."""
    height, width = studio.size
    if shot.role == "preview":
        return round(_PREVIEW_BYTES_A_PIXEL * height * width)
    rows, columns = _sensor_shape(shot, studio)
    return len(_head(shot, studio)) + _pixel_bytes(shot, studio) * rows * columns


def _camera(shot: Shot, studio: Studio) -> Camera:
    return shot.camera or studio.camera


def _is_tiff(shot: Shot) -> bool:
    return shot.name.lower().endswith(TIFF_SUFFIXES)


def _pixel_bytes(shot: Shot, studio: Studio) -> int:
    small = _is_tiff(shot) and _camera(shot, studio).sensor.bits <= _BYTE_BITS
    return 1 if small else 2


def _sensor_shape(shot: Shot, studio: Studio) -> tuple[int, int]:
    top, left = _camera(shot, studio).margin_pixels(studio.size)
    return studio.size[0] + top, studio.size[1] + left


def _head(shot: Shot, studio: Studio) -> bytes:
    shape, meta = _sensor_shape(shot, studio), _meta(shot, studio)
    if _is_tiff(shot):
        return encode_tiff_head(shape, 8 * _pixel_bytes(shot, studio), meta.description or "")
    return encode_dng_head(shape, meta)


def _meta(shot: Shot, studio: Studio) -> DngMeta:
    return _camera(shot, studio).dng_meta(
        iso=shot.iso,
        seconds=shot.seconds,
        f_number=shot.f_number,
        taken=shot.taken,
        size=studio.size,
        # It tells files apart that differ in nothing but their pixels, so that the next run sees
        # which it may keep.
        description=f"rawkit look-alike {_LOOKS}: {studio.collection} seed {studio.seed} "
        f"{shot.noise_key}",
    )


def make_files(
    shots: Sequence[Shot],
    studio: Studio,
    already: int,
    progress: Callable[[int, int], None] | None,
) -> int:
    """Write files and return how many bytes they take; `already` files count as done.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    done, total, written = already, already + len(shots), 0
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        by_view = groupby(shots, key=lambda shot: (shot.viewpoint, _camera(shot, studio)))
        for (viewpoint, camera), group in by_view:
            scene = see(viewpoint, studio)
            light = mosaic_of(scene, camera)
            tasks = [pool.submit(_make_file, shot, scene, light, studio) for shot in group]
            try:
                for task in tasks:
                    written += task.result()
                    done += 1
                    if progress is not None:
                        progress(done, total)
            except BaseException:
                for task in tasks:
                    task.cancel()
                raise
    return written


def _make_file(
    shot: Shot, scene: NDArray[np.float32], light: NDArray[np.float32], studio: Studio
) -> int:
    path = studio.directory / shot.name
    make_folder(path.parent)
    data = _preview(scene) if shot.role == "preview" else _raw_file(shot, light, studio)
    write_atomically(path, data)
    return len(data)


def _raw_file(shot: Shot, light: NDArray[np.float32], studio: Studio) -> bytes:
    sensor = _camera(shot, studio).sensor
    seconds, iso = shot.white
    electrons_a_second = light * np.float32(sensor.electrons_at_white(iso) / seconds)
    noise = generator(studio.seed, studio.collection, shot.noise_key)
    exposures = [
        expose(
            electrons_a_second, shot.seconds, shot.iso, sensor, noise,
            read_noise=shot.role != "long",
        )
        for _ in range(_MEAN_OF if shot.role == "clean" else 1)
    ]  # fmt: skip
    pixels = exposures[0]
    if len(exposures) > 1:
        pixels = np.rint(np.mean(exposures, axis=0)).astype(np.uint16)
    if _is_tiff(shot):
        stored = pixels.astype("<u2" if _pixel_bytes(shot, studio) > 1 else np.uint8)
        return _head(shot, studio) + stored.tobytes()
    return encode_dng(pixels, _meta(shot, studio))


def _preview(scene: NDArray[np.float32]) -> bytes:
    """Encode a processed copy at half the size, 8 bit, as PNG."""
    half = cv2.resize(scene, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    tones = (255 * np.asarray(half)[..., ::-1] ** (1 / 2.2)).round().astype(np.uint8)
    worked, data = cv2.imencode(".png", tones)
    if not worked:
        raise OutputError("OpenCV cannot encode a PNG of the scene")
    return data.tobytes()


def see(viewpoint: Viewpoint, studio: Studio) -> NDArray[np.float32]:
    """Paint a scene and look at it: linear sRGB, shape (height, width, 3), float32, 0..1."""
    words = (studio.collection, viewpoint.scene)
    brush = generator(studio.seed, *words)
    if not viewpoint.wide:
        return paint_scene(studio.size, brush, kind=viewpoint.kind)
    canvas = paint_scene(canvas_size(studio.size), brush, kind=viewpoint.kind)
    if viewpoint.frame:
        way = -0.9 + _STEP * (viewpoint.frame - 1)
        return view_of(canvas, studio.size, shift=(0.0, float(np.sin(way))))
    place = generator(studio.seed, *words, "view", viewpoint.view).uniform(-1, 1, 4)
    shift, turn = (float(place[0]), float(place[1])), (float(place[2]), float(place[3]))
    return view_of(canvas, studio.size, shift=shift, turn=turn)
