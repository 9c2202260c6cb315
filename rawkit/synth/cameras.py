"""The cameras of the collections, as data, and the way from a scene's colours to their mosaics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rawkit.synth.dng import BAYER_PATTERNS, DngMeta, Pattern
from rawkit.synth.noise import Level, SensorModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

XYZ_FROM_SRGB: Final = (
    (0.412453, 0.357580, 0.180423),
    (0.212671, 0.715160, 0.072169),
    (0.019334, 0.119193, 0.950227),
)
"""Linear sRGB (BT.709 primaries, D65) to XYZ, row by row (ITU-R BT.709)."""


@dataclass(frozen=True, slots=True)
class Camera:
    """One model of camera: what its files say, and its sensor."""

    make: str
    """Camera maker, as EXIF spells it."""
    model: str
    """Camera model, as EXIF spells it."""
    pattern: Pattern
    """Filter array at the visible area's origin, 2x2: 0 red, 1 green, 2 blue."""
    color_matrix: tuple[float, ...]
    """XYZ to camera RGB under D65, shape (9,), row by row."""
    neutral: tuple[float, float, float]
    """Camera RGB of a neutral surface under the light of the pictures, largest 1."""
    margins: tuple[float, float]
    """Masked rows above and columns left of the visible area, as shares of its height and width."""
    sensor: SensorModel
    """Levels and noise."""

    def margin_pixels(self, size: tuple[int, int]) -> tuple[int, int]:
        """Masked rows and columns for a visible area of `size` (height, width) pixels.

        Both are even: LibRaw moves an odd margin of a DNG by one pixel, and the phase with it.
        """
        rows, columns = (
            2 * max(1, round(share * side / 2)) if share else 0
            for share, side in zip(self.margins, size, strict=True)
        )
        return rows, columns

    def camera_from_srgb(self) -> NDArray[np.float64]:
        """Matrix from linear sRGB to raw camera RGB, shape (3, 3).

        White (1, 1, 1) becomes `neutral`: LibRaw scales the rows of the same product to sum to 1,
        so a rendering with the camera's white balance gives the scene back.
        """
        matrix = np.reshape(self.color_matrix, (3, 3)) @ np.array(XYZ_FROM_SRGB)
        matrix /= matrix.sum(axis=1, keepdims=True)
        return np.asarray(matrix * np.reshape(self.neutral, (3, 1)), np.float64)

    def dng_meta(
        self,
        *,
        iso: int,
        seconds: float,
        f_number: float,
        taken: str,
        size: tuple[int, int],
        description: str | None = None,
    ) -> DngMeta:
        """Describe a file of this camera whose visible area has `size` (height, width) pixels."""
        top, left = self.margin_pixels(size)
        return DngMeta(
            make=self.make,
            model=self.model,
            iso=iso,
            seconds=seconds,
            f_number=f_number,
            taken=taken,
            pattern=self.pattern,
            black_level=float(self.sensor.black_level(iso)),
            white_level=self.sensor.white_level(iso),
            color_matrix=self.color_matrix,
            as_shot_neutral=self.neutral,
            active_area=(top, left, top + size[0], left + size[1]),
            description=description,
        )


def mosaic_of(scene: NDArray[np.float32], camera: Camera) -> NDArray[np.float32]:
    """See a scene through a camera's filters, and surround it with the masked border.

    Parameters
    ----------
    scene
        Linear sRGB, shape (height, width, 3), float32, 1 is white.
    camera
        The camera.

    Returns
    -------
    NDArray[np.float32]
        Light of each pixel of the whole sensor, masked borders included (0 there), shape
        (height + top, width + left); white gives 1 behind the filter that sees it brightest.
    """
    height, width = scene.shape[:2]
    top, left = camera.margin_pixels((height, width))
    matrix = camera.camera_from_srgb().astype(np.float32)
    mosaic = np.zeros((height + top, width + left), np.float32)
    visible = mosaic[top:, left:]
    for y, row in enumerate(camera.pattern):
        for x, colour in enumerate(row):
            cell = (slice(y, None, len(camera.pattern)), slice(x, None, len(row)))
            visible[cell] = scene[cell] @ matrix[colour]
    np.maximum(mosaic, 0, out=mosaic)  # colours beyond what the filters can tell apart
    return mosaic


SONY_A7S2: Final = Camera(
    make="SONY",
    model="ILCE-7SM2",
    pattern=BAYER_PATTERNS["RGGB"],
    color_matrix=(0.67, -0.21, -0.06, -0.43, 1.22, 0.24, -0.08, 0.17, 0.65),
    neutral=(0.49, 1.0, 0.61),
    margins=(0.0, 0.0),
    sensor=SensorModel(
        full_well=104_000.0,
        base_iso=100,
        early_noise=1.6,
        late_noise=1.1,
        row_noise=0.35,
        black_levels=(Level(0, 512),),
        white_levels=(Level(0, 16383),),
        bits=14,
    ),
)
"""The camera of SID's Sony part: large pixels, 14 bit, black level 512."""

CANON_5D4: Final = Camera(
    make="Canon",
    model="Canon EOS 5D Mark IV",
    pattern=BAYER_PATTERNS["RGGB"],
    color_matrix=(0.64, -0.05, -0.08, -0.49, 1.27, 0.25, -0.12, 0.22, 0.66),
    neutral=(0.47, 1.0, 0.66),
    margins=(42 / 4502, 136 / 6744),
    sensor=SensorModel(
        full_well=66_000.0,
        base_iso=100,
        early_noise=2.2,
        late_noise=4.0,
        row_noise=0.6,
        black_levels=(Level(0, 512), Level(400, 2048)),
        white_levels=(Level(0, 15000), Level(400, 16383)),
        bits=14,
    ),
)
"""The camera of MID: masked borders, black level 512 at ISO 100 and 200 and 2048 from 400 up."""

SONY_RX100M6: Final = Camera(
    make="SONY",
    model="DSC-RX100M6",
    pattern=BAYER_PATTERNS["RGGB"],
    color_matrix=(0.74, -0.25, -0.06, -0.42, 1.18, 0.27, -0.08, 0.18, 0.56),
    neutral=(0.44, 1.0, 0.58),
    margins=(0.0, 0.0),
    sensor=SensorModel(
        full_well=17_000.0,
        base_iso=125,
        early_noise=2.4,
        late_noise=2.0,
        row_noise=0.5,
        black_levels=(Level(0, 800),),
        white_levels=(Level(0, 16300),),
        bits=14,
    ),
)
"""The camera of SMID: small pixels, black level 800, white level 16300."""
