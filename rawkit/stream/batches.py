"""Batches of integers: what a trainer gets, for any framework."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rawkit.errors import UsageError
from rawkit.stream.augment import augment_levels
from rawkit.stream.bits import is_reversed
from rawkit.stream.buffers import check_pinned
from rawkit.stream.epochs import SameSources
from rawkit.stream.pairs import NO_AREA, any_elsewhere, layouts_of, shapes_of
from rawkit.stream.plan import check_crop, epoch_length
from rawkit.stream.pool import BatchPool
from rawkit.stream.schedule import RankShare

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from numpy.typing import NDArray

    from rawkit.stream.cache import ChunkCache
    from rawkit.stream.epochs import EpochSources
    from rawkit.stream.keeper import Keeper
    from rawkit.stream.pairs import PairSource
    from rawkit.stream.pool import Filled
    from rawkit.stream.schedule import Use
    from rawkit.stream.settings import PlanSettings, Sample
    from rawkit.stream.shapes import Window
    from rawkit.stream.shorts import Shorts


REMOTE_THREADS = 8
"""Threads for stores elsewhere: each asks for the chunks of a window at once, and waits."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a crop comes from."""

    store: str
    """Where its store lies."""
    frame: str
    """Collection and name of its frame; of a clip, of the frame with the lowest number."""
    scene: str
    """Scene of the frame: what no split divides."""
    iso: float
    """ISO speed; NaN where unknown."""
    exposure_time: float
    """Exposure time in seconds; NaN where unknown."""
    epoch: int
    """Epoch of the sample, from 0."""
    window: int
    """Index of its window within the epoch, from 0."""
    top: int
    """First row of the crop in the frame's packed planes, from 0; twice that in the target. Under
    a flip the planes that keep the phase begin one further."""
    left: int
    """First column likewise."""
    augmentation: int
    """Bits: 1 flipped left and right, 2 top and bottom, 4 then transposed; 8 a clip that runs
    backwards."""
    frames: int = 1
    """Frames of the clip; they follow `frame`."""
    camera: str = ""
    """Camera model as EXIF spells it; empty where unknown."""
    area: tuple[int, int, int, int] = NO_AREA
    """Rows and columns of the camera's visible area, and where in it the frame begins; see
    `PairSource`."""


@dataclass(frozen=True, slots=True)
class Batch:
    """B crops of n packed pixels a side, as the sensor gave them, and how to normalise them.

    Clips of T frames have an axis for them after the first, in the order in which they are shown.
    """

    packed: NDArray[np.uint16]
    """Packed planes R, G1, B, G2, shape (B, 4, n, n), of clips (B, T, 4, n, n), sensor units,
    nothing subtracted."""
    target: NDArray[np.generic]
    """Target, shape (B, 3, 2n, 2n), of clips (B, T, 3, 2n, 2n), uint8 or uint16, BT.709 curve on
    sRGB primaries; or packed planes of the long, shape (B, 4, n, n), uint16, sensor units."""
    black_level: NDArray[np.float32]
    """Black level of each plane, shape (B, 4), of clips (B, T, 4), sensor units."""
    white_level: NDArray[np.float32]
    """White level, shape (B,), sensor units."""
    amplification_base: NDArray[np.float32]
    """The amplifier's estimate of each crop's whole frame, shape (B,); of a clip the median over
    its frames, so that all of them are amplified alike."""
    exposure_ratio: NDArray[np.float32]
    """Long over short time, shape (B,); NaN where unknown."""
    gain_ratio: NDArray[np.float32]
    """What the frame must really be multiplied by, shape (B,); NaN where unknown."""
    iso: NDArray[np.float32]
    """ISO speed, shape (B,); NaN where unknown."""
    white_balance: NDArray[np.float32]
    """The balance that each target was rendered with: multipliers of each plane, shape (B, 4), G1
    of the frame being 1; NaN where unknown."""
    names: tuple[str, ...]
    """Collection and name of each crop's frame; of a clip, of the one with the lowest number."""
    position: int
    """Number of samples handed out by all ranks up to and with this batch: resume from here."""
    origins: tuple[Origin, ...] = ()
    """Where each crop comes from; empty in a batch made by hand."""
    target_levels: NDArray[np.float32] | None = None
    """Where targets are planes: black level of each and white level, shape (B, 5), sensor units."""


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
        Threads that read and decode; at least 8 where a store lies elsewhere, since they wait most
        of the time.
    rank, ranks
        Which of how many processes this is; 1, 2, 4 or 8 of them share the lanes. Rank r hands out
        the samples i with i mod ranks = r, so from a position that is a multiple of `ranks`, sample
        k of the one process's batch is sample k div ranks of rank k mod ranks.
    cache
        Where chunks of stores that lie elsewhere are kept on this machine.
    in_bursts
        Read only while a batch is waited for, and then as much as there is room for: for consumers
        that keep all cores busy themselves, as a network on the CPU does. A thread that reads
        beside it takes one core, and all the others wait for that one at the end of every layer.
        Stores that lie elsewhere are read all the time.
    pinned
        Keep batches in pinned memory, from which a GPU fetches them by itself.
    epochs
        What each epoch draws from, where it is not `sources` in all of them; then `sources` are
        those of the first, and all others must be like them: large enough, and of their target
        type.
    keeper
        What fetches frames ahead of their windows, where the store cannot hold all; one process
        alone.
    shorts
        What makes shorts of longs, where some of the pairs are longs.

    Raises
    ------
    UsageError
        If a crop does not fit into every frame, no run of neighbours is as long as a clip, targets
        differ in their data type, the lanes or the batch cannot be shared by so many ranks, a
        number is below 1, or there is no GPU to pin memory for.
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
        cache: ChunkCache | None = None,
        in_bursts: bool = False,
        pinned: bool = False,
        epochs: EpochSources | None = None,
        keeper: Keeper | None = None,
        shorts: Shorts | None = None,
    ) -> None:
        if threads < 1:
            raise UsageError(f"{threads} threads", expected="at least 1")
        if pinned:
            check_pinned()
        kinds = {target.dtype for _, target in layouts_of(sources)}
        if len(kinds) > 1:
            raise UsageError(
                f"targets of {' and '.join(sorted(kinds))}", expected="one data type for all stores"
            )
        if len({target.name for _, target in layouts_of(sources)}) > 1:
            raise UsageError("targets that are pictures and such that are planes", expected="one")
        shapes = shapes_of(sources)
        check_crop(shapes, settings)
        self._share = RankShare(batch_size, rank, ranks)
        if any_elsewhere(sources):
            # They wait for answers most of the time, and do so beside whatever else runs.
            threads, in_bursts = max(threads, REMOTE_THREADS), False
        self._pool = BatchPool(
            epochs or SameSources(sources), sources[0].target.layout, settings, self._share,
            threads=threads, cache=cache, in_bursts=in_bursts and keeper is None, pinned=pinned,
            keeper=keeper, shorts=shorts,
        )  # fmt: skip
        self._shorts = shorts
        self.epoch_length = epoch_length(shapes, settings)
        """Samples of an epoch, over all ranks; of the first where `epochs` gives each its own."""

    @property
    def waited(self) -> float:
        """Seconds spent waiting for data so far."""
        return self._pool.waited

    @property
    def waiting(self) -> float:
        """Seconds since when a batch is waited for now; 0 while none is."""
        since = self._pool.waits_since
        return 0.0 if since is None else time.monotonic() - since

    def batches(self, position: int = 0) -> Generator[Batch, None, None]:
        """Yield batches from sample number `position` on, for ever; epochs follow each other.

        With several ranks each yields its share of the batch that a single one would yield. The
        memory of a batch is used again once nothing refers to its arrays any more.

        Raises
        ------
        StoreDamagedError
            If a shard is missing or damaged, at the first batch that needs it. The position of the
            batch before is where to go on once it is repaired.
        """
        if position < 0:
            raise UsageError(f"position {position}", expected="a number of samples")
        for filled in self._pool.batches(position):
            position += self._share.batch_size
            yield _batch_of(filled, position, self._shorts)


