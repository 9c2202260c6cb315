"""Where raw files come from: folders, zip and tar archives, lists, web servers, object stores.

`open_source` turns what a user names into a `Source`: a list of files, their first bytes and their
whole contents. Nothing is unpacked to disk, and only the bytes that are wanted travel.
"""

from rawkit.source.connections import Answer
from rawkit.source.http import (
    HTTP_MISSING,
    HTTP_NOT_SATISFIABLE,
    HTTP_PARTIAL,
    HTTP_WHOLE,
    HttpRanges,
    answered,
    range_of,
    short_of,
    status_of,
)
from rawkit.source.inflate import Inflated
from rawkit.source.lists import LIST_SUFFIX, UrlList
from rawkit.source.movie import MOVIES, Movie, open_movie
from rawkit.source.names import is_archive
from rawkit.source.npy import Frames, NpyVideo, open_npy_video
from rawkit.source.open import SourceSpec, open_source
from rawkit.source.prefetch import Prefetch
from rawkit.source.ranges import (
    FsspecRanges,
    LocalRanges,
    Piece,
    RangeFile,
    Ranges,
    fsspec_call,
    tag_of,
)
from rawkit.source.spill import Spill
from rawkit.source.transfer import PATIENCE, Transfer, TransferError
from rawkit.source.types import HEAD_BYTES, Listing, Refused, Source, SourceFile

__all__ = [
    "HEAD_BYTES",
    "HTTP_MISSING",
    "HTTP_NOT_SATISFIABLE",
    "HTTP_PARTIAL",
    "HTTP_WHOLE",
    "LIST_SUFFIX",
    "MOVIES",
    "PATIENCE",
    "Answer",
    "Frames",
    "FsspecRanges",
    "HttpRanges",
    "Inflated",
    "Listing",
    "LocalRanges",
    "Movie",
    "NpyVideo",
    "Piece",
    "Prefetch",
    "RangeFile",
    "Ranges",
    "Refused",
    "Source",
    "SourceFile",
    "SourceSpec",
    "Spill",
    "Transfer",
    "TransferError",
    "UrlList",
    "answered",
    "fsspec_call",
    "is_archive",
    "open_movie",
    "open_npy_video",
    "open_source",
    "range_of",
    "short_of",
    "status_of",
    "tag_of",
]
