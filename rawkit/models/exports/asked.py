"""What is asked for of an export, checked against what its format and its network can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from rawkit.errors import UsageError
from rawkit.models.exports.request import Asked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from rawkit.models.exports.formats import Exporter
    from rawkit.models.exports.request import ExportPrecision, Size
    from rawkit.models.registry import Network

USUAL_SIZES: tuple[Size, ...] = ((512, 768),)
"""Sizes where none is named."""
MOST_SIZES = 8
"""In one file: each makes it take longer to write and to load."""


def first_delegate(exporter: Exporter) -> str:
    """Return what runs a format's files where nothing else is asked for, which can run here."""
    return exporter.delegates[0] if exporter.delegates else ""


def asked_for(
    exporter: Exporter,
    network: Network,
    about: Mapping[str, str],
    sizes: Sequence[Size],
    precision: ExportPrecision,
    delegate: str,
) -> Asked:
    """Check what is asked for.

    Raises
    ------
    UsageError
        If the format has no such precision or delegate, a size does not fit the network, sizes are
        named where any will do, or the format cannot express the network.
    """
    chosen = delegate or first_delegate(exporter)
    _check_delegate(exporter, chosen)
    if precision not in exporter.precisions:
        raise UsageError(
            f"{precision} for {exporter.name}", expected=" or ".join(exporter.precisions)
        )
    if not exporter.fixed:
        if sizes:
            raise UsageError(
                f"sizes for {exporter.name}", expected="none: its files take pictures of any size",
                fix="Leave --size out.",
            )  # fmt: skip
        return Asked(about, (), precision, chosen)
    if network.takes_clips:
        raise UsageError(
            f"{network.name}, which takes clips of any length, for {exporter.name}",
            expected="a network for single mosaics: sizes are fixed there",
            fix="Export it for another runtime: --format onnx.",
        )
    return Asked(about, _sizes(network, sizes or USUAL_SIZES), precision, chosen)


def fitted(mosaic: Tensor, size: Size) -> Tensor:
    """Return (1, 1, height, width) of a mosaic: its top left, and where it ends all of it again."""
    rows, columns = (
        torch.arange(most) % side for most, side in zip(size, mosaic.shape[-2:], strict=True)
    )
    return mosaic[..., rows, :][..., columns].contiguous()


def _check_delegate(exporter: Exporter, delegate: str) -> None:
    if delegate and delegate not in exporter.delegates:
        there = ", ".join(exporter.delegates)
        raise UsageError(
            f"delegate {delegate!r} of {exporter.name}",
            expected=f"one of {there}" if there else "none: it has no choice of them",
        )


def _sizes(network: Network, sizes: Sequence[Size]) -> tuple[Size, ...]:
    multiple = network.multiple
    for height, width in sizes:
        if min(height, width) < 1 or height % multiple or width % multiple:
            near = [max(1, -(-side // multiple)) * multiple for side in (height, width)]
            raise UsageError(
                f"a size of {height}x{width}",
                expected=f"height and width in multiples of {multiple}, as {network.name} takes",
                fix=f"The next larger one is {near[0]}x{near[1]}.",
            )
    found = tuple(dict.fromkeys(sizes))
    if len(found) > MOST_SIZES:
        raise UsageError(f"{len(found)} sizes", expected=f"at most {MOST_SIZES} in one file")
    return found
