"""The noise of a camera at one ISO."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from rawkit.errors import UsageError
from rawkit.noise.tukey import LEAST_SHAPE, tukey_variance

if TYPE_CHECKING:
    from typing import Final, Self

    from numpy.typing import NDArray

    from rawkit.sensor import Mosaic

MEASURED: Final = "measured"
"""`NoiseModel.source` at an ISO of the profile."""
_ALIKE: Final = 0.01
"""Share by which two cameras' ranges may differ and be taken as one."""
_PER_PLANE: Final = ("gain", "read_scale", "read_shape", "bias")


@dataclass(frozen=True, slots=True, eq=False)
class NoiseModel:
    """What a sensor adds to light at one ISO: shot, read, row and column noise, and rounding.

    A pixel of N electrons, N of a Poisson distribution, is stored as ``black + bias + gain N +
    read + row + column``, rounded to a multiple of `step` and cut off at `white`. After ELD (Wei
    et al., CVPR 2020; TPAMI 2021). Arrays are read-only and hold one value a packed plane.
    """

    iso: float
    """ISO speed."""
    gain: NDArray[np.float64]
    """System gain K of each plane, (P,), DN per electron, above 0."""
    read_scale: NDArray[np.float64]
    """Scale of the Tukey lambda distribution of read noise, (P,), DN."""
    read_shape: NDArray[np.float64]
    """Its shape lambda, (P,); normal at 0.14, heavier tails below."""
    row: float
    """Standard deviation of what all pixels of a row of the mosaic share, DN; normal."""
    column: float
    """Standard deviation of what all pixels of a column share, DN; normal, anew in each frame."""
    bias: NDArray[np.float64]
    """Deviation of the mean of darkness from the black level, (P,), DN."""
    step: float
    """Distance of neighbouring values, DN; 1 unless a file holds fewer bits than it seems."""
    white: float
    """Where pixels really saturate, DN, black level included."""
    source: str = MEASURED
    """``measured``, or how it was found: between or beyond which ISOs."""

    def __post_init__(self) -> None:
        """Make the arrays read-only, and refuse what can be no noise.

        Raises
        ------
        UsageError
            If arrays differ in length, a number is not finite, or one is below what it can be.
        """
        for name in _PER_PLANE:
            array = np.array(getattr(self, name), np.float64)
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        shapes = {getattr(self, name).shape for name in _PER_PLANE}
        if len(shapes) != 1 or self.gain.ndim != 1 or not self.gain.size:
            raise UsageError(
                f"noise with arrays of the shapes {sorted(shapes)}", expected="one value a plane"
            )
        numbers = np.concatenate(
            [*(getattr(self, name) for name in _PER_PLANE),
             [self.iso, self.row, self.column, self.step, self.white]]
        )  # fmt: skip
        sound = (
            np.isfinite(numbers).all()
            and self.gain.min() > 0
            and self.read_scale.min() >= 0
            and self.read_shape.min() >= LEAST_SHAPE
            and min(self.row, self.column) >= 0
            and min(self.iso, self.step, self.white) > 0
        )
        if not sound:
            raise UsageError(
                f"noise of gain {self.gain.tolist()}, read scale {self.read_scale.tolist()} and "
                f"shape {self.read_shape.tolist()}, rows {self.row:g}, columns {self.column:g}, "
                f"steps of {self.step:g}, white {self.white:g} at ISO {self.iso:g}",
                expected="finite numbers; gain, step, white and ISO above 0, "
                f"shapes from {LEAST_SHAPE}, the rest not below 0",
            )

    @classmethod
    def of_values(
        cls,
        iso: float,
        gain: float,
        read_scale: float,
        read_shape: float,
        *,
        row: float = 0.0,
        column: float = 0.0,
        bias: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0),
        step: float = 1.0,
        white: float = 16383.0,
    ) -> Self:
        """Make a model whose planes differ in their bias alone; raises as the constructor."""
        same = np.ones(len(bias))
        return cls(iso, gain * same, read_scale * same, read_shape * same, row, column,
                   np.array(bias), step, white)  # fmt: skip

    def within(self, mosaic: Mosaic, black: float, white: float) -> NoiseModel:
        """Return the noise of a sensor of `mosaic` in the units of a file with other levels.

        Levels that differ by less than a hundredth are taken as one.
        """
        own_black = float(np.mean(mosaic.black_level))
        scale = (white - black) / (mosaic.white_level - own_black)
        if abs(scale - 1) < _ALIKE:
            scale = 1.0
        if scale == 1.0 and black == own_black:
            return self
        return replace(
            self, gain=self.gain * scale, read_scale=self.read_scale * scale,
            row=self.row * scale, column=self.column * scale, bias=self.bias * scale,
            step=max(1.0, self.step * scale), white=black + (self.white - own_black) * scale,
        )  # fmt: skip

    @property
    def planes(self) -> int:
        """Packed planes."""
        return self.gain.size

    @property
    def pixel_sigma(self) -> NDArray[np.float64]:
        """Standard deviation of the read noise of single pixels, (P,), DN: no rows, no columns."""
        variances = np.array([tukey_variance(shape) for shape in self.read_shape])
        return np.asarray(self.read_scale * np.sqrt(variances))

    @property
    def sigma(self) -> NDArray[np.float64]:
        """Standard deviation of all noise in the dark, (P,), DN: pixels, rows, columns, rounding.

        It is the sigma of the k-sigma transform; `gain` is its k.
        """
        rest = self.row**2 + self.column**2 + self.step**2 / 12
        return np.asarray(np.sqrt(self.pixel_sigma**2 + rest))
