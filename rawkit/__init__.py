"""rawkit: from raw low-light photographs to training batches and back to pictures.

The front door, for notebooks and scripts, each name the same code as the command of that name::

    rawkit.synth("sid")                                   a look-alike to try things on
    rawkit.fetch("sid", limit=20)                         where it is offered -> files
    rawkit.ingest("sid")                                  collection -> store
    store = rawkit.open_store("sid")                      what is in it
    dark = store.select(iso=[100, 200], split="train")    frames, by the command line's filters
    for batch in rawkit.stream(dark, batch_size=8): ...   numpy, one epoch
    loader = rawkit.torch_stream(dark, batch_size=8)      torch, resumable
    rawkit.adapt("photos", "published")                   weights for a camera of one's own
    rawkit.verify_pairs("sid")                            which pairs do not fit
    rawkit.calibrate("dark-and-flat")                     a camera's noise
    rawkit.subset(0.4); rawkit.train(); rawkit.evaluate()
    picture = rawkit.restore("photo.ARW", weights="best.safetensors")

Behind it the folders are named after the way data goes: ``sensor`` (one raw file), ``catalog`` (a
collection), ``store`` (zarr), ``ingest`` (catalog to store), ``stream`` (store to batches),
``models``, ``train``, ``restore``, ``report``. Importing ``rawkit`` alone loads none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from rawkit.late import late

if TYPE_CHECKING:
    from rawkit.api import (
        adapt,
        calibrate,
        evaluate,
        fetch,
        ingest,
        open_store,
        restore,
        stream,
        subset,
        synth,
        torch_stream,
        train,
        verify_pairs,
    )

__version__ = "0.1.0"

__all__ = [
    "__version__",
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

_PACKAGES = (
    "adapt", "calibrate", "evaluate", "fetch", "ingest", "restore", "stream", "subset", "synth",
    "train",
)  # fmt: skip
"""Names of the front door that packages bear too: these answer when they are called."""

if not TYPE_CHECKING:  # or any name at all would pass a type checker
    _find = late(__name__, {"open_store": "api", "torch_stream": "api", "verify_pairs": "api"})

    def __getattr__(name: str) -> Any:
        """Import what is asked for."""
        return import_module(f"{__name__}.{name}") if name in _PACKAGES else _find(name)
