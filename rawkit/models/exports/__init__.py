"""Networks as files of other runtimes: written, checked, described."""

from rawkit.models.exports.export import Exported, check_mosaic, export_network
from rawkit.models.exports.formats import EXPORTERS, Exporter, exporter_named
from rawkit.models.exports.quiet import quiet_exporters, runtime_module

__all__ = [
    "EXPORTERS",
    "Exported",
    "Exporter",
    "check_mosaic",
    "export_network",
    "exporter_named",
    "quiet_exporters",
    "runtime_module",
]
