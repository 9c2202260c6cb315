"""Subsets: a named, reproducible choice of frames over the stores of a workspace.

A subset is one Parquet file: one row for each frame, and how it was made in the file's metadata.
It changes only when it is asked to, so that a study that names it stays what it was.
"""

from rawkit.subset.compare import Difference, compare_subsets
from rawkit.subset.files import load_subset, newest_subset, open_stores, selection_values
from rawkit.subset.make import describe_limits, make_subset
from rawkit.subset.shards import split_bytes
from rawkit.subset.types import AXES, FORMAT, SPLITS, VERSION, Limits, Subset, SubsetFrame

__all__ = [
    "AXES",
    "FORMAT",
    "SPLITS",
    "VERSION",
    "Difference",
    "Limits",
    "Subset",
    "SubsetFrame",
    "compare_subsets",
    "describe_limits",
    "load_subset",
    "make_subset",
    "newest_subset",
    "open_stores",
    "selection_values",
    "split_bytes",
]