def _batch_of(filled: Filled, position: int, shorts: Shorts | None) -> Batch:
    """Add what belongs to the frames of the crops."""
    crops = [filled.crops[slot] for slot in range(len(filled.crops))]
    firsts = [sources[0] for sources, _, _ in crops]
    samples = [use.sample for _, _, use in crops]

    def column(name: str) -> NDArray[np.float32]:
        return np.array([getattr(source, name) for source in firsts], np.float32)

    drawn = {
        slot: shorts.drawn(sources[0], use.epoch, use.sample.number)
        for slot, (sources, _, use) in enumerate(crops)
        if shorts is not None and sources[0].is_long
    }

    def changed(values: NDArray[np.float32], name: str) -> NDArray[np.float32]:
        """Put what was drawn in the place of what the longs have."""
        for slot, one in drawn.items():
            values[slot] = getattr(one, name)
        return values

    bases = [[source.amplification_base for source in sources] for sources, _, _ in crops]
    balances = [
        augment_levels(source.white_balance, sample.augmentation)
        for source, sample in zip(firsts, samples, strict=True)
    ]
    return Batch(
        packed=filled.packed,
        target=filled.target,
        black_level=np.array([_black_levels(*crop) for crop in crops], np.float32),
        white_level=column("white_level"),
        amplification_base=changed(np.array([np.median(one) for one in bases], np.float32), "base"),
        exposure_ratio=changed(column("exposure_ratio"), "ratio"),
        gain_ratio=changed(column("gain_ratio"), "ratio"),
        iso=changed(column("iso"), "iso"),
        white_balance=np.array(balances, np.float32),
        names=tuple(source.name for source in firsts),
        position=position,
        origins=tuple(_origin(*crop) for crop in crops),
        target_levels=_target_levels(firsts, samples),
    )


def _target_levels(
    sources: Sequence[PairSource], samples: Sequence[Sample]
) -> NDArray[np.float32] | None:
    """Levels of targets that are planes, as they lie in the crops, (B, 5)."""
    found = []
    for source, sample in zip(sources, samples, strict=True):
        if source.target_levels is None:
            return None
        *_, white = source.target_levels
        black = augment_levels(source.target_levels[:-1], sample.augmentation)
        found.append([*black.tolist(), white])
    return np.array(found, np.float32)


def _black_levels(
    sources: Sequence[PairSource], _window: Window, use: Use
) -> NDArray[np.generic] | list[NDArray[np.generic]]:
    """Levels of the planes of a crop, as they lie there: (4,), or one for each frame of a clip."""
    augmentation = use.sample.augmentation
    levels = [augment_levels(source.black_level, augmentation) for source in sources]
    if len(levels) == 1:
        return levels[0]
    return levels[::-1] if is_reversed(augmentation) else levels


def _origin(sources: Sequence[PairSource], window: Window, use: Use) -> Origin:
    source = sources[0]
    height, width = source.packed.layout.chunk
    return Origin(
        store=source.store,
        frame=source.name,
        scene=source.scene,
        iso=source.iso,
        exposure_time=source.exposure_time,
        epoch=use.epoch,
        window=use.sample.window,
        top=window.top * height + use.sample.top,
        left=window.left * width + use.sample.left,
        augmentation=use.sample.augmentation,
        frames=len(sources),
        camera=source.camera,
        area=source.area,
    )
