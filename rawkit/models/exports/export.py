"""A trained network as a file that other programs run, checked before it is kept.

The file takes what the network takes: the amplified mosaic, float32 (1, 1, H, W) with H and W
multiples of `Network.multiple`, and gives float32 (1, 3, H, W). Of a network for clips it takes
amplified planes, (1, 4, T, H/2, W/2) with any number of frames, and gives (1, 3, T, H, W). Its
metadata and the card beside it say so.
"""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from rawkit.errors import RawkitError, UsageError
from rawkit.files import output_errors, write_together
from rawkit.models.amplified import amplified
from rawkit.models.exports.asked import asked_for, first_delegate, fitted
from rawkit.models.exports.card import card_path
from rawkit.models.exports.check import compared, refuse
from rawkit.models.exports.described import card_of
from rawkit.models.exports.formats import exporter_named
from rawkit.models.exports.interface import interface_of
from rawkit.models.exports.quiet import quiet_exporters
from rawkit.models.exports.run import opened
from rawkit.models.openvino import plain_copy
from rawkit.models.registry import describe
from rawkit.models.sid_unet import packed_planes
from rawkit.models.tiles import Area
from rawkit.sensor import amplification_base

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from rawkit.models.exports.card import Card, Check
    from rawkit.models.exports.formats import Exporter
    from rawkit.models.exports.request import Asked, ExportFormat, ExportPrecision, Size
    from rawkit.models.registry import Network
    from rawkit.models.weights import LoadedWeights
    from rawkit.sensor import RawImage

_CHECK_SIDE = 1000
_CHECK_FRAMES = 5


@dataclass(frozen=True, slots=True)
class Exported:
    """A network that was exported."""

    paths: tuple[Path, ...]
    """The files written, the card last; of an OpenVINO model the description and the weights."""
    card: Card
    """What the card says."""

    @property
    def difference(self) -> float:
        """Greatest difference from torch, of values between 0 and 1; NaN where it was not run."""
        return max((one.difference for one in self.card.checks), default=math.nan)

    @property
    def checked_shape(self) -> tuple[int, int]:
        """Height and width of the last mosaic of the check, in pixels; 0 where it was not run."""
        if not self.card.checks:
            return 0, 0
        return self.card.checks[-1].height, self.card.checks[-1].width


def export_network(
    net: nn.Module,
    loaded: LoadedWeights,
    path: Path,
    format_: ExportFormat,
    mosaic: Tensor,
    *,
    sizes: Sequence[Size] = (),
    precision: ExportPrecision = "f32",
    delegate: str = "",
    checked_on: str = "a made-up frame",
) -> Exported:
    """Write a network as a file of another runtime, once that runtime gives what torch gives.

    A card is written beside it: see `rawkit.models.exports.card`.

    Parameters
    ----------
    net
        The network.
    loaded
        What is known of its weights; goes into the metadata and onto the card.
    path
        The file, named as the format's are; of OpenVINO a ``.bin`` is written beside it.
    format_
        ``onnx``, ``openvino``, ``litert`` or ``executorch``.
    mosaic
        What both are compared on, of `check_mosaic`, or any other amplified mosaic or clip that the
        network takes. Where sizes are fixed each is tried on a part of it, or on it repeated.
    sizes
        Heights and widths of mosaics, multiples of what the network wants, for a format in which
        they are fixed; 512x768 if there are none. None for the others, which take any.
    precision
        ``f32``; ``f16`` and ``int8`` where the format has them: the loss is on the card.
    delegate
        What runs it inside its runtime; the format's first if empty.
    checked_on
        What the mosaic is of, for the card.

    Raises
    ------
    UsageError
        If there is no such format, precision or delegate, the suffix is another, a size does not
        fit, or the format cannot express the network.
    MissingError
        If the runtime is not installed; the message says which extra to install.
    WeightsError
        If the runtime gives another picture; nothing is written then.
    OutputError
        If the file cannot be written.
    """
    exporter = exporter_named(format_)
    about = describe(loaded.network)
    if path.suffix != exporter.suffix:
        raise UsageError(f"a file named {path.name}", expected=f"a name in {exporter.suffix}")
    asked = asked_for(exporter, about, _metadata(loaded), sizes, precision, delegate)
    plain = plain_copy(net)
    with tempfile.TemporaryDirectory(prefix="rawkit-export-") as folder:
        made = Path(folder) / path.name
        _make(exporter, plain, made, about, asked)
        mosaics = [fitted(mosaic, size) for size in asked.sizes] or [mosaic]
        checks: tuple[Check, ...] = ()
        if asked.delegate == first_delegate(exporter):
            with quiet_exporters():
                checks = compared(opened(exporter, made), plain, mosaics, checked_on)
            refuse(checks, exporter, asked.precision)
        card = card_of(plain, loaded, made, exporter, asked, checks)
        card_path(made).write_text(card.model_dump_json(indent=2) + "\n", "utf-8")
        # The file itself comes last but the card: where they are, all is.
        order = [path.name, card_path(path).name]
        files = sorted(
            Path(folder).iterdir(), key=lambda file: (file.name in order, file.name != path.name)
        )
        written = [path.with_name(one.name) for one in files]
        with output_errors(path):
            parts = [(to, one.read_bytes()) for to, one in zip(written, files, strict=True)]
        write_together(parts)
    kept = [one for one in written if one.name not in order]
    return Exported((path, *kept, card_path(path)), card)


def _make(exporter: Exporter, net: nn.Module, path: Path, about: Network, asked: Asked) -> None:
    """Write the file; what the format's own tools say of a network becomes an error of ours."""
    try:
        with quiet_exporters():
            exporter.make(net, path, interface_of(about), asked)
    except (RawkitError, KeyboardInterrupt, MemoryError):
        raise
    except Exception as error:
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UsageError(
            f"{about.name}, which {exporter.name} cannot express ({said})",
            expected="a network of operations that it has",
            fix="Export it for another runtime: --format onnx.",
        ) from error


def check_mosaic(network: str, image: RawImage | None = None, *, side: int = _CHECK_SIDE) -> Tensor:
    """Return what an exported network is compared on: of a raw file, or of a made-up dark frame.

    Parameters
    ----------
    network
        Name in the registry.
    image
        A decoded raw file; amplified by its own estimate.
    side
        At most how many pixels of it each way.

    Returns
    -------
    Tensor
        float32 (1, 1, H, W), at most `side` pixels each way, from the top left. For a network
        for clips the planes of a few frames, (1, 4, T, h, w), at most a quarter of that each way:
        those of a raw file are all alike.

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
    side = side // (2 if about.takes_clips else 1) // multiple * multiple
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
