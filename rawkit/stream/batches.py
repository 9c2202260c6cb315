"""Batches of integers: what a trainer gets, for any framework."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rawkit.errors import UsageError
from rawkit.stream.augment import augment_levels, augment_packed, augment_target
from rawkit.stream.plan import LANES, EpochPlan, PlanSettings
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
    """Number of samples handed out by all ranks up to and with this batch: resume from here."""


class BatchStream:
    """An endless stream of batches over the pairs of a split.

    The samples and their order are a function of pairs, settings and seed alone; `position`, the
    number of samples already taken by all ranks, is all there is to resume.

    Parameters
    ----------
    sources
        The pairs.
    settings
        What decides the samples.
    batch_size
        Samples of a step over all ranks: each of them gets ``batch_size / ranks``.
    threads
        Threads that read and decode.
    rank, ranks
        Which of how many processes this is; 1, 2, 4 or 8 of them share the lanes. Rank r hands out
        the samples i with i mod ranks = r, so from a position that is a multiple of `ranks`, sample
        k of the one process's batch is sample k div ranks of rank k mod ranks.

    Raises
    ------
    UsageError
        If a crop does not fit into every frame, targets differ in their data type, the lanes or
        the batch cannot be shared by so many ranks, or a number is below 1.
    """

    def __init__(
        self,
        sources: Sequence[PairSource],
        settings: PlanSettings,
        *,
        batch_size: int,
        threads: int = 2,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        if batch_size < 1 or threads < 1:
            raise UsageError("an empty batch or no thread", expected="at least 1 of each")
        _check_ranks(rank, ranks, batch_size)
        kinds = {source.target.layout.dtype for source in sources}
        if len(kinds) > 1:
            raise UsageError(
                f"targets of {' and '.join(sorted(kinds))}", expected="one data type for all stores"
            )
        self._sources, self._settings = tuple(sources), settings
        self._shapes = [source.shape for source in sources]
        self._batch_size, self._share = batch_size, batch_size // ranks
        self._rank, self._ranks = rank, ranks
        self._pool = WindowPool(self._sources, settings, threads=threads, ranks=ranks)
        self.epoch_length = len(EpochPlan(self._shapes, settings, 0))
        """Samples of an epoch, over all ranks."""

    @property
    def waited(self) -> float:
        """Seconds spent waiting for data so far."""
        return self._pool.waited

    def batches(self, position: int = 0) -> Iterator[Batch]:
        """Yield batches from sample number `position` on, for ever; epochs follow each other.

        With several ranks each yields its share of the batch that a single one would yield.
        """
        waiting: list[Crop] = []
        batch: _Assembly | None = None
        for crop in self._crops(position):
            if batch is None:
                batch = _Assembly(self._share, self._settings, crop)
            batch.put(len(waiting), crop)
            waiting.append(crop)
            if len(waiting) == self._share:
                position += self._batch_size
                yield batch.finish(waiting, position)
                waiting, batch = [], None

    def _crops(self, position: int) -> Iterator[Crop]:
        epoch, start = divmod(position, self.epoch_length)
        while True:
            plan = EpochPlan(self._shapes, self._settings, epoch)
            # Epochs are whole rounds of the lanes, so a rank's samples go on across their border.
            first = start + (self._rank - start) % self._ranks
            yield from self._pool.crops(plan, range(first, len(plan), self._ranks))
            epoch, start = epoch + 1, 0


def _check_ranks(rank: int, ranks: int, batch_size: int) -> None:
    if ranks < 1 or LANES % ranks:
        raise UsageError(
            f"{ranks} processes",
            expected=" or ".join(str(n) for n in range(1, LANES + 1) if LANES % n == 0),
            fix=f"Samples are dealt to {LANES} lanes, which the processes share evenly.",
        )
    if not 0 <= rank < ranks:
        raise UsageError(f"rank {rank} of {ranks}", expected=f"0 to {ranks - 1}")
    if batch_size % ranks:
        raise UsageError(
            f"a batch of {batch_size} for {ranks} processes",
            expected="the same number of samples for each",
            fix=f"Use a batch of {-(-batch_size // ranks) * ranks}.",
        )


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
