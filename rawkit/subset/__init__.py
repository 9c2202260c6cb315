"""Subsets: a named, reproducible choice of frames over the stores of a workspace.

A subset is one Parquet file: one row for each frame, and how it was made in the file's metadata.
It changes only when it is asked to, so that a study that names it stays what it was.
"""

from rawkit.late import callable_as
from rawkit.subset.candidates import Candidates, split_bytes
from rawkit.subset.choose import choose_frames, entries_of
from rawkit.subset.compare import Difference, compare_subsets
from rawkit.subset.files import (
    encode_subset,
    load_subset,
    newest_subset,
    open_stores,
    selection_from,
    selection_values,
)
from rawkit.subset.frames import SubsetFrame, SubsetFrames, no_longer
from rawkit.subset.make import describe_limits, make_subset
from rawkit.subset.materialize import materialize, plan_materialize
from rawkit.subset.raw import RawFile, copy_raw, planned_raw, raw_files
from rawkit.subset.types import AXES, FORMAT, SPLITS, VERSION, Limits, Subset

callable_as(__name__, "rawkit.api:subset")

__all__ = [
    "AXES",
    "FORMAT",
    "SPLITS",
    "VERSION",
    "Candidates",
    "Difference",
    "Limits",
    "RawFile",
    "Subset",
    "SubsetFrame",
    "SubsetFrames",
    "choose_frames",
    "compare_subsets",
    "copy_raw",
    "describe_limits",
    "encode_subset",
    "entries_of",
    "load_subset",
    "make_subset",
    "materialize",
    "newest_subset",
    "no_longer",
    "open_stores",
    "plan_materialize",
    "planned_raw",
    "raw_files",
    "selection_from",
    "selection_values",
    "split_bytes",
]
