"""A collection: its definition, what a source holds of it, splits, pairs and selection."""

from rawkit.catalog.definition import Definition, Role, Split, known_collections, load_definition
from rawkit.catalog.remembered import remember_definition, remembered_definition
from rawkit.catalog.scan import RAW_SUFFIXES, Catalog, Entry, LeftOut, scan
from rawkit.catalog.select import Selected, Selection, longs_by_pair, select, select_entries
from rawkit.catalog.splits import scene_digest
from rawkit.catalog.thin import thin_scenes

__all__ = [
    "RAW_SUFFIXES",
    "Catalog",
    "Definition",
    "Entry",
    "LeftOut",
    "Role",
    "Selected",
    "Selection",
    "Split",
    "known_collections",
    "load_definition",
    "longs_by_pair",
    "remember_definition",
    "remembered_definition",
    "scan",
    "scene_digest",
    "select",
    "select_entries",
    "thin_scenes",
]
