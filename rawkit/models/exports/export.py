"""A trained network as a file that other programs run, checked before it is kept.

The file takes what the network takes: the amplified mosaic, float32 (1, 1, H, W) with H and W
multiples of `Network.multiple`, and gives float32 (1, 3, H, W). Of a network for clips it takes
amplified planes, (1, 4, T, H/2, W/2) with any number of frames, and gives (1, 3, T, H, W). Its
metadata says so.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from rawkit.errors import UsageError, WeightsError
from rawkit.files import output_errors, write_atomically
from rawkit.models.amplified import amplified
from rawkit.models.exports.formats import Asked, exporter_named
from rawkit.models.exports.interface import interface_of
from rawkit.models.exports.quiet import quiet_exporters
from rawkit.models.openvino import plain_copy
from rawkit.models.registry import describe
from rawkit.models.sid_unet import packed_planes
from rawkit.models.tiles import Area
from rawkit.sensor import amplification_base

if TYPE_CHECKING:
    from torch import Tensor, nn

    from rawkit.models.exports.formats import ExportFormat
    from rawkit.models.weights import LoadedWeights
    from rawkit.sensor import RawImage

TOLERANCE = 1e-4
"""Greatest difference from torch that is accepted, of values between 0 and 1."""
_CHECK_SIDE = 1000
_CHECK_FRAMES = 5


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
    exporter = exporter_named(format_)
    if path.suffix != exporter.suffix:
        raise UsageError(f"a file named {path.name}", expected=f"a name in {exporter.suffix}")
    plain = plain_copy(net)
    asked = Asked(_metadata(loaded))
    with tempfile.TemporaryDirectory(prefix="rawkit-export-") as folder:
        made = Path(folder) / path.name
        with quiet_exporters():
            exporter.make(plain, made, interface_of(describe(loaded.network)), asked)
        found = exporter.open(made)(mosaic.contiguous().numpy())
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
    takes, gives = interface_of(network).shapes
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
