"""Where raw files come from: folders, zip and tar archives, web servers, object stores.

`open_source` turns what a user names into a `Source`: a list of files, their first bytes and their
whole contents. Nothing is unpacked to disk, and only the bytes that are wanted travel.
"""

from rawkit.source.inflate import Inflated
from rawkit.source.npy import NpyVideo, open_npy_video
from rawkit.source.open import SourceSpec, open_source
from rawkit.source.prefetch import Prefetch
from rawkit.source.spill import Spill
from rawkit.source.transfer import Transfer
from rawkit.source.types import HEAD_BYTES, Listing, Refused, Source, SourceFile

__all__ = [
    "HEAD_BYTES",
    "Inflated",
    "Listing",
    "NpyVideo",
    "Prefetch",
    "Refused",
    "Source",
    "SourceFile",
    "SourceSpec",
    "Spill",
    "Transfer",
    "open_npy_video",
    "open_source",
]
