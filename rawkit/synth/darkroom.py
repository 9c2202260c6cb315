"""Look-alikes of what a camera is calibrated from: dark and flat frames of cameras that are known.

Each camera is a `CameraProfile` of which everything is given: gain, read noise as a Tukey lambda
distribution, row and column noise, dark shading, hot pixels, steps and saturation. So what is
found from its frames can be held against what they were made by.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from rawkit.errors import UsageError
from rawkit.noise import CameraProfile, NoiseModel, ShadingRange, tukey_quantile
from rawkit.sensor import Mosaic
from rawkit.synth._files import make_folder
from rawkit.synth.dng import BAYER_PATTERNS, DngMeta, Pattern, write_dng
from rawkit.synth.profiles import profile_of
from rawkit.synth.scene import paint_scene

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from rawkit.synth.cameras import Camera

DARKROOM_SIZE: Final = (480, 640)
"""Height and width of the look-alikes, pixels."""
_ISOS: Final = (400, 1600, 6400)
_FLAT_LIGHT: Final = 0.45
"""Mean of a flat frame above black, of what saturates."""
_FALL: Final = 0.12
"""How much darker an even wall is at the corners."""
_FILTERS: Final = (0.62, 1.0, 0.74)
"""Light behind the red, green and blue filters."""


@dataclass(frozen=True)
class KnownCamera:
    """A camera of which everything is known."""

    profile: CameraProfile
    """Noise, shading, hot pixels and size."""
    hot_offset: NDArray[np.float64]
    """What each hot pixel has beside the others at each ISO of the profile, (ISOs, n), DN."""
    filters: Pattern
    """Filter array, 2x2: 0 red, 1 green, 2 blue."""

    def mean_of_darkness(self, iso: float) -> NDArray[np.float64]:
        """Mean of dark frames at an ISO of the profile, (H, W), DN, black level included."""
        profile = self.profile
        number = [one.iso for one in profile.isos].index(iso)
        mean = profile.shading(iso).astype(np.float64)
        side = profile.mosaic.cell.side
        for y, x, plane in profile.mosaic.positions():
            mean[y::side, x::side] += profile.mosaic.black_level[plane]
        mean[profile.hot[:, 0], profile.hot[:, 1]] += self.hot_offset[number]
        return mean

    def expose(
        self, iso: float, light: NDArray[np.float64] | float, rng: np.random.Generator
    ) -> NDArray[np.uint16]:
        """Take a frame: `light` are mean electrons of each pixel, (H, W); 0 in the dark."""
        profile, noise = self.profile, self.profile.at(iso)
        signal = self.mean_of_darkness(iso)
        height, width = signal.shape
        signal += rng.normal(0, noise.row, (height, 1)) + rng.normal(0, noise.column, (1, width))
        electrons = np.broadcast_to(np.asarray(light, np.float64), signal.shape)
        side = profile.mosaic.cell.side
        for y, x, plane in profile.mosaic.positions():
            one = signal[y::side, x::side]
            uniform = np.clip(rng.random(one.shape), 1e-12, 1 - 1e-12)
            one += noise.read_scale[plane] * tukey_quantile(uniform, noise.read_shape[plane])
            if np.any(light):
                one += noise.gain[plane] * rng.poisson(electrons[y::side, x::side])
        signal = np.rint(signal / noise.step) * noise.step
        return np.clip(signal, 0, noise.white).astype(np.uint16)

    def wall(self, iso: float, share: float = _FLAT_LIGHT) -> NDArray[np.float64]:
        """Electrons of an even wall whose green is at a share of saturation, (H, W)."""
        mosaic, noise = self.profile.mosaic, self.profile.at(iso)
        y, x = (np.linspace(-1, 1, size) for size in (mosaic.height, mosaic.width))
        fall = 1 - _FALL * (y[:, None] ** 2 + x[None, :] ** 2) / 2
        most = (noise.white - max(mosaic.black_level)) / noise.gain.mean()
        return np.asarray(self._filtered(fall * share * most))

    def view(self, iso: float, share: float, rng: np.random.Generator) -> NDArray[np.float64]:
        """Electrons of a painted scene whose white is at a share of saturation, (H, W)."""
        mosaic, noise = self.profile.mosaic, self.profile.at(iso)
        scene = paint_scene((mosaic.height, mosaic.width), rng).mean(axis=2)
        most = (noise.white - max(mosaic.black_level)) / noise.gain.mean()
        return np.asarray(self._filtered(np.maximum(scene, 0) * share * most))

    def _filtered(self, light: NDArray[np.float64]) -> NDArray[np.float64]:
        light = light.copy()
        for y, row in enumerate(self.filters):
            for x, colour in enumerate(row):
                light[y::2, x::2] *= _FILTERS[colour]
        return light


def of_look_alike(
    camera: Camera, isos: Sequence[float], size: tuple[int, int] = DARKROOM_SIZE
) -> KnownCamera:
    """Return the camera of a collection's look-alikes as one of which everything is known.

    Raises
    ------
    UsageError
        If its mosaic is no Bayer mosaic, or there is no ISO.
    """
    profile = profile_of(camera, isos, size)
    return KnownCamera(profile, np.zeros((len(isos), len(profile.hot))), camera.pattern)


def known_camera(name: str, size: tuple[int, int] = DARKROOM_SIZE) -> KnownCamera:
    """Make one of the three cameras: ``clean``, ``banded`` or ``phone``.

    The first has two ranges of gain and tails that grow with ISO; the second rows and stripes
    of columns; the third few bits, a different gain of each plane and another order of its filters.

    Raises
    ------
    UsageError
        If there is no such camera.
    """
    if name not in _CAMERAS:
        raise UsageError(f"a camera {name!r}", expected=", ".join(_CAMERAS))
    about = _CAMERAS[name]
    rng = np.random.default_rng(about.seed)
    letters = tuple(
        tuple(3 if colour == 1 and 0 not in row else colour for colour in row)
        for row in BAYER_PATTERNS[about.filters]
    )
    mosaic = Mosaic.without_margins(letters, size, (about.black,) * 4, about.says_white)
    models = [
        NoiseModel(
            iso, gain * np.array(about.planes), about.read * gain**0.6 * np.ones(4),
            np.full(4, shape), about.row * gain**0.9, about.column * gain**0.9,
            np.zeros(4), about.step, about.white,
        )
        for iso, shape in zip(_ISOS, about.shapes, strict=True)
        for gain in [about.gain * iso / _ISOS[0]]
    ]  # fmt: skip
    ranges = tuple(
        _shading(low, high, size, about.shading, about.stripes, rng) for low, high in about.ranges
    )
    count = about.hot
    places = rng.choice(size[0] * size[1], count, replace=False)
    hot = np.stack(np.divmod(np.sort(places), size[1]), axis=1).astype(np.int32)
    # Electrons of dark current: as many more times the gain as ISO.
    electrons = rng.uniform(60, 400, count)
    offsets = np.stack([one.gain.mean() * electrons for one in models])
    profile = CameraProfile.known(about.make, about.model, mosaic, models, ranges=ranges, hot=hot)
    # What `known` takes for bias is that of the shading, where there is one.
    return KnownCamera(profile, offsets, BAYER_PATTERNS[about.filters])


def make_darkroom(
    folder: Path | str,
    camera: str | KnownCamera = "clean",
    *,
    isos: Sequence[int] | None = None,
    frames: Mapping[str, int] | None = None,
    seed: int = 0,
) -> list[Path]:
    """Write frames of a known camera into a folder, under names that say nothing.

    Parameters
    ----------
    folder
        Where the DNG files go.
    camera
        Name of a known camera, or one.
    isos
        ISOs of the profile; None: all.
    frames
        How many of each kind at each ISO: ``dark`` (10), ``flat`` (2), ``clipped`` (0) and
        ``ordinary`` (0).
    seed
        The same one gives the same bytes.

    Raises
    ------
    UsageError
        If there is no such camera or kind.
    OutputError
        If a file cannot be written.
    """
    known = known_camera(camera) if isinstance(camera, str) else camera
    counts = {"dark": 10, "flat": 2, "clipped": 0, "ordinary": 0} | dict(frames or {})
    if counts.keys() - _LIGHT.keys():
        raise UsageError(f"frames {sorted(counts.keys() - _LIGHT.keys())}", expected=str([*_LIGHT]))
    root = Path(folder)
    make_folder(root)
    wanted = [one.iso for one in known.profile.isos if isos is None or one.iso in isos]
    written = []
    for number, (kind, iso, rng) in enumerate(_frames(wanted, counts, seed)):
        light = _LIGHT[kind](known, iso, rng)
        path = root / f"IMG_{seed % 1000:03d}{number:04d}.dng"
        write_dng(path, known.expose(iso, light, rng), _meta(known, kind, iso, number))
        written.append(path)
    return written


def _frames(
    isos: Sequence[float], counts: Mapping[str, int], seed: int
) -> Iterator[tuple[str, float, np.random.Generator]]:
    for iso in isos:
        for kind, count in counts.items():
            for number in range(count):
                key = [seed, int(iso), [*_LIGHT].index(kind), number]
                yield kind, iso, np.random.default_rng(key)


def _meta(known: KnownCamera, kind: str, iso: float, number: int) -> DngMeta:
    profile = known.profile
    return DngMeta(
        profile.make, profile.model, iso=int(iso), seconds=1 / 30 if kind == "dark" else 1 / 60,
        f_number=4.0, pattern=known.filters, black_level=profile.mosaic.black_level[0],
        white_level=int(profile.mosaic.white_level),
        taken=f"2024:05:01 12:{number // 60 % 60:02d}:{number % 60:02d}",
    )  # fmt: skip


_Light = Callable[[KnownCamera, float, np.random.Generator], "NDArray[np.float64] | float"]
_LIGHT: Final[dict[str, _Light]] = {
    "dark": lambda known, iso, rng: 0.0,  # noqa: ARG005 - one of several
    "flat": lambda known, iso, rng: known.wall(iso),  # noqa: ARG005
    "clipped": lambda known, iso, rng: known.wall(iso, 1.4),  # noqa: ARG005
    "ordinary": lambda known, iso, rng: known.view(iso, 0.7, rng),
}


def _shading(
    low: float, high: float, size: tuple[int, int], amount: float, stripes: float,
    rng: np.random.Generator,
) -> ShadingRange:  # fmt: skip
    """Draw a shading that grows with ISO within a range: leaning, with glowing corners."""
    orders = 5
    fall = 1 / (1 + np.hypot(*np.mgrid[:orders, :orders])) ** 1.5
    smooth = rng.normal(0, amount, (2, 4, orders, orders)) * fall
    smooth[1] /= high
    columns = rng.normal(0, stripes, (2, size[1]))
    columns[1] /= high
    columns -= columns.mean(axis=1, keepdims=True)
    rows = np.zeros((2, size[0]))
    return ShadingRange(low, high, *(one.astype(np.float32) for one in (smooth, rows, columns)))


@dataclass(frozen=True)
class _About:
    """What a camera is made of; numbers at the lowest ISO."""

    seed: int
    make: str
    model: str
    filters: str
    black: float
    white: float
    says_white: float
    step: float
    gain: float
    planes: tuple[float, float, float, float]
    read: float
    shapes: tuple[float, float, float]
    row: float
    column: float
    shading: float
    stripes: float
    ranges: tuple[tuple[float, float], ...]
    hot: int


_CAMERAS: Final = {
    "clean": _About(
        seed=1, make="Acme", model="Clean 1", filters="RGGB", black=512.0, white=15600.0,
        says_white=16383.0, step=1.0, gain=0.35, planes=(1.0, 1.0, 1.0, 1.0), read=1.4,
        shapes=(0.12, 0.05, -0.08), row=0.25, column=0.0, shading=0.8, stripes=0.0,
        ranges=((400, 400), (1600, 6400)), hot=60,
    ),
    "banded": _About(
        seed=2, make="Acme", model="Banded 2", filters="RGGB", black=1024.0, white=16300.0,
        says_white=16383.0, step=1.0, gain=0.4, planes=(1.02, 1.0, 0.97, 1.0), read=1.2,
        shapes=(0.1, 0.14, 0.0), row=0.35, column=0.05, shading=1.5, stripes=0.4,
        ranges=((400, 6400),), hot=120,
    ),
    "phone": _About(
        seed=3, make="Bell", model="Phone 3", filters="GBRG", black=256.0, white=4000.0,
        says_white=4095.0, step=2.0, gain=0.3, planes=(0.98, 1.0, 1.05, 1.0), read=2.4,
        shapes=(0.14, -0.05, -0.15), row=0.4, column=0.05, shading=2.0, stripes=0.0,
        ranges=((400, 6400),), hot=200,
    ),
}  # fmt: skip
KNOWN_CAMERAS: Final = tuple(_CAMERAS)
"""Names of the cameras that are known."""
