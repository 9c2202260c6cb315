"""The formats that networks are exported in, by name: the one place to add another.

A format is a function that writes a file and one that opens it in its own runtime.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from rawkit.errors import UsageError
from rawkit.models.exports.to_executorch import make_executorch, open_executorch
from rawkit.models.exports.to_litert import make_litert, open_litert
from rawkit.models.exports.to_onnx import make_onnx, open_onnx
from rawkit.models.exports.to_openvino import make_openvino, open_openvino

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from torch import nn

    from rawkit.models.exports.interface import Interface
    from rawkit.models.exports.request import Asked, ExportFormat, ExportPrecision, Run

TOLERANCE = 1e-4
"""Largest difference of an exported network from torch, pictures being 0 to 1."""


@dataclass(frozen=True, slots=True)
class Exporter:
    """One format."""

    name: ExportFormat
    """What it is called on the command line."""
    suffix: str
    """How its files end."""
    extra: str
    """The extra of rawkit that brings what it needs."""
    make: Callable[[nn.Module, Path, Interface, Asked], None]
    """Writes a plain network on the CPU as a file."""
    open: Callable[[Path], Run]
    """Opens such a file in its own runtime."""
    package: str
    """The package whose version is the runtime's."""
    tolerance: float = TOLERANCE
    """Greatest difference from torch in f32 that is accepted, of values between 0 and 1."""
    fixed: bool = False
    """Whether sizes are fixed when it is written; if so, networks for clips have no place in it."""
    precisions: tuple[ExportPrecision, ...] = ("f32",)
    """What it can be stored or computed in."""
    delegates: tuple[str, ...] = ()
    """What can run it inside its runtime; only the first runs here."""


EXPORTERS: Mapping[str, Exporter] = MappingProxyType(
    {
        one.name: one
        for one in (
            Exporter("onnx", ".onnx", "onnx", make_onnx, open_onnx, "onnxruntime"),
            Exporter("openvino", ".xml", "openvino", make_openvino, open_openvino, "openvino"),
            Exporter(
                "litert",
                ".tflite",
                "litert",
                make_litert,
                open_litert,
                "ai-edge-litert",
                tolerance=1e-5,
                fixed=True,
                precisions=("f32", "f16", "int8"),
            ),
            Exporter(
                "executorch",
                ".pte",
                "executorch",
                make_executorch,
                open_executorch,
                "executorch",
                tolerance=1e-5,
                fixed=True,
                precisions=("f32", "f16"),
                delegates=("xnnpack", "coreml"),
            ),
        )
    }
)
"""Every format by its name."""


def exporter_of(path: Path) -> Exporter | None:
    """Return the format of a file by how its name ends; None where it is none of them."""
    return next((one for one in EXPORTERS.values() if one.suffix == path.suffix), None)


def exporter_named(name: str) -> Exporter:
    """Return the format called `name`.

    Raises
    ------
    UsageError
        If there is none; the message lists those there are.
    """
    if name not in EXPORTERS:
        raise UsageError(f"format {name!r}", expected=f"one of {', '.join(EXPORTERS)}")
    return EXPORTERS[name]
