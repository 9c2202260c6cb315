"""Bright raw files made dark by physics, and how far a picture's colours are from the truth.

A file's electrons are divided by a factor; a full-frame sensor at ISO 1600 counts what is left,
with photon noise and read noise. Pattern, balance and colour matrix stay the file's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rawkit.colour import matrix_of
from rawkit.evaluate.colour import delta_e, lab_of
from rawkit.metrics.similarity import SSIM_VARIANTS, ssim
from rawkit.pictures.curve import encoded_of, linear_of
from rawkit.restore import decode_single
from rawkit.sensor import RenderParameters, neutral_of, open_raw
from rawkit.synth.dng import DngMeta, write_dng
from rawkit.synth.noise import Level, SensorModel, expose

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

ISO = 1600
SENSOR = SensorModel(
    full_well=6000, base_iso=ISO, early_noise=1.5, late_noise=0, row_noise=0,
    black_levels=(Level(0, 512),), white_levels=(Level(0, 16383),), bits=14,
)  # fmt: skip
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
BLOCK = 16
"""Pixels a side of what is compared: colours are seen over areas, and noise is not counted."""
EVEN = 32
"""Files are cut to a multiple of it."""
BLUE_HUES, BLUE_CHROMA = (240, 310), 25
"""Degrees, and distance from grey, in CIELAB of what counts as blue."""
FEW_BLOCKS = 4
WHITE, BLACK = 0.98, 8
"""Linear light of any channel from which a block of the truth is clipped, and its darkest L*."""


@dataclass(frozen=True)
class Darkened:
    """A dark file and what it should look like."""

    dark: Path
    """The dark file."""
    truth: NDArray[np.float32]
    """LibRaw's conversion of the bright one, linear light, (height, width, 3)."""


def darken(path: Path, folder: Path, factor: float, seed: int = 0) -> Darkened:
    """Write the dark file into a folder; of a factor of 1 the file without any noise added."""
    image = decode_single(path).image
    height, width = (n // EVEN * EVEN for n in image.pixels.shape)
    mosaic = image.mosaic
    light = np.zeros((height, width), np.float32)
    pattern = np.zeros((mosaic.cell.side, mosaic.cell.side), int)
    for y, x, plane in mosaic.positions():
        black = mosaic.black_level[plane]
        values = image.pixels[y:height:2, x:width:2].astype(np.float32)
        light[y::2, x::2] = np.maximum(values - black, 0) / (mosaic.white_level - black)
        pattern[y, x] = mosaic.cell.colours[plane]
    neutral = neutral_of(image.white_balance.multipliers, mosaic.cell.colours)
    camera = np.diag(neutral) @ matrix_of(image.colour_matrix).xyz_to_camera()
    meta = DngMeta(
        "rawkit", "darkened", iso=ISO, seconds=1 / 25, black_level=512, white_level=16383,
        pattern=tuple(tuple(int(one) for one in row) for row in pattern),
        color_matrix=tuple(float(one) for one in camera.ravel()),
        as_shot_neutral=(neutral[0], neutral[1], neutral[2]),
    )  # fmt: skip
    bright = folder / f"{path.stem}-bright.dng"
    full = light * np.float32(SENSOR.full_well)
    rng = np.random.default_rng(seed)
    write_dng(bright, expose(np.minimum(full, SENSOR.full_well), 1, ISO, SENSOR, rng, noise=False),
              meta)  # fmt: skip
    dark = bright
    if factor != 1:
        dark = folder / f"{path.stem}-{factor:g}.dng"
        write_dng(dark, expose(full, 1 / factor, ISO, SENSOR, rng), meta)
    with open_raw(bright) as raw:
        rendered = raw.render(RenderParameters(bits=16)).astype(np.float32) / 65535
    return Darkened(dark, linear_of(rendered))


def as_bright(picture: NDArray[np.float32], truth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Linear light of an encoded picture, by one factor as bright as the truth, as large as both.

    Both are cut to the smaller size.
    """
    linear = linear_of(picture)[: truth.shape[0], : truth.shape[1]]
    own = truth[: linear.shape[0], : linear.shape[1]]
    return linear * np.float32((own @ LUMINANCE).mean() / max((linear @ LUMINANCE).mean(), 1e-9))


@dataclass(frozen=True)
class ColourFigures:
    """How far a picture is from the truth."""

    chroma: float
    """Mean CIEDE2000 of blocks with the lightness of the truth: the error of colour alone."""
    blue: float
    """The same of the blocks that are blue in truth; NaN where there are hardly any."""
    ssim: float
    """SSIM of luminance."""

    def cells(self) -> str:
        """Return the cells of a row."""
        blue = "-" if np.isnan(self.blue) else f"{self.blue:.2f}"
        return f"{self.chroma:.2f} | {blue} | {self.ssim:.3f}"


def compare(picture: NDArray[np.float32], truth: NDArray[np.float32]) -> ColourFigures:
    """Measure an encoded picture against linear truth, after making it as bright."""
    linear = as_bright(picture, truth)
    truth = truth[: linear.shape[0], : linear.shape[1]]
    seen, true = _blocks(linear), _blocks(truth)
    lab, wanted = (lab_of(encoded_of(np.clip(one, 0, 1))) for one in (seen, true))
    lab[..., 0] = wanted[..., 0]
    errors = delta_e(lab, wanted)
    counted = (true.max(axis=-1) < WHITE) & (wanted[..., 0] > BLACK)
    a, b = wanted[..., 1], wanted[..., 2]
    hue = np.degrees(np.arctan2(b, a)) % 360
    blue = counted & (hue > BLUE_HUES[0]) & (hue < BLUE_HUES[1]) & (np.hypot(a, b) > BLUE_CHROMA)
    # A picture of luminance alone, with the gaussian window.
    grey = [encoded_of(np.clip(one @ LUMINANCE, 0, 1))[..., None] for one in (linear, truth)]
    return ColourFigures(
        float(errors[counted].mean()),
        float(errors[blue].mean()) if blue.sum() > FEW_BLOCKS else float("nan"),
        ssim(grey[0], grey[1], SSIM_VARIANTS["gaussian"]),
    )


def _blocks(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    rows, columns = (n // BLOCK for n in picture.shape[:2])
    cut = picture[: rows * BLOCK, : columns * BLOCK]
    return np.asarray(cut.reshape(rows, BLOCK, columns, BLOCK, 3).mean(axis=(1, 3)), np.float32)
