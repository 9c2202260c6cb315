"""A network compiled by OpenVINO, stage by stage, behind the same interface.

Each stage is converted in memory for one shape and compiled once; all tiles of a picture have one
shape, and pictures of a size share theirs. OpenVINO would compute in bfloat16 where the processor
can: it is told what to compute in.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from rawkit.errors import MissingError, UsageError
from rawkit.models.folding import fold_weight_norm
from rawkit.models.stages import prepare

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from rawkit.models.geometry import Geometry

Precision = Literal["f32", "bf16"]
PRECISIONS: tuple[Precision, ...] = ("f32", "bf16")

_SHAPES_KEPT = 8
"""Compiled stages kept, those used last; two sizes of picture need no more."""
_TILE = 1024
"""Pixels: OpenVINO's time for a pixel hardly depends on the tile; larger ones only take memory."""


class OpenvinoNetwork:
    """A network in stages that OpenVINO runs; made by `compile_openvino`."""

    def __init__(self, net: nn.Module, precision: Precision, threads: int | None) -> None:
        own: Geometry = net.geometry  # type: ignore[assignment] # a network in stages
        self.geometry = replace(own, render_tile=max(own.render_tile, _TILE))
        """How it may be cut."""
        self._net = net
        # A copy and one small convolution: torch takes two thirds of OpenVINO's time for it.
        self._squeezing = prepare(net) if own.features else net
        self._core = openvino_module().Core()
        self._precision: Precision = precision
        self._options: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads or torch.get_num_threads(),
        }
        self._compiled: OrderedDict[object, Callable[..., NDArray[np.float32]]] = OrderedDict()

    def squeeze(self, mosaic: Tensor) -> Tensor:
        """Do as the network's own; by torch, in f32."""
        squeezed: Tensor = self._squeezing.squeeze(mosaic)  # type: ignore[operator] # a network in stages
        return squeezed

    def look_far(self, squeezed: Tensor) -> Tensor:
        """Do as the network's own."""
        return self._run("look_far", squeezed)

    def render(self, mosaic: Tensor, features: Tensor) -> Tensor:
        """Do as the network's own; the picture lies in channels-last memory."""
        inputs = (mosaic, features) if features.shape[1] else (mosaic,)
        return self._run("render", *inputs).permute(0, 3, 1, 2)

    def _run(self, stage: str, *inputs: Tensor) -> Tensor:
        key = (stage, *(tuple(one.shape) for one in inputs))
        run = self._compiled.get(key)
        if run is None:
            run = self._compile(stage, inputs)
            self._compiled[key] = run
            while len(self._compiled) > _SHAPES_KEPT:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(key)
        return torch.from_numpy(run(*(one.contiguous().numpy() for one in inputs)))

    def _compile(
        self, stage: str, inputs: tuple[Tensor, ...]
    ) -> Callable[..., NDArray[np.float32]]:
        model = converted(self._net, stage, [tuple(one.shape) for one in inputs])
        # What sees far is deep and small: a tenth of the time, and most of bfloat16's error.
        precision = "f32" if stage == "look_far" else self._precision
        options = {**self._options, "INFERENCE_PRECISION_HINT": precision}
        request = self._core.compile_model(model, "CPU", options).create_infer_request()

        def run(*arrays: NDArray[np.float32]) -> NDArray[np.float32]:
            found = request.infer(list(arrays), share_inputs=True, share_outputs=True)[0]
            # What is rendered is used before the next run; what is seen is kept.
            kept: NDArray[np.float32] = found if stage == "render" else np.array(found)
            return kept

        return run


def compile_openvino(
    net: nn.Module, *, precision: Precision = "f32", threads: int | None = None
) -> OpenvinoNetwork:
    """Return a network for `restore_bands` that OpenVINO runs on the CPU.

    Parameters
    ----------
    net
        A network of the registry; it is left as it is.
    precision
        ``f32`` equals torch to rounding; ``bf16`` is faster and not exact. What sees far is
        computed in f32 either way.
    threads
        How many to use; as many as torch if None.

    Raises
    ------
    MissingError
        If OpenVINO is not installed.
    UsageError
        If there is no such precision.
    """
    if precision not in PRECISIONS:
        raise UsageError(
            f"precision {precision!r} of OpenVINO", expected=f"one of {', '.join(PRECISIONS)}"
        )
    return OpenvinoNetwork(plain_copy(net), precision, threads)


def plain_copy(net: nn.Module) -> nn.Module:
    """Return a folded copy of a network on the CPU, in float32 and evaluation mode."""
    return fold_weight_norm(deepcopy(net)).eval().to("cpu", torch.float32)


def converted(net: nn.Module, stage: str, shapes: list[tuple[int, ...]]) -> Any:
    """Return one stage of a folded network as an OpenVINO model for inputs of these shapes."""
    examples = tuple(torch.zeros(shape) for shape in shapes)
    with warnings.catch_warnings():
        # Checks of shapes become constants, which is what is wanted: the shapes are fixed.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined] # not in its stubs
        warnings.simplefilter("ignore", DeprecationWarning)
        return openvino_module().convert_model(
            _Stage(net, stage).eval(),
            example_input=examples if len(examples) > 1 else examples[0],
            input=[list(shape) for shape in shapes],
        )


class _Stage(nn.Module):
    """One stage as a module of its own, to be traced."""

    def __init__(self, net: nn.Module, stage: str) -> None:
        super().__init__()
        self.net = net
        self.stage = stage

    def forward(self, first: Tensor, features: Tensor | None = None) -> Tensor:
        if self.stage != "render":
            found: Tensor = getattr(self.net, self.stage)(first)
            return found
        # Channels last, as OpenVINO computes: nothing is copied for it.
        picture: Tensor = self.net.render(first, features)  # type: ignore[operator] # a network in stages
        return picture.permute(0, 2, 3, 1)


def openvino_module() -> Any:
    """Import OpenVINO, or raise MissingError with the way to install it."""
    try:
        import openvino  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise MissingError(
            "OpenVINO is not installed",
            fix="Install it with: pip install 'rawkit-lowlight[openvino]'. "
            "Or leave the backend to torch.",
        ) from error
    return openvino
