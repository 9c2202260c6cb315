"""The short way to a stream, for training loops outside of rawkit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rawkit.errors import MissingError
from rawkit.stream.batches import BatchStream
from rawkit.stream.cache import ChunkCache
from rawkit.stream.locate import pair_sources
from rawkit.stream.pairs import shapes_of
from rawkit.stream.plan import fitting_crop
from rawkit.stream.settings import (
    CLIP_LIVE_WINDOWS,
    CROPS_PER_WINDOW,
    LIVE_WINDOWS,
    PlanSettings,
)
from rawkit.subset import load_subset, newest_subset, open_stores
from rawkit.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from rawkit.store import Store
    from rawkit.subset import Subset


def open_stream(
    workspace: str | PathLike[str] = ".",
    subset: str | None = None,
    *,
    split: str = "train",
    crop: int | None = 512,
    batch_size: int = 8,
    crops_per_window: int = CROPS_PER_WINDOW,
    live_windows: int | None = None,
    clip: int = 1,
    augment: bool = True,
    seed: int = 0,
    threads: int = 2,
    rank: int = 0,
    ranks: int = 1,
    cache: str | PathLike[str] | None = None,
    cache_bytes: int = 20 * 10**9,
    in_bursts: bool = False,
    pinned: bool = False,
) -> BatchStream:
    """Open a stream of batches over the pairs of a subset.

    Parameters
    ----------
    workspace
        Folder that rawkit's commands work in.
    subset
        Name of a subset; the newest one if None.
    split
        ``train``, ``val`` or ``test``.
    crop
        Side of a crop in pixels of the mosaic, even: packed planes have half of it; as large as
        fits, up to 512, if None.
    batch_size
        Samples of a step over all ranks.
    crops_per_window, augment, seed
        As in `PlanSettings`.
    live_windows
        As in `PlanSettings`; of frames 24 and of clips 8 if None.
    clip
        Neighbouring frames of a sample, as in `PlanSettings`: videos or bursts are cut into clips
        where it is above 1.
    threads, rank, ranks, in_bursts, pinned
        As in `BatchStream`.
    cache
        Folder in which chunks of stores that lie elsewhere are kept; nowhere if None.
    cache_bytes
        Bytes that it may take.

    Raises
    ------
    MissingError
        If the subset or one of its stores is not there.
    SelectionError
        If the split has no pairs.
    UsageError
        If the crop is odd, does not fit into every frame, no video has as many frames without a
        gap as a clip, or a number makes no sense.
    """
    place = Workspace(Path(workspace))
    chosen = newest_subset(place) if subset is None else load_subset(place.subset(subset))
    if chosen is None:
        raise MissingError(
            "no subset", expected="one of the workspace's stores", where=workspace,
            fix="`rawkit subset --fraction 1` makes one of everything.",
        )  # fmt: skip
    return stream_of(
        chosen, open_stores(chosen, place), split, crop=crop, batch_size=batch_size,
        crops_per_window=crops_per_window, live_windows=live_windows, clip=clip, augment=augment,
        seed=seed,
        threads=threads, rank=rank, ranks=ranks, cache=cache, cache_bytes=cache_bytes,
        in_bursts=in_bursts, pinned=pinned,
    )  # fmt: skip


def stream_of(
    subset: Subset,
    stores: Mapping[str, Store],
    split: str | None = None,
    *,
    crop: int | None = 512,
    batch_size: int = 8,
    crops_per_window: int = CROPS_PER_WINDOW,
    live_windows: int | None = None,
    clip: int = 1,
    augment: bool = True,
    seed: int = 0,
    threads: int = 2,
    rank: int = 0,
    ranks: int = 1,
    cache: str | PathLike[str] | None = None,
    cache_bytes: int = 20 * 10**9,
    in_bursts: bool = False,
    pinned: bool = False,
) -> BatchStream:
    """Open a stream over the pairs of a subset that need not be saved, of one split or of all.

    Otherwise as `open_stream`; `stores` are those of the subset, opened, by collection. Crops are
    as large as fits, up to 512, where `crop` is None.

    Raises
    ------
    SelectionError
        If there are no pairs.
    UsageError
        If the crop is odd, does not fit into every frame, no video has as many frames without a
        gap as a clip, or a number makes no sense.
    """
    pairs = pair_sources(subset, stores, split)
    if crop is None:
        crop = fitting_crop(shapes_of(pairs), augment=augment)
    if live_windows is None:
        live_windows = LIVE_WINDOWS if clip == 1 else CLIP_LIVE_WINDOWS
    return BatchStream(
        pairs,
        PlanSettings(
            crop=crop,
            crops_per_window=crops_per_window,
            live_windows=live_windows,
            clip=clip,
            augment=augment,
            seed=seed,
        ),
        batch_size=batch_size,
        threads=threads,
        rank=rank,
        ranks=ranks,
        cache=None if cache is None else ChunkCache(Path(cache), cache_bytes),
        in_bursts=in_bursts,
        pinned=pinned,
    )
