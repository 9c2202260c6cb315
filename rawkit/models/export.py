"""A trained network as an ONNX or OpenVINO file that other programs run, checked before it is kept.

The file takes what the network takes: the amplified mosaic, float32 (1, 1, H, W) with H and W
multiples of `Network.multiple`, and gives float32 (1, 3, H, W). Its metadata says so.
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
from rawkit.models.tiles import Area
from rawkit.sensor import amplification_base

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from rawkit.models.weights import LoadedWeights
    from rawkit.sensor import RawImage

ExportFormat = Literal["onnx", "openvino"]
FORMATS: tuple[ExportFormat, ...] = ("onnx", "openvino")
SUFFIXES = {"onnx": ".onnx", "openvino": ".xml"}
TOLERANCE = 1e-4
"""Greatest difference from torch that is accepted, of values between 0 and 1."""
_CHECK_SIDE = 1000
_INPUT, _OUTPUT = "mosaic", "picture"


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
        float32 (1, 1, H, W), amplified: what both are compared on. Any size that the network takes:
        the file is made for sizes in general.

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
        with _quiet():
            make(plain, made, about, loaded.network)
        found = run(made, mosaic.numpy())
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
    return Exported(tuple(reversed(written)), difference, (mosaic.shape[2], mosaic.shape[3]))


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
        float32 (1, 1, H, W), at most about 1000 pixels each way, from the top left.

    Raises
    ------
    MosaicError
        If the network reads another kind of mosaic.
    """
    about = describe(network)
    side = _CHECK_SIDE // about.multiple * about.multiple
    if image is None:
        generator = np.random.default_rng(0)
        light = generator.exponential(0.15, (about.multiple * 5, about.multiple * 7))
        return torch.from_numpy(light.astype(np.float32))[None, None]
    source = amplified(image.pixels, image.mosaic, amplification_base(image), about)
    return source.window(Area(0, 0, min(side, source.height), min(side, source.width)))


def _metadata(loaded: LoadedWeights) -> dict[str, str]:
    network = describe(loaded.network)
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
        f"(1, 1, H, W), {network.cell.name} mosaic with its canonical cell at (0, 0), H and W "
        f"multiples of {network.multiple}",
        "rawkit_output": "float32 (1, 3, H, W), RGB of 0 to 1 in the curve it was trained on",
    }


def _make_onnx(net: nn.Module, path: Path, about: dict[str, str], name: str) -> None:
    onnx = _module("onnx")
    _module("onnxscript")
    multiple = describe(name).multiple
    example = torch.zeros(1, 1, 3 * multiple, 4 * multiple)
    sides = {2: multiple * Dim("rows", min=1), 3: multiple * Dim("columns", min=1)}
    program = torch.onnx.export(
        net, (example,), dynamo=True, input_names=[_INPUT], output_names=[_OUTPUT],
        dynamic_shapes=(sides,), verbose=False,
    )  # fmt: skip
    model = program.model_proto  # type: ignore[union-attr] # with dynamo it is a program
    onnx.helper.set_model_props(model, about)
    path.write_bytes(model.SerializeToString())


def _run_onnx(path: Path, mosaic: NDArray[np.float32]) -> NDArray[np.float32]:
    runtime = _module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = runtime.InferenceSession(
        path.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
    found: NDArray[np.float32] = session.run(None, {_INPUT: mosaic})[0]
    return found


def _make_openvino(net: nn.Module, path: Path, about: dict[str, str], name: str) -> None:
    openvino = openvino_module()
    multiple = describe(name).multiple
    example = torch.zeros(1, 1, 3 * multiple, 4 * multiple)
    model = openvino.convert_model(net, example_input=example, input=[[1, 1, -1, -1]])
    model.input(0).get_tensor().set_names({_INPUT})
    model.output(0).get_tensor().set_names({_OUTPUT})
    for key, value in about.items():
        model.set_rt_info(value, key)
    openvino.save_model(model, path, compress_to_fp16=False)


def _run_openvino(path: Path, mosaic: NDArray[np.float32]) -> NDArray[np.float32]:
    core = openvino_module().Core()
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    compiled = core.compile_model(core.read_model(path), "CPU", options)
    return np.array(compiled([mosaic])[0])


def _module(name: str) -> Any:
    try:
        return __import__(name)
    except ImportError as error:
        raise MissingError(
            f"{name} is not installed", fix="Install it with: pip install 'rawkit-lowlight[onnx]'."
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
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
