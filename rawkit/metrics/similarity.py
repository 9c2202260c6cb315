"""PSNR, SSIM and MS-SSIM of whole pictures, band by band, so that memory does not grow with them.

SSIM as in Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to
structural similarity" (IEEE Transactions on Image Processing 13, 2004); MS-SSIM as in Wang,
Simoncelli and Bovik, "Multiscale structural similarity for image quality assessment" (Asilomar
2003). Only windows that lie wholly within the picture count.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import cv2
import numpy as np

from rawkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

_BAND = 256
"""Rows of the similarity map that are computed at a time."""
_MS_WEIGHTS: Final = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales, the finest first."""
MS_SSIM_MIN_SIDE: Final = 16 * 11
"""Shorter side that MS-SSIM needs: the window must fit into the coarsest of five scales."""
LUMA: Final = (0.2126, 0.7152, 0.0722)
"""Weights of R, G and B for luminance, ITU-R BT.709."""


@dataclass(frozen=True, slots=True)
class SsimVariant:
    """What there is to say of an SSIM before two of them can be compared."""

    name: str
    """Its name in protocols and on the command line."""
    window: Literal["gaussian", "uniform"]
    """Weights within the window."""
    size: int
    """Side of the window in pixels, odd."""
    sigma: float
    """Standard deviation of a Gaussian window in pixels; 0 for a uniform one."""
    channels: Literal["mean", "luminance"]
    """Mean over R, G and B, or the luminance (BT.709 weights of the encoded values) alone."""
    sample_covariance: bool
    """Whether variances are divided by n - 1, as scikit-image does by default, or by n."""
    k1: float = 0.01
    """Constant K1 of the paper; the data range is 1."""
    k2: float = 0.03
    """Constant K2 of the paper."""

    def taps(self) -> NDArray[np.float64]:
        """Return the weights of the window along one axis, shape (size,), their sum being 1."""
        if self.window == "uniform":
            return np.full(self.size, 1 / self.size)
        offsets = np.arange(self.size) - self.size // 2
        weights = np.exp(-0.5 * (offsets / self.sigma) ** 2)
        taps: NDArray[np.float64] = weights / weights.sum()
        return taps


SSIM_VARIANTS: Final[Mapping[str, SsimVariant]] = {
    one.name: one
    for one in (
        SsimVariant("gaussian", "gaussian", 11, 1.5, "mean", sample_covariance=False),
        SsimVariant("uniform", "uniform", 7, 0.0, "mean", sample_covariance=True),
        SsimVariant("luminance", "gaussian", 11, 1.5, "luminance", sample_covariance=False),
    )
}
"""``gaussian`` is the paper's window, ``uniform`` what scikit-image does unless told otherwise."""


def psnr(restored: NDArray[np.float32], truth: NDArray[np.float32]) -> float:
    """Peak signal-to-noise ratio in dB of pictures (H, W, 3) of 0 to 1; inf where equal."""
    total = 0.0
    for rows in _bands(len(truth)):
        total += float(np.sum((restored[rows].astype(np.float64) - truth[rows]) ** 2))
    return math.inf if total == 0 else -10 * math.log10(total / truth.size)


def ssim(restored: NDArray[np.float32], truth: NDArray[np.float32], variant: SsimVariant) -> float:
    """Structural similarity of pictures (H, W, 3) of 0 to 1.

    Raises
    ------
    UsageError
        If the window does not fit into the picture.
    """
    _check_size(truth, variant.size, "SSIM")
    if variant.channels == "luminance":
        weights = np.array(LUMA, np.float32)
        return _ssim(restored @ weights, truth @ weights, variant)[0]
    return float(
        np.mean([_ssim(restored[..., c], truth[..., c], variant)[0] for c in range(truth.shape[2])])
    )


