"""Raw files to pictures: decode, amplify, pad, restore, cut, write.

What needs torch is imported when it is first used, so that the processes that decode do without.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from rawkit.restore.amplify import Brightness, parse_amplification, parse_exposure
from rawkit.restore.inputs import Inputs, Item, LocalRaw, find_inputs
from rawkit.restore.manifest import MANIFEST, identity_of
from rawkit.restore.output import Output, existing, planned
from rawkit.restore.picture import (
    PictureFormat,
    orient,
    quantise,
    write_bands,
    write_picture,
    write_png,
)
from rawkit.restore.profile import encoded_of, icc_profile, linear_of
from rawkit.restore.stored import StoredFrame, frames_of_stores, frames_of_subset

if TYPE_CHECKING:
    from rawkit.restore.batch import RestoreReport, restore_files, restore_items
    from rawkit.restore.network import (
        Compute,
        Restorer,
        load_restorer,
        restore_bands,
        restore_image,
    )
    from rawkit.restore.pipeline import Restored

_LATE = {
    "Compute": "network",
    "RestoreReport": "batch",
    "restore_files": "batch",
    "restore_items": "batch",
    "Restorer": "network",
    "load_restorer": "network",
    "restore_bands": "network",
    "restore_image": "network",
    "Restored": "pipeline",
}

__all__ = [
    "MANIFEST",
    "Brightness",
    "Compute",
    "Inputs",
    "Item",
    "LocalRaw",
    "Output",
    "PictureFormat",
    "RestoreReport",
    "Restored",
    "Restorer",
    "StoredFrame",
    "encoded_of",
    "existing",
    "find_inputs",
    "frames_of_stores",
    "frames_of_subset",
    "icc_profile",
    "identity_of",
    "linear_of",
    "load_restorer",
    "orient",
    "parse_amplification",
    "parse_exposure",
    "planned",
    "quantise",
    "restore_bands",
    "restore_files",
    "restore_image",
    "restore_items",
    "write_bands",
    "write_picture",
    "write_png",
]


def __getattr__(name: str) -> Any:
    """Import what needs torch."""
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
