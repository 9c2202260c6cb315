"""The card of a network that is being exported, filled in."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import torch

from rawkit.colour import SENSOR_CONSTANTS
from rawkit.models.exports.card import (
    CARD_VERSION,
    Amplified,
    Card,
    Colour,
    checksum,
    machine,
)
from rawkit.models.exports.interface import interface_of
from rawkit.models.neutral import find_neutral
from rawkit.models.registry import describe

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from rawkit.models.exports.card import Check
    from rawkit.models.exports.formats import Exporter
    from rawkit.models.exports.request import Asked
    from rawkit.models.weights import LoadedWeights
    from rawkit.sensor import Neutral

LEVELS = (
    "max(value - black, 0) / (white - black) of each pixel, black by plane, not clipped at 1, "
    "times the amplification, times the plane's gain where a neutral is wanted: float32"
)
"""How the input is made, in words."""
_NO_RUNTIME = "Core ML runs on Apple's machines alone"


def card_of(
    net: nn.Module,
    loaded: LoadedWeights,
    path: Path,
    exporter: Exporter,
    asked: Asked,
    checks: tuple[Check, ...],
) -> Card:
    """Fill in the card of a file that was made."""
    about = describe(loaded.network)
    digest, size = checksum(path)
    inout = interface_of(about)
    takes, gives = inout.shapes
    settings = loaded.settings
    return Card(
        rawkit_card=CARD_VERSION,
        file=path.name,
        sha256=digest,
        bytes=size,
        format=exporter.name,
        delegate=asked.delegate,
        precision=asked.precision,
        runtime=_runtime(exporter),
        network=about.name,
        reference=about.reference,
        licence=loaded.licence,
        weights=checksum(loaded.source)[0] if loaded.source.is_file() else "",
        takes=f"{inout.takes}, float32 {takes}",
        gives=f"{inout.gives}, float32 {gives}, RGB of 0 to 1 in the curve it was trained on",
        levels=LEVELS,
        multiple=about.multiple,
        sizes=asked.sizes,
        amplification=Amplified(
            kind=str(settings.get("amplification", "auto")),
            value=float(settings.get("amplification_value", 1.0)),
            ratio_to_estimate=float(settings.get("ratio_to_estimate", 1.0)),
        ),
        colour=Colour(
            wanted=loaded.neutral,
            neutral=_neutral(net, loaded),
            published=loaded.published,
            cameras={model: one.neutral for model, one in loaded.cameras.items()},
            sensor=dict(SENSOR_CONSTANTS),
        ),
        checks=checks,
        unchecked=None if checks else _NO_RUNTIME,
        machine=machine(torch.get_num_threads()),
    )


def _neutral(net: nn.Module, loaded: LoadedWeights) -> Neutral | None:
    """Return the grey that the weights make neutral: as they say, or found by asking them."""
    if loaded.neutral is not None:
        return loaded.neutral
    known = [one.neutral for one in loaded.cameras.values() if one.neutral is not None]
    if known:
        return known[0]
    about = describe(loaded.network)
    if about.takes_clips:
        return None
    found = find_neutral(net, about.cell, about.multiple)
    return (found.red, 1.0, found.blue) if found.found else None


def _runtime(exporter: Exporter) -> str:
    try:
        return f"{exporter.package} {version(exporter.package)}"
    except PackageNotFoundError:
        return exporter.package