def compare(
    restored: NDArray[np.unsignedinteger], truth: NDArray[np.unsignedinteger]
) -> tuple[float, float]:
    """PSNR in dB and SSIM (variant ``gaussian``) of two pictures (H, W, 3) of 8 or 16 bits each.

    Raises
    ------
    UsageError
        If a side is shorter than the window of 11 pixels.
    """
    first, second = (
        picture.astype(np.float32) / np.float32(np.iinfo(picture.dtype).max)
        for picture in (restored, truth)
    )
    return psnr(first, second), ssim(first, second, SSIM_VARIANTS["gaussian"])


def ms_ssim(
    restored: NDArray[np.float32], truth: NDArray[np.float32], variant: SsimVariant
) -> float:
    """Multi-scale SSIM of pictures (H, W, 3) of 0 to 1, with the window of a variant.

    At each of five scales contrast and structure are averaged over positions and channels, at the
    coarsest the luminance term comes in; negative means count as 0. Scales follow by means of 2x2
    pixels.

    Raises
    ------
    UsageError
        If a side is shorter than 176 pixels for a window of 11.
    """
    _check_size(truth, 16 * variant.size, "MS-SSIM")
    if variant.channels == "luminance":
        weights = np.array(LUMA, np.float32)
        planes = [(restored @ weights, truth @ weights)]
    else:
        planes = [(restored[..., c], truth[..., c]) for c in range(truth.shape[2])]
    result = 1.0
    for scale, exponent in enumerate(_MS_WEIGHTS):
        found = np.mean([_ssim(one, other, variant) for one, other in planes], axis=0)
        last = scale == len(_MS_WEIGHTS) - 1
        result *= max(float(found[0] if last else found[1]), 0.0) ** exponent
        if not last:
            planes = [(_halved(one), _halved(other)) for one, other in planes]
    return result


def _ssim(
    restored: NDArray[np.float32], truth: NDArray[np.float32], variant: SsimVariant
) -> tuple[float, float]:
    """Mean of SSIM and of its contrast and structure term over one plane (H, W)."""
    taps, radius = variant.taps(), variant.size // 2
    correction = variant.size**2 / (variant.size**2 - 1) if variant.sample_covariance else 1.0
    c1, c2 = variant.k1**2, variant.k2**2
    height, width = truth.shape

    def smooth(plane: NDArray[np.float64]) -> NDArray[np.float64]:
        filtered = cv2.sepFilter2D(plane, cv2.CV_64F, taps, taps)
        return np.asarray(filtered[radius:-radius, radius:-radius])

    whole = terms = 0.0
    for rows in _bands(height - 2 * radius):
        band = slice(rows.start, rows.stop + 2 * radius)
        x, y = restored[band].astype(np.float64), truth[band].astype(np.float64)
        mean_x, mean_y = smooth(x), smooth(y)
        product, squares = mean_x * mean_y, mean_x**2 + mean_y**2
        covariance = correction * (smooth(x * y) - product)
        variances = correction * (smooth(x * x + y * y) - squares)
        structure = (2 * covariance + c2) / (variances + c2)
        terms += float(structure.sum())
        whole += float(((2 * product + c1) / (squares + c1) * structure).sum())
    count = (height - 2 * radius) * (width - 2 * radius)
    return whole / count, terms / count


def _halved(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means of 2x2 pixels; an odd last row or column is dropped."""
    height, width = plane.shape[0] // 2 * 2, plane.shape[1] // 2 * 2
    even = plane[:height, :width]
    half: NDArray[np.float32] = even[::2, ::2] + even[1::2, ::2]
    half += even[::2, 1::2]
    half += even[1::2, 1::2]
    half *= np.float32(0.25)
    return half


def _bands(height: int) -> Iterator[slice]:
    for top in range(0, height, _BAND):
        yield slice(top, min(height, top + _BAND))


def _check_size(picture: NDArray[np.float32], least: int, what: str) -> None:
    height, width = picture.shape[:2]
    if min(height, width) < least:
        raise UsageError(f"{what} of a picture of {width}x{height}", expected=f"{least} a side")
