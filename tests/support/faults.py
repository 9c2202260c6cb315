"""Look-alike pairs with faults put in, of which the truth is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from rawkit.synth import CAMERAS, encode_dng, expose, mosaic_of, paint_scene
from rawkit.synth._layouts import LAYOUTS
from rawkit.synth._studio import Studio, see

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from rawkit.synth import Camera
    from rawkit.synth._shots import Wishes

FAULTS: Final = ("none", "shift", "turn", "moved", "dark", "blown", "exif", "swapped")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a pair, and by how much."""

    kind: str
    """One of `FAULTS`."""
    amount: float = 0.0
    """``shift``: pixels of the mosaic; ``turn``: degrees; ``moved``: share of the picture that the
    object covers; ``dark``: stops down; ``blown``: share of the scene that is clipped; ``exif``:
    factor of the true time over the one that is told; else nothing."""
    consistent: bool = True
    """Whether EXIF of a dark or blown long says how long it was exposed."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A frame, as a store would hold it."""

    planes: NDArray[np.uint16]
    """Packed planes, (4, height / 2, width / 2)."""
    black: float
    """Black level, sensor units."""
    white: float
    """White level, sensor units."""
    seconds: float
    """Exposure time that EXIF tells."""
    iso: int
    """ISO speed."""


def shifted(
    scene: NDArray[np.float32], down: float = 0.0, right: float = 0.0, degrees: float = 0.0
) -> NDArray[np.float32]:
    """Render a scene moved and turned about its middle; what comes in at the rim is mirrored."""
    height, width = scene.shape[:2]
    y, x = (height - 1) / 2, (width - 1) / 2
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    turn = np.array([[cosine, sine], [-sine, cosine]])
    offset = np.array([x, y]) - turn @ (x + right, y + down)
    moved = cv2.warpAffine(
        scene, np.column_stack([turn, offset]), (width, height),
        flags=cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT_101,
    )  # fmt: skip
    return np.asarray(moved, np.float32).clip(0, 1)


