"""ExecuTorch: one ``.pte`` with a method for each size, run by XNNPACK or, on Apple's, Core ML.

``f16`` is computed in float16, which processors of phones do at twice the speed and those of most
desks do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from rawkit.models.exports.constant_form import HalfForm, constant_form
from rawkit.models.exports.quiet import runtime_module

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from rawkit.models.exports.interface import Interface
    from rawkit.models.exports.request import Asked, Size

_EXTRA = "executorch"


def make_executorch(net: nn.Module, path: Path, _: Interface, asked: Asked) -> None:
    """Write a plain network as an ExecuTorch program."""
    exir = runtime_module("executorch.exir", _EXTRA)
    apple = asked.delegate == "coreml"
    # Core ML is told what to compute in and takes the network in float32.
    form = constant_form(net)
    form = HalfForm(form).eval() if asked.precision == "f16" and not apple else form
    programs = {
        _method(size): torch.export.export(form, (torch.zeros(1, 1, *size),))
        for size in asked.sizes
    }
    partitioner = _coreml(asked.precision) if apple else _xnnpack()
    lowered = exir.to_edge_transform_and_lower(programs, partitioner=[partitioner])
    lowered.to_executorch().save(str(path))


def open_executorch(path: Path) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Return what runs an ExecuTorch program."""
    runtime = runtime_module("executorch.runtime", _EXTRA)
    program = runtime.Runtime.get().load_program(str(path))
    methods: dict[str, Any] = {}

    def run(mosaic: NDArray[np.float32]) -> NDArray[np.float32]:
        name = _method(mosaic.shape[-2:])
        if name not in methods:
            methods[name] = program.load_method(name)
        found = methods[name].execute([torch.from_numpy(mosaic)])[0]
        # The next run writes into the same memory.
        picture: NDArray[np.float32] = found.numpy().copy()
        return picture

    return run


def _method(size: tuple[int, ...] | Size) -> str:
    height, width = size
    return f"restore_{height}x{width}"


def _xnnpack() -> Any:
    module = runtime_module("executorch.backends.xnnpack.partition.xnnpack_partitioner", _EXTRA)
    return module.XnnpackPartitioner()


def _coreml(precision: str) -> Any:
    extra = "coreml"
    tools = runtime_module("coremltools", extra)
    compiler = runtime_module("executorch.backends.apple.coreml.compiler", extra)
    partition = runtime_module("executorch.backends.apple.coreml.partition", extra)
    kind = tools.precision.FLOAT32 if precision == "f32" else tools.precision.FLOAT16
    specs = compiler.CoreMLBackend.generate_compile_specs(
        compute_precision=kind, minimum_deployment_target=tools.target.iOS17
    )
    return partition.CoreMLPartitioner(compile_specs=specs)
