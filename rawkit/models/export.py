"""A trained network as an ONNX or OpenVINO file that other programs run, checked before it is kept.

The file takes what the network takes: the amplified mosaic, float32 (1, 1, H, W) with H and W
multiples of `Network.multiple`, and gives float32 (1, 3, H, W). Of a network for clips it takes
amplified planes, (1, 4, T, H/2, W/2) with any number of frames, and gives (1, 3, T, H, W). Its
metadata says so.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch.export import Dim

from rawkit.errors import MissingError, UsageError, WeightsError
from rawkit.files import output_errors, write_atomically
from rawkit.models.amplified import amplified
from rawkit.models.openvino import openvino_module, plain_copy
from rawkit.models.registry import describe
from rawkit.models.sid_unet import packed_planes
from rawkit.models.tiles import Area
from rawkit.sensor import amplification_base

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from rawkit.models.registry import Network
    from rawkit.models.weights import LoadedWeights
    from rawkit.sensor import RawImage

ExportFormat = Literal["onnx", "openvino"]
FORMATS: tuple[ExportFormat, ...] = ("onnx", "openvino")
SUFFIXES = {"onnx": ".onnx", "openvino": ".xml"}
TOLERANCE = 1e-4
"""Greatest difference from torch that is accepted, of values between 0 and 1."""
_CHECK_SIDE = 1000
_CHECK_FRAMES = 5


@dataclass(frozen=True, slots=True)
class _Interface:
    """What goes into an exported network, and what comes out."""

    takes: str
    """Name of the input."""
    gives: str
    """Name of the output."""
    shapes: tuple[str, str]
    """Shapes of both, for people."""
    example: tuple[int, ...]
    """A shape of the input."""
    cell: tuple[int, ...]
    """What each side of the input must be a multiple of; 0 for one that stays as in the example."""

    def make(self) -> Tensor:
        """Return an input to trace the network with."""
        return torch.zeros(self.example)

    def sides(self) -> dict[int, Any]:
        """Return the free sides of the input, as torch names them."""
        names = ("batch", "planes", "frames", "rows", "columns")[-len(self.cell) :]
        return {
            axis: Dim(names[axis], min=1) if cell == 1 else cell * Dim(names[axis], min=1)
            for axis, cell in enumerate(self.cell)
            if cell
        }


def _interface(network: Network) -> _Interface:
    multiple = network.multiple
    if not network.takes_clips:
        takes = (
            f"(1, 1, H, W), {network.cell.name} mosaic with its canonical cell at (0, 0), H and W "
            f"multiples of {multiple}"
        )
        whole = (1, 1, 3 * multiple, 4 * multiple)
        return _Interface(
            "mosaic", "picture", (takes, "(1, 3, H, W)"), whole, (0, 0, multiple, multiple)
        )
    packed = multiple // 2
    takes = (
        "(1, 4, T, H, W), planes R, G1, B, G2 of T neighbouring frames, H and W multiples of "
        f"{packed}"
    )
    example = (1, 4, 3, 3 * packed, 4 * packed)
    shapes = (takes, "(1, 3, T, 2 H, 2 W)")
    return _Interface("clip", "pictures", shapes, example, (0, 0, 1, packed, packed))


@dataclass(frozen=True, slots=True)
class Exported:
    """A network that was exported."""

    paths: tuple[Path, ...]
    """The files written; of an OpenVINO model the description and the weights."""
    difference: float
    """Greatest difference from torch on the mosaic of the check, of values between 0 and 1."""
    checked_shape: tuple[int, int]
    """Height and width of the mosaic of the check, in pixels."""


def export_network(
    net: nn.Module,
    loaded: LoadedWeights,
    path: Path,
    format_: ExportFormat,
    mosaic: Tensor,
) -> Exported:
    """Write a network as a file of another runtime, once that runtime gives what torch gives.

    Parameters
    ----------
    net
        The network.
    loaded
        What is known of its weights; goes into the metadata.
    path
        The file: ``.onnx``, or ``.xml`` for OpenVINO, beside which a ``.bin`` is written.
    format_
        ``onnx`` or ``openvino``.
    mosaic
        What both are compared on, of `check_mosaic`, or any other amplified mosaic or clip that the
        network takes: the file is made for sizes in general.

    Raises
    ------
    UsageError
        If the format or the suffix is another.
    MissingError
        If the runtime is not installed.
    WeightsError
        If the runtime gives another picture; nothing is written then.
    OutputError
        If the file cannot be written.
    """
    if format_ not in FORMATS:
        raise UsageError(f"format {format_!r}", expected=f"one of {', '.join(FORMATS)}")
    if path.suffix != SUFFIXES[format_]:
        raise UsageError(f"a file named {path.name}", expected=f"a name in {SUFFIXES[format_]}")
    plain = plain_copy(net)
    about = _metadata(loaded)
    make = _make_onnx if format_ == "onnx" else _make_openvino
    run = _run_onnx if format_ == "onnx" else _run_openvino
    with tempfile.TemporaryDirectory(prefix="rawkit-export-") as folder:
        made = Path(folder) / path.name
        with quiet_exporters():
            make(plain, made, about, _interface(describe(loaded.network)))
        found = run(made, mosaic.contiguous().numpy())
        with torch.inference_mode():
            expected = plain(mosaic).numpy()
        difference = float(np.abs(found - expected).max())
        if not difference <= TOLERANCE:
            raise WeightsError(
                f"{format_} gives a picture that differs by {difference:.2g}",
                expected=f"at most {TOLERANCE:g}",
                where=loaded.source,
            )
        written = []
        # The description comes last: where it is, all is.
        for one in sorted(Path(folder).iterdir(), key=lambda file: file.name == path.name):
            target = path.with_name(one.name)
            with output_errors(target):
                write_atomically(target, one.read_bytes())
            written.append(target)
    height, width = expected.shape[-2:]
    return Exported(tuple(reversed(written)), difference, (height, width))


def check_mosaic(network: str, image: RawImage | None = None) -> Tensor:
    """Return what an exported network is compared on: of a raw file, or of a made-up dark frame.

    Parameters
    ----------
    network
        Name in the registry.
    image
        A decoded raw file; amplified by its own estimate.

    Returns
    -------
    Tensor
        float32 (1, 1, H, W), at most about 1000 pixels each way, from the top left. For a network
        for clips the planes of a few frames, (1, 4, T, h, w), of at most about 250 each way: those
        of a raw file are all alike.

    Raises
    ------
    MosaicError
        If the network reads another kind of mosaic.
    """
    about = describe(network)
    multiple = about.multiple
    if image is None:
        generator = np.random.default_rng(0)
        shape: tuple[int, ...] = (1, 1, 5 * multiple, 7 * multiple)
        if about.takes_clips:
            shape = (1, 4, _CHECK_FRAMES, 5 * multiple // 2, 7 * multiple // 2)
        return torch.from_numpy(generator.exponential(0.15, shape).astype(np.float32))
    side = _CHECK_SIDE // (2 if about.takes_clips else 1) // multiple * multiple
    source = amplified(image.pixels, image.mosaic, amplification_base(image), about)
    mosaic = source.window(Area(0, 0, min(side, source.height), min(side, source.width)))
    if not about.takes_clips:
        return mosaic
    return packed_planes(mosaic, about.cell)[:, :, None].repeat(1, 1, _CHECK_FRAMES, 1, 1)


def _metadata(loaded: LoadedWeights) -> dict[str, str]:
    network = describe(loaded.network)
    takes, gives = _interface(network).shapes
    settings = loaded.settings
    return {
        "rawkit_network": network.name,
        "rawkit_reference": network.reference,
        "rawkit_licence": loaded.licence or "",
        "rawkit_amplification": f"{settings.get('amplification', 'auto')} "
        f"{settings.get('amplification_value', 1.0)}",
        "rawkit_cameras": ", ".join(loaded.cameras),
        "rawkit_neutral": "" if loaded.neutral is None else " ".join(map(str, loaded.neutral)),
        "rawkit_input": "max(value - black, 0) / (white - black) x amplification"
        f"{'' if loaded.neutral is None else ' x white balance x neutral'}, float32 "
        f"{takes}",
        "rawkit_output": f"float32 {gives}, RGB of 0 to 1 in the curve it was trained on",
    }


def _make_onnx(net: nn.Module, path: Path, about: dict[str, str], inout: _Interface) -> None:
    onnx = onnx_module("onnx")
    onnx_module("onnxscript")
    program = torch.onnx.export(
        net, (inout.make(),), dynamo=True, input_names=[inout.takes], output_names=[inout.gives],
        dynamic_shapes=(inout.sides(),), verbose=False,
    )  # fmt: skip
    model = program.model_proto  # type: ignore[union-attr] # with dynamo it is a program
    onnx.helper.set_model_props(model, about)
    path.write_bytes(model.SerializeToString())


def _run_onnx(path: Path, mosaic: NDArray[np.float32]) -> NDArray[np.float32]:
    runtime = onnx_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = runtime.InferenceSession(
        path.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
    found: NDArray[np.float32] = session.run(None, {session.get_inputs()[0].name: mosaic})[0]
    return found


def _make_openvino(net: nn.Module, path: Path, about: dict[str, str], inout: _Interface) -> None:
    openvino = openvino_module()
    shape = [-1 if cell else length for length, cell in zip(inout.example, inout.cell, strict=True)]
    model = openvino.convert_model(net, example_input=inout.make(), input=[shape])
    model.input(0).get_tensor().set_names({inout.takes})
    model.output(0).get_tensor().set_names({inout.gives})
    for key, value in about.items():
        model.set_rt_info(value, key)
    openvino.save_model(model, path, compress_to_fp16=False)


def _run_openvino(path: Path, mosaic: NDArray[np.float32]) -> NDArray[np.float32]:
    core = openvino_module().Core()
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    compiled = core.compile_model(core.read_model(path), "CPU", options)
    return np.array(compiled([mosaic])[0])


def onnx_module(name: str) -> Any:
    """Import a module of the extra ``onnx``, or raise MissingError with the way to install it."""
    try:
        return __import__(name)
    except ImportError as error:
        raise MissingError(
            f"{name} is not installed", fix="Install it with: pip install 'rawkit-lowlight[onnx]'."
        ) from error


@contextmanager
def quiet_exporters() -> Iterator[None]:
    """Keep what exporters say of themselves from the terminal; failures still come through."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