def with_object(
    scene: NDArray[np.float32], share: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Put an upright figure into a scene that covers a share of it, lighter or darker than most."""
    height, width = scene.shape[:2]
    area = share * height * width
    tall = min(float(np.sqrt(area * rng.uniform(1.0, 2.5) / np.pi * 4)), 0.9 * height)
    wide = min(4 * area / (np.pi * tall), 0.9 * width)
    y, x = rng.uniform(tall / 2, height - tall / 2), rng.uniform(wide / 2, width - wide / 2)
    mask = np.zeros((height, width), np.float32)
    cv2.ellipse(mask, ((x, y), (wide, tall), 0.0), 1.0, -1)
    soft = np.asarray(cv2.GaussianBlur(mask, (0, 0), 1.0))[..., None]
    colour = rng.uniform(0.3, 1.0, 3) * rng.choice([0.06, 0.5])
    rows = np.arange(height, dtype=np.float32)[:, None, None]
    figure = np.float32(colour) * (1 + 0.2 * np.sin(rows / 9))
    return np.asarray(scene * (1 - soft) + soft * figure, np.float32)


def with_fault(
    scene: NDArray[np.float32], other: Callable[[], NDArray[np.float32]], fault: Fault,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:  # fmt: skip
    """Return what the short sees, what the long sees, and the factor on the long's light."""
    if fault.kind == "shift":
        way = rng.uniform(0, 2 * np.pi)
        return shifted(scene, fault.amount * np.sin(way), fault.amount * np.cos(way)), scene, 1.0
    if fault.kind == "turn":
        return shifted(scene, degrees=fault.amount * rng.choice([-1, 1])), scene, 1.0
    if fault.kind == "moved":
        state = int(rng.integers(1 << 30))
        there, here = (np.random.default_rng([state, one]) for one in (1, 2))
        return with_object(scene, fault.amount, here), with_object(scene, fault.amount, there), 1.0
    if fault.kind == "dark":
        return scene, scene, 2.0**-fault.amount
    if fault.kind == "blown":
        greens = scene[::4, ::4, 1]
        return scene, scene, 1.05 / float(np.quantile(greens, 1 - fault.amount)) / 0.5
    if fault.kind == "swapped":
        return scene, other(), 1.0
    return scene, scene, 1.0


def faulty_pair(
    collection: str,
    size: tuple[int, int],
    fault: Fault,
    *,
    seed: int,
    iso: int,
    ratio: float,
    long_iso: int | None = None,
    scene: NDArray[np.float32] | None = None,
) -> tuple[Shot, Shot]:
    """Make a short and a long of a painted scene with a fault; `ratio` is of exposure times."""
    camera = CAMERAS[collection]
    rng = np.random.default_rng([seed, 1, int(ratio), iso])
    kinds = ("indoor", "outdoor")

    def paint(number: int) -> NDArray[np.float32]:
        return paint_scene(size, np.random.default_rng([number]), kind=kinds[number % 2])

    first = paint(seed) if scene is None else scene
    dark, bright, factor = with_fault(first, lambda: paint(seed + 1000), fault, rng)
    long_iso = long_iso or iso
    seconds = 10.0
    true = fault.amount if fault.kind == "exif" else 1.0
    short = _shot(dark, camera, seconds / ratio, iso, (seconds, long_iso), rng, true, read=True)
    long = _shot(bright, camera, seconds, long_iso, (seconds, long_iso), rng, factor, read=False)
    told = factor if fault.consistent and fault.kind in {"dark", "blown"} else 1.0
    return short, replace(long, seconds=seconds * told)


def _shot(
    scene: NDArray[np.float32], camera: Camera, seconds: float, iso: int,
    white: tuple[float, int], rng: np.random.Generator, factor: float, *, read: bool,
) -> Shot:  # fmt: skip
    sensor = camera.sensor
    light = mosaic_of(scene, camera) * np.float32(
        factor * sensor.electrons_at_white(white[1]) / white[0]
    )
    pixels = expose(light, seconds, iso, sensor, rng, read_noise=read)
    top, left = camera.margin_pixels((scene.shape[0], scene.shape[1]))
    seen = pixels[top:, left:]
    planes = np.stack([seen[0::2, 0::2], seen[0::2, 1::2], seen[1::2, 1::2], seen[1::2, 0::2]])
    return Shot(planes, sensor.black_level(iso), sensor.white_level(iso), seconds, iso)


def put_fault(
    directory: Path,
    collection: str,
    name: str,
    fault: Fault,
    *,
    wishes: Wishes,
    size: tuple[int, int],
) -> None:
    """Write a file of a look-alike anew with a fault; of a pair's long if that is what is wrong.

    `wishes` and `size` are what the look-alike was made with. Only faults of one file can be put
    in: of a short ``shift``, ``turn``, ``moved`` and ``exif``, of a long the others.
    """
    layout = LAYOUTS[collection]
    shots = list(layout.shots(wishes))
    shot = next(one for one in shots if one.name == name)
    camera = CAMERAS[collection]
    studio = Studio(collection, camera, size, wishes.seed, directory)
    rng = np.random.default_rng([wishes.seed, len(name), shots.index(shot)])
    others = [one.viewpoint for one in shots if one.viewpoint.scene != shot.viewpoint.scene]
    scene = see(shot.viewpoint, studio)
    dark, bright, factor = with_fault(scene, lambda: see(others[0], studio), fault, rng)
    seen = dark if shot.role == "short" else bright
    factor = fault.amount if fault.kind == "exif" else factor
    sensor = camera.sensor
    light = mosaic_of(seen, camera) * np.float32(
        factor * sensor.electrons_at_white(shot.white[1]) / shot.white[0]
    )
    pixels = expose(light, shot.seconds, shot.iso, sensor, rng, read_noise=shot.role == "short")
    told = factor if fault.kind in {"dark", "blown"} and fault.consistent else 1.0
    meta = camera.dng_meta(
        iso=shot.iso, seconds=shot.seconds * told, f_number=shot.f_number, taken=shot.taken,
        size=size, description=f"fault {fault.kind}",
    )  # fmt: skip
    (directory / name).write_bytes(encode_dng(pixels, meta))
