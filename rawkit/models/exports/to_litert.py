"""LiteRT, once TensorFlow Lite: one ``.tflite`` with a signature for each size, run by XNNPACK.

``f16`` and ``int8`` say how weights are stored: they are widened as the file is loaded, and all is
computed in float32. Activations of 8 bits are not offered: dark linear values need more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from rawkit.models.exports.constant_form import constant_form
from rawkit.models.exports.quiet import runtime_module

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from rawkit.models.exports.interface import Interface
    from rawkit.models.exports.request import Asked, Size

_EXTRA = "litert"


def make_litert(net: nn.Module, path: Path, _: Interface, asked: Asked) -> None:
    """Write a plain network as a LiteRT file."""
    converter = runtime_module("litert_torch", _EXTRA)
    form = constant_form(net)
    for height, width in asked.sizes:
        example = (torch.zeros(1, 1, height, width),)
        converter = converter.signature(_signature((height, width)), form, example)
    converter.convert().export(str(path))
    if asked.precision != "f32":
        _narrow(path, asked.precision)


def open_litert(path: Path) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Return what runs a LiteRT file."""
    runtime = runtime_module("ai_edge_litert.interpreter", _EXTRA)
    interpreter = runtime.Interpreter(str(path), num_threads=torch.get_num_threads())
    runners = {
        name: (interpreter.get_signature_runner(name), parts["inputs"][0], parts["outputs"][0])
        for name, parts in interpreter.get_signature_list().items()
    }

    def run(mosaic: NDArray[np.float32]) -> NDArray[np.float32]:
        runner, takes, gives = runners[_signature(mosaic.shape[-2:])]
        found: NDArray[np.float32] = runner(**{takes: mosaic})[gives]
        return found

    return run


def _signature(size: tuple[int, ...] | Size) -> str:
    height, width = size
    return f"restore_{height}x{width}"


def _narrow(path: Path, precision: str) -> None:
    """Store the weights of a file in fewer bits."""
    module = runtime_module("ai_edge_quantizer.quantizer", _EXTRA)
    types = runtime_module("ai_edge_quantizer.qtyping", _EXTRA)
    quantizer = module.Quantizer(str(path))
    if precision == "int8":
        recipe = runtime_module("ai_edge_quantizer.recipe", _EXTRA)
        quantizer.load_quantization_recipe(recipe.weight_only_wi8_afp32())
    else:
        weights = types.TensorQuantizationConfig(num_bits=16, dtype=types.TensorDataType.FLOAT)
        quantizer.update_quantization_recipe(
            regex=".*",
            operation_name=types.TFLOperationName.ALL_SUPPORTED,
            algorithm_key="float_casting",
            op_config=types.OpQuantizationConfig(
                weight_tensor_config=weights,
                compute_precision=types.ComputePrecision.FLOAT,
                explicit_dequantize=True,
            ),
        )
    narrowed = quantizer.quantize()
    path.unlink()  # the quantizer writes over no file
    narrowed.export_model(str(path))
