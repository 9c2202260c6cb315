"""Networks as files of other runtimes: written, checked, described, and run."""

from rawkit.models.exports.card import Card, Check, card_path, read_card
from rawkit.models.exports.export import Exported, check_mosaic, export_network
from rawkit.models.exports.formats import EXPORTERS, Exporter, exporter_named, exporter_of
from rawkit.models.exports.quiet import quiet_exporters, runtime_module
from rawkit.models.exports.run import ExportedNetwork, open_exported

__all__ = [
    "EXPORTERS",
    "Card",
    "Check",
    "Exported",
    "ExportedNetwork",
    "Exporter",
    "card_path",
    "check_mosaic",
    "export_network",
    "exporter_named",
    "exporter_of",
    "open_exported",
    "quiet_exporters",
    "read_card",
    "runtime_module",
]
