"""How steadily bright a video is: brightness of its frames, and how it changes from one to the next.

MABD, the mean absolute brightness difference, as in H. Jiang and Y. Zheng, "Learning to See Moving
Objects in the Dark" (ICCV 2019): for frames k of a video::

    MABD_k = mean over pixels of |b_(k+1) - b_k|

with b the brightness of a pixel. The error of a restored video is the mean squared difference of
its curve from that of its truth. Public programs define b in two ways, and their errors differ by a
factor of 255^2 and by the weights; each is a `BrightnessVariant` here, and curves of different ones
cannot be compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

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
    title: str
    """What it is, for people."""


BRIGHTNESS_VARIANTS: Final[Mapping[str, BrightnessVariant]] = {
    one.name: one
    for one in (
        BrightnessVariant(
            "bt601",
            (0.299, 0.587, 0.114),
            255.0,
            "BT.601 luma of 0 to 255, as published tables fit",
        ),
        BrightnessVariant("bt709", (0.2126, 0.7152, 0.0722), 1.0, "BT.709 luma of 0 to 1"),
    )
}
"""Both public definitions. Published errors, printed in units of 10^-3, fit ``bt601``."""


@dataclass(frozen=True, slots=True)
class BrightnessCurve:
    """Brightness of a video over its frames, by one definition."""

    variant: str
    """Name of the definition, one of `BRIGHTNESS_VARIANTS`."""
    mean: NDArray[np.float64]
    """Mean brightness of each frame, shape (frames,)."""
    mabd: NDArray[np.float64]
    """Mean absolute difference of each frame but the first from the one before it, shape
    (frames - 1,)."""

    def error(self, truth: BrightnessCurve) -> float | None:
        """Mean squared difference of the MABD curves; None for videos of fewer than two frames.

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

    def add(self, picture: NDArray[np.floating] | NDArray[np.unsignedinteger]) -> None:
        """Take the next frame.

        Parameters
        ----------
        picture
            Shape (H, W, 3): float of 0 to 1, or unsigned integers of full scale.

        Raises
        ------
        UsageError
            If it is no picture, or of another size than the frame before.
        """
        luma = brightness_of(picture, self._variant)
        if self._before is not None:
            if self._before.shape != luma.shape:
                height, width = self._before.shape
                raise UsageError(
                    f"a frame of {luma.shape[1]}x{luma.shape[0]} after one of {width}x{height}",
                    expected="frames of one size",
                )
            self._differences.append(_mean_difference(luma, self._before))
        self._means.append(float(luma.mean(dtype=np.float64)))
        self._before = luma

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
    white = 1.0 if picture.dtype.kind == "f" else float(np.iinfo(picture.dtype).max)
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


def _mean_difference(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    total = 0.0
    for top in range(0, len(one), _BAND):
        rows = slice(top, top + _BAND)
        total += float(np.abs(one[rows] - other[rows]).sum(dtype=np.float64))
    return total / one.size
