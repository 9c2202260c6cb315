"""From stores to batches in bounded memory.

`pairs` are what there is to draw from, and `locate` finds them in stores; `runs` are those that
follow each other in a video. `plan` says which crop is
sample number i, as `settings` ask for, `patches` where crops lie in a grid, `near` where few frames
are shuffled; `epochs` what each epoch draws from; `schedule` which windows a process reads for
its part of
the batches; `reader` reads their chunks; `cutting` takes crops from them, placed as `augment` says;
`window` does so with both shards of a pair, and `pool` has threads do it ahead; `cache` keeps
chunks of stores elsewhere; `batches` hands out batches of integers; `darkness` says what cameras
put into them, `mended` takes that out, `tensors` makes torch's of them, and `feed` has a GPU get
them ahead; `dataset` is the same for torch's loaders. Where a store cannot hold all, `holding` says
what is fetched and evicted, `keeper` does it, and `room` counts.
`open_stream` is the short way in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawkit.late import callable_as, late
from rawkit.stream.batches import Batch, BatchStream, Origin
from rawkit.stream.cache import ChunkCache
from rawkit.stream.darkness import CropMender, Darkness
from rawkit.stream.epochs import EpochSources, SameSources
from rawkit.stream.equalising import Curves
from rawkit.stream.holding import Need, belady, least_budget, moves
from rawkit.stream.keeper import Keeper
from rawkit.stream.locate import (
    pair_sources,
    pairs_and_shorts_to_make,
    shorts_to_make,
    sources_of,
)
from rawkit.stream.open import open_stream, stream_of
from rawkit.stream.pairs import (
    Pairs,
    PairSource,
    any_elsewhere,
    balances_of,
    count_targets,
    kinds_of,
    layouts_of,
    longs_among,
    numbers_of,
    shapes_of,
    spread,
)
from rawkit.stream.plan import EpochPlan, check_crop, epoch_length, fitting_crop
from rawkit.stream.pool import pool_bytes
from rawkit.stream.reader import ShardFile
from rawkit.stream.room import Room
from rawkit.stream.runs import Runs, runs_of
from rawkit.stream.schedule import Ahead, RankShare, jobs
from rawkit.stream.settings import (
    CLIP_LIVE_WINDOWS,
    CROPS_PER_WINDOW,
    LIVE_WINDOWS,
    PlanSettings,
)
from rawkit.stream.shapes import FrameShape, FrameShapes
from rawkit.stream.shelf import Shelf
from rawkit.stream.shorts import Shorts, ShortSettings

if TYPE_CHECKING:
    from rawkit.stream.feed import Feed
    from rawkit.stream.sigma import sigma_map, with_sigma_map
    from rawkit.stream.tensors import (
        TensorBatch,
        balance_gains,
        mosaic_of,
        normalise_planes,
        stabilise_planes,
    )

__getattr__ = late(
    __name__,
    {
        "Feed": "feed",
        "TensorBatch": "tensors",
        "balance_gains": "tensors",
        "mosaic_of": "tensors",
        "normalise_planes": "tensors",
        "sigma_map": "sigma",
        "stabilise_planes": "tensors",
        "with_sigma_map": "sigma",
    },
)

callable_as(__name__, "rawkit.api:stream")

__all__ = [
    "CLIP_LIVE_WINDOWS",
    "CROPS_PER_WINDOW",
    "LIVE_WINDOWS",
    "Ahead",
    "Batch",
    "BatchStream",
    "ChunkCache",
    "CropMender",
    "Curves",
    "Darkness",
    "EpochPlan",
    "EpochSources",
    "Feed",
    "FrameShape",
    "FrameShapes",
    "Keeper",
    "Need",
    "Origin",
    "PairSource",
    "Pairs",
    "PlanSettings",
    "RankShare",
    "Room",
    "Runs",
    "SameSources",
    "ShardFile",
    "Shelf",
    "ShortSettings",
    "Shorts",
    "TensorBatch",
    "any_elsewhere",
    "balance_gains",
    "balances_of",
    "belady",
    "check_crop",
    "count_targets",
    "epoch_length",
    "fitting_crop",
    "jobs",
    "kinds_of",
    "layouts_of",
    "least_budget",
    "longs_among",
    "mosaic_of",
    "moves",
    "normalise_planes",
    "numbers_of",
    "open_stream",
    "pair_sources",
    "pairs_and_shorts_to_make",
    "pool_bytes",
    "runs_of",
    "shapes_of",
    "shorts_to_make",
    "sigma_map",
    "sources_of",
    "spread",
    "stabilise_planes",
    "stream_of",
    "with_sigma_map",
]
