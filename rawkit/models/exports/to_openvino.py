"""OpenVINO: a description and its weights for pictures of any size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from rawkit.models.openvino import openvino_module

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import nn

    from rawkit.models.exports.interface import Interface
    from rawkit.models.exports.request import Asked


def make_openvino(net: nn.Module, path: Path, inout: Interface, asked: Asked) -> None:
    """Write a plain network as an OpenVINO model, a ``.bin`` beside the ``.xml``."""
    openvino = openvino_module()
    shape = [-1 if cell else length for length, cell in zip(inout.example, inout.cell, strict=True)]
    model = openvino.convert_model(net, example_input=inout.make(), input=[shape])
    model.input(0).get_tensor().set_names({inout.takes})
    model.output(0).get_tensor().set_names({inout.gives})
    for key, value in asked.about.items():
        model.set_rt_info(value, key)
    openvino.save_model(model, path, compress_to_fp16=False)


def open_openvino(path: Path) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Return what runs an OpenVINO model, in float32."""
    core = openvino_module().Core()
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    compiled = core.compile_model(core.read_model(path), "CPU", options)

    def run(mosaic: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.array(compiled([mosaic])[0])

    return run
