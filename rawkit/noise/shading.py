"""Dark shading: the part of darkness that is the same in every frame.

The mean of dark frames is not the black level everywhere: it leans, glows at corners, has stripes.
Over ISOs it is linear within each range of the sensor's gain (Feng et al., Learnability
Enhancement for Low-light Raw Denoising: Where Paired Real Data Meets Noise Modeling (PMN), ACM MM
2022). Kept is its smooth part, as cosines of low frequency, and what whole rows and columns have;
single pixels that stand out are listed apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rawkit.errors import UsageError

if TYPE_CHECKING:
    from typing import Final

    from numpy.typing import NDArray

_LINE: Final = 2
"""A line has an offset and a slope."""


def cosines(size: int, orders: int, at: NDArray[np.floating]) -> NDArray[np.float64]:
    """Values of the first cosines of `size` pixels at the places `at`, (len(at), orders).

    Orthonormal over the middles of `size` equal parts, 0.5 to size - 0.5 (the DCT of type 2).
    """
    values: NDArray[np.float64] = np.cos(np.pi / size * np.outer(at, np.arange(orders)))
    values *= np.sqrt(2 / size)
    values[:, 0] = np.sqrt(1 / size)
    return values


class ShadingParts(NamedTuple):
    """Dark shading at one ISO as what it is the sum of, DN."""

    smooth: NDArray[np.float64]
    """Weights of cosines whose mean square over the frame is 1, (P, orders down, orders across)."""
    rows: NDArray[np.float32]
    """What each row of the mosaic has beside that, (H,)."""
    columns: NDArray[np.float32]
    """What each column has beside that, (W,)."""


@dataclass(frozen=True, slots=True, eq=False)
class ShadingRange:
    """Dark shading over the ISOs of one range of the sensor's gain: a line over ISO everywhere.

    The first axis of each array is offset and slope: ``value = [0] + iso [1]``. All in DN.
    """

    low: float
    """Lowest ISO of the frames it was found from."""
    high: float
    """Highest ISO of the frames it was found from."""
    smooth: NDArray[np.float32]
    """Weights of cosines over the whole frame, (2, P, orders down, orders across), such that the
    one of order 0, 0 is the mean of the plane."""
    rows: NDArray[np.float32]
    """What each row of the mosaic has beside that, (2, H)."""
    columns: NDArray[np.float32]
    """What each column has beside that, (2, W)."""

    def __post_init__(self) -> None:
        """Make the arrays read-only, and refuse what do not go together.

        Raises
        ------
        UsageError
            If an array has a wrong shape or numbers that are not finite, or the ISOs are none.
        """
        if not 0 < self.low <= self.high < np.inf:
            raise UsageError(f"shading of ISO {self.low:g} to {self.high:g}", expected="a range")
        for name, axes in (("smooth", 4), ("rows", 2), ("columns", 2)):
            array = np.array(getattr(self, name), np.float32)
            array.flags.writeable = False
            if array.ndim != axes or array.shape[0] != _LINE or not np.isfinite(array).all():
                raise UsageError(
                    f"{name} of dark shading of shape {array.shape}",
                    expected=f"{axes} axes of finite numbers, offset and slope first",
                )
            object.__setattr__(self, name, array)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the visible mosaic, pixels."""
        return self.rows.shape[1], self.columns.shape[1]

    def means(self, iso: float) -> NDArray[np.float64]:
        """Mean of the smooth part of each plane, (P,), DN."""
        line = self.smooth[:, :, 0, 0].astype(np.float64)
        return np.asarray(line[0] + iso * line[1])

    def bounds(self, iso: float) -> tuple[float, float]:
        """Return what no pixel's shading lies below, and above, DN; not the nearest such."""
        smooth = np.abs(self._smooth(iso))
        # A cosine whose mean square is 1 reaches the root of 2; that of order 0 is 1 everywhere.
        smooth[:, 1:] *= np.sqrt(2)
        smooth[:, :, 1:] *= np.sqrt(2)
        smooth[:, 0, 0] = 0
        most, means = smooth.sum(axis=(1, 2)), self.means(iso)
        lines = [part[0] + np.float32(iso) * part[1] for part in (self.rows, self.columns)]
        low = float(np.min(means - most)) + sum(float(one.min()) for one in lines)
        high = float(np.max(means + most)) + sum(float(one.max()) for one in lines)
        return low, high

    def mosaic(
        self,
        iso: float,
        positions: tuple[tuple[int, int, int], ...],
        side: int,
        span: tuple[int, int] | None = None,
    ) -> NDArray[np.float32]:
        """Lay the shading out as a mosaic, (H, W), DN; or rows of it, from the first of `span` on.

        `positions` are row, column and plane of the pixels of a cell of `side` pixels, as
        `Mosaic.positions` gives them. The second row of `span` is not in it.
        """
        height, width = self.size
        first, last = span or (0, height)
        smooth = self._smooth(iso)
        _, down, across = smooth.shape
        # Weights are of cosines whose mean square is 1, whatever the size of the frame.
        left = cosines(height, down, np.arange(first, last) + 0.5) * np.sqrt(height)
        right = cosines(width, across, np.arange(width) + 0.5) * np.sqrt(width)
        right_of = [np.ascontiguousarray(right[x::side].T) for x in range(side)]
        found = np.empty((last - first, width), np.float32)
        for y, x, plane in positions:
            rows = slice((y - first) % side, None, side)
            # Not by BLAS, whose threads cost a hundred times what such a small product does.
            down_across = np.einsum("rd,da->ra", left[rows], smooth[plane])
            found[rows, x::side] = np.einsum("ra,ac->rc", down_across, right_of[x])
        found += (self.rows[0, first:last] + np.float32(iso) * self.rows[1, first:last])[:, None]
        found += (self.columns[0] + np.float32(iso) * self.columns[1])[None, :]
        return found

    def parts(self, iso: float) -> ShadingParts:
        """Return what the shading at an ISO is the sum of."""
        rows, columns = (
            np.asarray(part[0] + np.float32(iso) * part[1]) for part in (self.rows, self.columns)
        )
        return ShadingParts(self._smooth(iso), rows, columns)

    def _smooth(self, iso: float) -> NDArray[np.float64]:
        """Weights of the cosines at an ISO, (P, orders down, orders across)."""
        line = self.smooth.astype(np.float64)
        return np.asarray(line[0] + iso * line[1])
