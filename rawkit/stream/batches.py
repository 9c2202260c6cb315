"""Batches of integers: what a trainer gets, for any framework."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rawkit.errors import UsageError
from rawkit.stream.augment import augment_levels, augment_packed, augment_target
from rawkit.stream.plan import EpochPlan, PlanSettings
from rawkit.stream.pool import WindowPool

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from rawkit.stream.pairs import PairSource
    from rawkit.stream.pool import Crop


@dataclass(frozen=True, slots=True)
class Batch:
    """B crops of n packed pixels a side, as the sensor gave them, and how to normalise them."""

    packed: NDArray[np.uint16]
    """Packed planes R, G1, B, G2, shape (B, 4, n, n), sensor units, nothing subtracted."""
    target: NDArray[np.generic]
    """Target, shape (B, 3, 2n, 2n), uint8 or uint16, BT.709 curve on sRGB primaries."""
    black_level: NDArray[np.float32]
    """Black level of each plane, shape (B, 4), sensor units."""
    white_level: NDArray[np.float32]
    """White level, shape (B,), sensor units."""
    amplification_base: NDArray[np.float32]
    """The amplifier's estimate of each crop's whole frame, shape (B,)."""
    exposure_ratio: NDArray[np.float32]
    """Long over short time, shape (B,); NaN where unknown."""
    gain_ratio: NDArray[np.float32]
    """What the frame must really be multiplied by, shape (B,); NaN where unknown."""
    iso: NDArray[np.float32]
    """ISO speed, shape (B,); NaN where unknown."""
    names: tuple[str, ...]
    """Collection and name of each crop's frame."""
    position: int
    """Number of samples handed out up to and with this batch: resume from here."""


class BatchStream:
    """An endless stream of batches over the pairs of a split.

    The samples and their order are a function of pairs, settings and seed alone; `position`, the
    number of samples already taken, is all there is to resume.

    Raises
    ------
    UsageError
        If a crop does not fit into every frame, or targets differ in their data type.
    """

    def __init__(
        self,
        sources: Sequence[PairSource],
        settings: PlanSettings,
        *,
        batch_size: int,
        threads: int = 2,
    ) -> None:
        if batch_size < 1 or threads < 1:
            raise UsageError("an empty batch or no thread", expected="at least 1 of each")
        kinds = {source.target.layout.dtype for source in sources}
        if len(kinds) > 1:
            raise UsageError(
                f"targets of {' and '.join(sorted(kinds))}", expected="one data type for all stores"
            )
        self._sources, self._settings = tuple(sources), settings
        self._shapes = [source.shape for source in sources]
        self._batch_size = batch_size
        self._pool = WindowPool(self._sources, settings, threads=threads)
        self.epoch_length = len(EpochPlan(self._shapes, settings, 0))
        """Samples of an epoch."""

    @property
    def waited(self) -> float:
        """Seconds spent waiting for data so far."""
        return self._pool.waited

    def batches(self, position: int = 0) -> Iterator[Batch]:
        """Yield batches from sample number `position` on, for ever; epochs follow each other."""
        waiting: list[Crop] = []
        batch: _Assembly | None = None
        for crop in self._crops(position):
            if batch is None:
                batch = _Assembly(self._batch_size, self._settings, crop)
            batch.put(len(waiting), crop)
            waiting.append(crop)
            if len(waiting) == self._batch_size:
                position += self._batch_size
                yield batch.finish(waiting, position)
                waiting, batch = [], None

    def _crops(self, position: int) -> Iterator[Crop]:
        epoch, start = divmod(position, self.epoch_length)
        while True:
            plan = EpochPlan(self._shapes, self._settings, epoch)
            yield from self._pool.crops(plan, range(start, len(plan)))
            epoch, start = epoch + 1, 0


class _Assembly:
    """A batch while it is being filled."""

    def __init__(self, size: int, settings: PlanSettings, first: Crop) -> None:
        n = settings.crop
        self._settings = settings
        self._packed = np.empty((size, 4, n, n), np.uint16)
        self._target = np.empty((size, 3, 2 * n, 2 * n), first.window.target.dtype)
        self._black = np.empty((size, 4), np.float32)

    def put(self, place: int, crop: Crop) -> None:
        """Copy a crop, augmented, into its place."""
        sample, extent, n = crop.sample, self._settings.extent, self._settings.crop
        top, left, bits = sample.top, sample.left, sample.augmentation
        packed = crop.window.packed[:, top : top + extent, left : left + extent]
        target = crop.window.target[:, 2 * top : 2 * (top + extent), 2 * left : 2 * (left + extent)]
        if self._settings.augment:
            augment_packed(packed, bits, self._packed[place])
            augment_target(target, bits, self._target[place])
        else:
            self._packed[place], self._target[place] = packed[:, :n, :n], target
        self._black[place] = augment_levels(crop.source.black_level, bits)

    def finish(self, crops: Sequence[Crop], position: int) -> Batch:
        """Add what belongs to the frames."""
        sources = [crop.source for crop in crops]

        def column(name: str) -> NDArray[np.float32]:
            return np.array([getattr(source, name) for source in sources], np.float32)

        return Batch(
            packed=self._packed,
            target=self._target,
            black_level=self._black,
            white_level=column("white_level"),
            amplification_base=column("amplification_base"),
            exposure_ratio=column("exposure_ratio"),
            gain_ratio=column("gain_ratio"),
            iso=column("iso"),
            names=tuple(source.name for source in sources),
            position=position,
        )
