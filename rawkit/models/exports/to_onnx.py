"""ONNX: one file for pictures of any size, run by onnxruntime."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from rawkit.models.exports.quiet import runtime_module

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from rawkit.models.exports.interface import Interface
    from rawkit.models.exports.request import Asked


def make_onnx(net: nn.Module, path: Path, inout: Interface, asked: Asked) -> None:
    """Write a plain network as an ONNX file."""
    onnx = runtime_module("onnx", "onnx")
    runtime_module("onnxscript", "onnx")
    program = torch.onnx.export(
        net, (inout.make(),), dynamo=True, input_names=[inout.takes], output_names=[inout.gives],
        dynamic_shapes=(inout.sides(),), verbose=False,
    )  # fmt: skip
    model = program.model_proto  # type: ignore[union-attr] # with dynamo it is a program
    onnx.helper.set_model_props(model, dict(asked.about))
    path.write_bytes(model.SerializeToString())


def open_onnx(path: Path) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Return what runs an ONNX file."""
    runtime = runtime_module("onnxruntime", "onnx")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = runtime.InferenceSession(
        path.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name

    def run(mosaic: NDArray[np.float32]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = session.run(None, {name: mosaic})[0]
        return found

    return run
