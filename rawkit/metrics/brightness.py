"""How steadily bright a video is: the brightness of its frames, and how it changes between them.

MABD, the mean absolute brightness difference, as in H. Jiang and Y. Zheng, "Learning to See Moving
Objects in the Dark" (ICCV 2019): for frames k of a video::

    MABD_k = mean over pixels of |b_(k+1) - b_k|

with b the brightness of a pixel. The error of a restored video is the mean squared difference of
its curve from that of its truth. Public programs define b in two ways, and their errors differ by a
factor of 255^2 and by the weights; each is a `BrightnessVariant` here, and curves of different ones
cannot be compared.

The published tables, in units of 10^-3, come from a program (psnr_ssim_mabd.py of
github.com/MichaelHYJiang/csci566-Ocean-s-Five) that takes differences along the last axis of
(frames, rows, columns), and not their absolute values: what it prints is how the brightness of
each frame goes up or down from left to right, and no change over time. Figures to be compared with
those tables are its own, here ``columns``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from rawkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

_BAND: Final = 256
"""Rows that are worked on at a time."""


@dataclass(frozen=True, slots=True)
class BrightnessVariant:
    """What there is to say of a brightness before two of them can be compared."""

    name: str
    """Its name in tables."""
    weights: tuple[float, float, float]
    """Weights of R, G and B as they are encoded, their sum 1."""
    full: float
    """Brightness of white."""
    across: Literal["frames", "columns"]
    """Whether neighbouring frames are compared, or, as the program behind the published tables
    does, neighbouring columns of one frame."""
    title: str
    """What it is, for people."""


_BT601: Final = (0.299, 0.587, 0.114)
_BT709: Final = (0.2126, 0.7152, 0.0722)
BRIGHTNESS_VARIANTS: Final[Mapping[str, BrightnessVariant]] = {
    one.name: one
    for one in (
        BrightnessVariant("bt601", _BT601, 255.0, "frames", "BT.601 luma of 0 to 255"),
        BrightnessVariant("bt709", _BT709, 1.0, "frames", "BT.709 luma of 0 to 1"),
        BrightnessVariant(
            "columns", _BT709, 255.0, "columns",
            "as the published tables: BT.709 luma of 0 to 255, between columns of a frame",
        ),
    )
}  # fmt: skip
"""The public definitions."""


@dataclass(frozen=True, slots=True)
class BrightnessCurve:
    """Brightness of a video over its frames, by one definition."""

    variant: str
    """Name of the definition, one of `BRIGHTNESS_VARIANTS`."""
    mean: NDArray[np.float64]
    """Mean brightness of each frame, shape (frames,)."""
    mabd: NDArray[np.float64]
    """Mean absolute difference of each frame but the first from the one before it, shape
    (frames - 1,); of ``columns`` the mean difference of columns of each frame, (frames,)."""

    def error(self, truth: BrightnessCurve) -> float | None:
        """Mean squared difference of the MABD curves; None where they are empty: of one frame.

        Raises
        ------
        UsageError
            If the curves are of different definitions or lengths.
        """
        if self.variant != truth.variant:
            raise UsageError(
                f"brightness {self.variant} against {truth.variant}",
                expected="curves of one definition: they differ in scale and weights",
            )
        if len(self.mean) != len(truth.mean):
            raise UsageError(
                f"a video of {len(self.mean)} frames", expected=f"{len(truth.mean)}, as its truth"
            )
        if not len(self.mabd):
            return None
        return float(np.mean((self.mabd - truth.mabd) ** 2))


class BrightnessMeter:
    """Takes frame after frame of a video, and keeps no more than the last one's brightness."""

    def __init__(self, variant: BrightnessVariant) -> None:
        self._variant = variant
        self._before: NDArray[np.float32] | None = None
        self._means: list[float] = []
        self._differences: list[float] = []

    def add(
        self, picture: NDArray[np.floating] | NDArray[np.unsignedinteger]
    ) -> tuple[float, float | None]:
        """Take the next frame.

        Parameters
        ----------
        picture
            Shape (H, W, 3): float of 0 to 1, or unsigned integers of full scale.

        Returns
        -------
        mean, step
            Its mean brightness, and its mean absolute difference from the frame before; None for
            the first. Of ``columns`` the mean difference of its neighbouring columns.

        Raises
        ------
        UsageError
            If it is no picture, or of another size than the frame before.
        """
        luma = brightness_of(picture, self._variant)
        step = None
        if self._before is not None:
            if self._before.shape != luma.shape:
                height, width = self._before.shape
                raise UsageError(
                    f"a frame of {luma.shape[1]}x{luma.shape[0]} after one of {width}x{height}",
                    expected="frames of one size",
                )
            step = _mean_difference(luma, self._before)
        if self._variant.across == "columns":
            step = _mean_slope(luma)
        if step is not None:
            self._differences.append(step)
        mean = float(luma.mean(dtype=np.float64))
        self._means.append(mean)
        self._before = luma
        return mean, step

    def curve(self) -> BrightnessCurve:
        """Return what was measured so far."""
        return BrightnessCurve(
            self._variant.name, np.array(self._means), np.array(self._differences)
        )


def brightness_of(
    picture: NDArray[np.floating] | NDArray[np.unsignedinteger], variant: BrightnessVariant
) -> NDArray[np.float32]:
    """Brightness of each pixel, shape (H, W), float32, 0 to the brightness of white.

    Parameters
    ----------
    picture
        Shape (H, W, 3): float of 0 to 1, or unsigned integers of full scale.
    variant
        What brightness is.

    Raises
    ------
    UsageError
        If it is no picture of three colours.
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype.kind not in "uf":  # noqa: PLR2004 - rows, columns, colours
        raise UsageError(
            f"a frame of shape {picture.shape} and type {picture.dtype}",
            expected="(height, width, 3), floating point or unsigned integers",
        )
    white = 1.0 if picture.dtype.kind == "f" else float(2 ** (8 * picture.dtype.itemsize) - 1)
    weights = (np.array(variant.weights) * (variant.full / white)).astype(np.float32)
    luma = np.empty(picture.shape[:2], np.float32)
    for top in range(0, len(luma), _BAND):
        band = picture[top : top + _BAND].astype(np.float32, copy=False)
        np.dot(band, weights, out=luma[top : top + _BAND])
    return luma


def brightness_curve(
    frames: Iterable[NDArray[np.floating] | NDArray[np.unsignedinteger]],
    variant: BrightnessVariant,
) -> BrightnessCurve:
    """Measure a video whose frames come one by one, (H, W, 3) each; see `BrightnessMeter`.

    Raises
    ------
    UsageError
        If a frame is no picture, or of another size than the first.
    """
    meter = BrightnessMeter(variant)
    for frame in frames:
        meter.add(frame)
    return meter.curve()


def _mean_slope(luma: NDArray[np.float32]) -> float | None:
    """Mean difference of each column from the one left of it: what lies between cancels out."""
    columns = luma.shape[1]
    if columns == 1:
        return None
    return float((luma[:, -1] - luma[:, 0]).mean(dtype=np.float64) / (columns - 1))


def _mean_difference(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    total = 0.0
    for top in range(0, len(one), _BAND):
        rows = slice(top, top + _BAND)
        total += float(np.abs(one[rows] - other[rows]).sum(dtype=np.float64))
    return total / one.size
