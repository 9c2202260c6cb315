"""What cameras put into the crops of a batch, by their profiles: dark shading and hot pixels.

Shading is a sum of few products of what rows and what columns have, so that of a crop is made from
some columns of numbers, whatever its ISO and wherever it lies; nothing of the size of a frame is
kept. They travel beside the integers, turned as the crops are, and `mended_planes` does the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rawkit.errors import ProfileError, UsageError
from rawkit.noise import ENOUGH, check_fits, cosines, near_in_plane, profile_for
from rawkit.sensor import Mosaic
from rawkit.stream.augment import moves_of
from rawkit.stream.bits import flips

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from rawkit.noise import CameraProfile
    from rawkit.stream.augment import Move
    from rawkit.stream.batches import Batch, Origin

_CELL = ((0, 0), (0, 1), (1, 1), (1, 0))
"""Row and column of the pixels R, G1, B, G2 within the cell of a stored frame."""
_PATTERN = ((0, 1), (3, 2))
_ISOS = 64
"""ISOs of a camera whose shading is kept as what it is the sum of: some 50 kB each."""
_FRAME = 5
"""Axes of a batch of clips."""


@dataclass(frozen=True, slots=True, eq=False)
class Darkness:
    """What cameras put into B crops of n packed pixels a side, as the crops lie."""

    down: NDArray[np.float32]
    """What rows have, shape (K, B, 4, n): shading is the sum over K of `down` times `across`, in
    sensor units."""
    across: NDArray[np.float32]
    """What columns have, shape (K, B, 4, n)."""
    hot: NDArray[np.int64]
    """Hot pixels, shape (H,), as numbers of the values of (B, 4, n, n), from 0."""
    near: NDArray[np.int64]
    """The pixels whose median each becomes, shape (H, 8), likewise; the last ones mean nothing
    where there are fewer."""
    count: NDArray[np.int64]
    """How many they are, shape (H,)."""


class _Hot(NamedTuple):
    """Hot pixels of one plane of a stored frame, by row."""

    rows: NDArray[np.int64]
    """Row of each in its plane, (m,), in order."""
    columns: NDArray[np.int64]
    """Column likewise."""
    usable: NDArray[np.bool_]
    """Which of the neighbours that `near_in_plane` names are not hot themselves, (m, 24)."""


class CropMender:
    """Says what cameras put into the crops of each batch.

    Parameters
    ----------
    profiles
        Profiles of cameras; they come before those of a store.
    stored
        Profiles that travel with stores, by where the store lies.
    """

    def __init__(
        self,
        profiles: Sequence[CameraProfile],
        stored: Mapping[str, Sequence[CameraProfile]] | None = None,
    ) -> None:
        self._profiles, self._stored = tuple(profiles), dict(stored or {})
        self._cameras: dict[tuple[str, str, tuple[int, int, int, int]], _Camera] = {}

    def profile(self, store: str, camera: str) -> CameraProfile:
        """Return the profile of a camera's frames in a store.

        Raises
        ------
        ProfileError
            If there is none.
        """
        profiles = (*self._profiles, *self._stored.get(store, ()))
        return profile_for(profiles, None, camera or None)

    def check(self, store: str, camera: str, area: tuple[int, int, int, int]) -> None:
        """Refuse frames that cannot be mended; see `PairSource` for the area.

        Raises
        ------
        ProfileError
            If there is no profile of their camera, or it is of another size or pattern.
        """
        self._camera(store, camera, area)

    def __call__(self, batch: Batch) -> Darkness:
        """Say what is in the crops of a batch.

        Raises
        ------
        ProfileError
            If there is no profile of a camera, it is of another size or pattern, or an ISO is not
            known.
        UsageError
            If the batch is of clips.
        """
        if batch.packed.ndim == _FRAME:
            raise UsageError("clips that are to be mended", expected="single frames")
        side = batch.packed.shape[-1]
        crops = [self._of(one).crop(one, side) for one in batch.origins]
        most = max(len(down) for down, _, _ in (plane for crop in crops for plane in crop))
        down, across = (np.zeros((most, len(crops), 4, side), np.float32) for _ in range(2))
        hot = []
        for number, planes in enumerate(crops):
            moves = moves_of("packed", batch.origins[number].augmentation)
            for move, (rows, columns, inside) in zip(moves, planes, strict=True):
                down[: len(rows), number, move.plane] = rows
                across[: len(columns), number, move.plane] = columns
                first = (4 * number + move.plane) * side**2
                hot.append((first + inside[0], first + inside[1], inside[2]))
        return Darkness(down, across, *(np.concatenate(part) for part in zip(*hot, strict=True)))

    def _of(self, origin: Origin) -> _Camera:
        return self._camera(origin.store, origin.camera, origin.area)

    def _camera(self, store: str, camera: str, area: tuple[int, int, int, int]) -> _Camera:
        found = self._cameras.get((store, camera, area))
        if found is None:
            found = _Camera(self.profile(store, camera), area)
            self._cameras[store, camera, area] = found
        return found


class _Camera:
    """What a profile says of stored frames that begin at one place of the visible area."""

    def __init__(self, profile: CameraProfile, area: tuple[int, int, int, int]) -> None:
        visible, self._at = area[:2], area[2:]
        size = visible[0] - self._at[0], visible[1] - self._at[1]
        mosaic = Mosaic.without_margins(_PATTERN, size, (0.0,) * 4, 1.0)
        check_fits(mosaic, profile, self._at, visible)
        self._planes = {(y, x): plane for y, x, plane in profile.mosaic.positions()}
        self._parts = lru_cache(_ISOS)(profile.shading_parts)
        orders = [one.smooth.shape[2:] for one in profile.ranges] or [(1, 1)]
        # Their mean square over the frame is 1, as the weights want them.
        self._down, self._across = (
            cosines(length, max(counts), np.arange(length) + 0.5) * np.sqrt(length)
            for length, counts in zip(visible, zip(*orders, strict=True), strict=True)
        )
        self._near = near_in_plane()
        self._hot = [_hot_of(profile, self._at, cell, self._near) for cell in _CELL]

    def crop(
        self, origin: Origin, side: int
    ) -> list[tuple[NDArray[np.float32], NDArray[np.float32], tuple[NDArray[np.int64], ...]]]:
        """Return what is in each plane of the frame within a crop, as it lies in the crop."""
        if not (np.isfinite(origin.iso) and origin.iso > 0):
            raise ProfileError(
                f"{origin.frame}, which does not say its ISO",
                expected="it, to look up the dark shading",
                fix="Leave such frames out with --iso 1-.",
            )
        moves = moves_of("packed", origin.augmentation)
        return [
            (*self._shading(origin, plane, move, side), self._mended(origin, plane, move, side))
            for plane, move in enumerate(moves)
        ]

    def _shading(
        self, origin: Origin, plane: int, move: Move, side: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Factors of the shading, (K, n) each: of rows and of columns."""
        parts = self._parts(origin.iso)
        y, x = (begin + offset for begin, offset in zip(self._at, _CELL[plane], strict=True))
        top, left = y + 2 * (origin.top + move.down), x + 2 * (origin.left + move.across)
        rows, columns = (slice(begin, begin + 2 * side, 2) for begin in (top, left))
        smooth = parts.smooth[self._planes[y % 2, x % 2]]
        down_orders, across_orders = smooth.shape
        # Not by BLAS, whose threads cost a hundred times what such a small product does.
        of_rows = np.einsum("rd,da->ar", self._down[rows, :down_orders], smooth)
        of_columns = self._across[columns, :across_orders].T
        one = np.ones((1, side))
        down = np.concatenate([of_rows, parts.rows[None, rows], one])
        across = np.concatenate([of_columns, one, parts.columns[None, columns]])
        flipped_across, flipped_down, transposed = flips(origin.augmentation)
        down = down[:, ::-1] if flipped_down else down
        across = across[:, ::-1] if flipped_across else across
        if transposed:
            down, across = across, down
        return down.astype(np.float32), across.astype(np.float32)

    def _mended(
        self, origin: Origin, plane: int, move: Move, side: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Hot pixels, their neighbours, and how many: (m,), (m, 8), (m,), counted in the plane.

        Only neighbours within the crop are there to be taken.
        """
        hot, top, left = self._hot[plane], origin.top + move.down, origin.left + move.across
        first, last = np.searchsorted(hot.rows, (top, top + side))
        columns = hot.columns[first:last] - left
        inside = np.flatnonzero((columns >= 0) & (columns < side)) + first
        places = np.stack([hot.rows[inside] - top, hot.columns[inside] - left], axis=1)
        around = places[:, None] + self._near
        usable = hot.usable[inside] & ((around >= 0) & (around < side)).all(axis=2)
        nearest = np.argsort(~usable, axis=1, kind="stable")[:, :ENOUGH]
        near = np.take_along_axis(around, nearest[..., None], axis=1).clip(0, side - 1)
        count = np.minimum(usable.sum(axis=1), ENOUGH)
        turned = [_turned(one, side, origin.augmentation) for one in (places, near)]
        return turned[0], turned[1], count


def _turned(places: NDArray[np.int64], side: int, augmentation: int) -> NDArray[np.int64]:
    """Return the numbers of pixels (..., 2) of a plane of a crop once it is turned, (...)."""
    across, down, transposed = flips(augmentation)
    row, column = places[..., 0], places[..., 1]
    row = side - 1 - row if down else row
    column = side - 1 - column if across else column
    return np.asarray(column * side + row if transposed else row * side + column)


def _hot_of(
    profile: CameraProfile, at: tuple[int, int], cell: tuple[int, int], near: NDArray[np.int64]
) -> _Hot:
    """Hot pixels of a plane, and which of their neighbours are not hot."""
    own = profile.hot.astype(np.int64) - at - cell
    own = own[(own % 2 == 0).all(axis=1)] // 2
    own = np.unique(own, axis=0)
    width = profile.mosaic.width
    listed, around = own[:, 0] * width + own[:, 1], own[:, None] + near
    usable = ~np.isin(around[..., 0] * width + around[..., 1], listed)
    return _Hot(own[:, 0], own[:, 1], usable)
