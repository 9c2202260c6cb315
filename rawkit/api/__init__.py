"""The front door: what a notebook needs, each name the same code as the command of that name.

Nothing here is more than a call of the packages below; keywords are the options of the command
line. Paths, URLs and names are seen from `workspace`, the current folder unless it is named.
"""

from rawkit.api.data import (
    calibrate,
    fetch,
    ingest,
    open_store,
    subset,
    synth,
    verify_pairs,
)
from rawkit.api.learning import (
    adapt,
    evaluate,
    restore,
    stream,
    torch_stream,
    train,
)

__all__ = [
    "adapt",
    "calibrate",
    "evaluate",
    "fetch",
    "ingest",
    "open_store",
    "restore",
    "stream",
    "subset",
    "synth",
    "torch_stream",
    "train",
    "verify_pairs",
]
