"""A network in stages as one ONNX file a stage, for runtimes that have little memory.

The stages are those of `rawkit.models.stages`; run as `restore_bands` runs them they give the same
picture, to rounding, in the memory of one tile. Sides are free: a whole picture, or any strip or
tile of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim

from rawkit.errors import UsageError, WeightsError
from rawkit.models.exports.formats import TOLERANCE
from rawkit.models.exports.quiet import quiet_exporters, runtime_module
from rawkit.models.openvino import plain_copy
from rawkit.models.registry import describe
from rawkit.models.stages import Staged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rawkit.models.weights import LoadedWeights

_FREE = (2, 3)
"""Rows and columns: the sides that are free."""


class _Stage(nn.Module):
    """One stage as a module of its own."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.net = net


class _Squeeze(_Stage):
    def forward(self, mosaic: Tensor) -> Tensor:
        return self.net.squeeze(mosaic)  # type: ignore[no-any-return]


class _LookFar(_Stage):
    def forward(self, squeezed: Tensor) -> Tensor:
        return self.net.look_far(squeezed)  # type: ignore[no-any-return]


class _Render(_Stage):
    def forward(self, mosaic: Tensor, features: Tensor) -> Tensor:
        return self.net.render(mosaic, features)  # type: ignore[no-any-return]


class _RenderAlone(_Stage):
    """Of a network of which no part sees beyond a tile's halo."""

    def forward(self, mosaic: Tensor) -> Tensor:
        cell = self.net.geometry.render_multiple
        batch, _, height, width = mosaic.shape
        none = mosaic.new_empty((batch, 0, height // cell, width // cell))
        return self.net.render(mosaic, none)  # type: ignore[no-any-return]


def export_stages(net: nn.Module, loaded: LoadedWeights) -> Mapping[str, bytes]:
    """Return the stages of a network as ONNX models, each found to give what torch gives.

    Parameters
    ----------
    net
        The network; it is left as it is.
    loaded
        What is known of its weights.

    Returns
    -------
    Mapping
        Name of the stage -> the file's contents. ``squeeze`` and ``look_far`` are missing where no
        part of the network sees beyond the halo of a tile; ``render`` then takes the mosaic alone.
        Inputs and outputs are float32: ``mosaic`` (1, 1, H, W), ``squeezed``, ``features``,
        ``picture`` (1, 3, H, W).

    Raises
    ------
    UsageError
        If the network takes clips, or has no stages.
    MissingError
        If the extra ``onnx`` is not installed.
    WeightsError
        If a stage gives something else than torch.
    """
    about = describe(loaded.network)
    plain: Any = plain_copy(net)
    if about.takes_clips or not isinstance(plain, Staged):
        raise UsageError(
            f"{about.name}, which {'takes clips' if about.takes_clips else 'has no stages'}",
            expected="a network for single pictures",
        )
    geometry = about.geometry
    generator = torch.Generator().manual_seed(0)
    mosaic = 0.3 * torch.rand((1, 1, 6 * about.multiple, 8 * about.multiple), generator=generator)
    found: dict[str, bytes] = {}
    if not geometry.features:
        sides = _sides(geometry.render_multiple)
        found["render"] = _made(
            _RenderAlone(plain), {"mosaic": mosaic}, "picture", (sides,), loaded
        )
        return found
    whole, squeezed_sides = _sides(geometry.multiple), _sides(1)
    with torch.inference_mode():
        squeezed = plain.squeeze(mosaic).clone()
        features = plain.look_far(squeezed).clone()
    found["squeeze"] = _made(_Squeeze(plain), {"mosaic": mosaic}, "squeezed", (whole,), loaded)
    found["look_far"] = _made(
        _LookFar(plain), {"squeezed": squeezed}, "features", (squeezed_sides,), loaded
    )
    rows, columns = (Dim(name, min=1) for name in ("rows", "columns"))
    cell = geometry.render_multiple
    tied = ({2: cell * rows, 3: cell * columns}, {2: rows, 3: columns})
    given = {"mosaic": mosaic, "features": features}
    found["render"] = _made(_Render(plain), given, "picture", tied, loaded)
    return found


def _sides(multiple: int) -> dict[int, Any]:
    """Return free rows and columns, multiples of a number, as torch names them."""
    names = [Dim(name, min=1) for name in ("rows", "columns")]
    return {
        axis: name if multiple == 1 else multiple * name
        for axis, name in zip(_FREE, names, strict=True)
    }


def _made(
    stage: nn.Module,
    given: Mapping[str, Tensor],
    gives: str,
    sides: tuple[dict[int, Any], ...],
    loaded: LoadedWeights,
) -> bytes:
    """Export a stage and run it on what was given."""
    runtime_module("onnx", "onnx")
    runtime_module("onnxscript", "onnx")
    inputs = tuple(one.detach().clone() for one in given.values())
    with quiet_exporters():
        program = torch.onnx.export(
            stage.eval(), inputs, dynamo=True, input_names=[*given], output_names=[gives],
            dynamic_shapes=sides, verbose=False,
        )  # fmt: skip
    contents: bytes = program.model_proto.SerializeToString()  # type: ignore[union-attr] # with dynamo it is a program
    session = runtime_module("onnxruntime", "onnx").InferenceSession(
        contents, providers=["CPUExecutionProvider"]
    )
    found = session.run(None, {name: one.numpy() for name, one in given.items()})[0]
    with torch.inference_mode():
        expected = stage(*inputs).numpy()
    difference = float(np.abs(found - expected).max() / max(1.0, float(np.abs(expected).max())))
    if not difference <= TOLERANCE:
        raise WeightsError(
            f"the stage that gives {gives} differs by {difference:.2g}",
            expected=f"at most {TOLERANCE:g}",
            where=loaded.source,
        )
    return contents
