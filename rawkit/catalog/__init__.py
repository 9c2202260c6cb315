"""A collection: its definition, what a source holds of it, splits, pairs and selection.

Tables are imported when they are first used: restoring raw files does without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawkit.catalog.bad_pairs import BadPair, read_bad_pairs, write_bad_pairs
from rawkit.catalog.content import by_content, has_raw_suffix
from rawkit.catalog.definition import (
    Definition,
    Matcher,
    Split,
    known_collections,
    load_definition,
    remember_definition,
    remembered_definition,
)
from rawkit.catalog.expression import compile_where
from rawkit.catalog.filters import Names, Numbers, selection_of
from rawkit.catalog.levels import levels_of
from rawkit.catalog.neighbours import PlaceInVideo, place_in_video
from rawkit.catalog.offered import (
    open_collection,
    place_names,
    source_of,
    usual_place,
)
from rawkit.catalog.places import OfferedPlace
from rawkit.catalog.rules import Role
from rawkit.catalog.scan import scan
from rawkit.catalog.select import (
    ISO_ROUNDING,
    NOMINAL,
    Selected,
    Selection,
    is_named,
    is_within,
    longs_by_pair,
    nothing_passes,
    select,
    select_entries,
)
from rawkit.catalog.splits import scene_digest, thin_scenes
from rawkit.catalog.types import Catalog, Entry, GivenPicture, LeftOut
from rawkit.catalog.video import read_video_frame, truth_names
from rawkit.late import late

if TYPE_CHECKING:
    from rawkit.catalog.table import scan_by, scan_with_table

__getattr__ = late(
    __name__,
    {
        "scan_by": "table",
        "scan_with_table": "table",
    },
)

__all__ = [
    "ISO_ROUNDING",
    "NOMINAL",
    "BadPair",
    "Catalog",
    "Definition",
    "Entry",
    "GivenPicture",
    "LeftOut",
    "Matcher",
    "Names",
    "Numbers",
    "OfferedPlace",
    "PlaceInVideo",
    "Role",
    "Selected",
    "Selection",
    "Split",
    "by_content",
    "compile_where",
    "has_raw_suffix",
    "is_named",
    "is_within",
    "known_collections",
    "levels_of",
    "load_definition",
    "longs_by_pair",
    "nothing_passes",
    "open_collection",
    "place_in_video",
    "place_names",
    "read_bad_pairs",
    "read_video_frame",
    "remember_definition",
    "remembered_definition",
    "scan",
    "scan_by",
    "scan_with_table",
    "scene_digest",
    "select",
    "select_entries",
    "selection_of",
    "source_of",
    "thin_scenes",
    "truth_names",
    "usual_place",
    "write_bad_pairs",
]
