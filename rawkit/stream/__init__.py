"""From stores to batches in bounded memory.

`plan` says which crop is sample number i; `schedule` which windows a process reads for its part of
the batches; `reader` reads their chunks; `cutting` takes crops from them, placed as `augment` says;
`window` does so with both shards of a pair, and `pool` has threads do it ahead; `cache` keeps
chunks of stores elsewhere; `batches` hands out batches of integers; `tensors` makes torch's of
them, and `feed` has a GPU get them ahead; `dataset` is the same for torch's loaders. `open_stream`
is the short way in.
"""

from rawkit.stream.batches import Batch, BatchStream, Origin
from rawkit.stream.cache import ChunkCache
from rawkit.stream.opening import open_stream
from rawkit.stream.pairs import PairSource, pair_sources
from rawkit.stream.plan import EpochPlan, FrameShape, PlanSettings
from rawkit.stream.pool import pool_bytes

__all__ = [
    "Batch",
    "BatchStream",
    "ChunkCache",
    "EpochPlan",
    "FrameShape",
    "Origin",
    "PairSource",
    "PlanSettings",
    "open_stream",
    "pair_sources",
    "pool_bytes",
]
