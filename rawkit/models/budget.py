"""How inference spends its memory, said and checked before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rawkit.errors import UsageError
from rawkit.models.costs import BACKENDS, Backend, MemoryPlan
from rawkit.models.padding import padding_for
from rawkit.models.registry import describe
from rawkit.models.tiles import tile_shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rawkit.models.geometry import Geometry
    from rawkit.models.registry import Network

# Measured as peak resident memory on the CPU (torch 2.13, OpenVINO 2026.4), rounded up. What each
# network takes stands beside it.
_PROCESS: dict[Backend, int] = {"torch": 355 * 10**6, "openvino": 540 * 10**6}
"""Interpreter, libraries, the network and what is compiled of it."""
_FEATURE_PIXEL = 1 / 4
"""Bytes a pixel of the whole mosaic that the features take, and take while they are made."""
_BANDS = 2
"""Bands held at a time: the one being filled and the one the caller has."""
_BAND_PIXEL = 3 * 4
_MOSAIC_PIXEL = 2


@dataclass(frozen=True, slots=True)
class InferencePlan(MemoryPlan):
    """The tile that fits a budget, and how the memory is spent."""

    tile: int
    """Side of a tile's core in pixels, for `restore_bands`."""


def plan_inference(
    network: str,
    height: int,
    width: int,
    budget: int,
    *,
    backend: Backend = "torch",
    others: Mapping[str, int] | None = None,
    before: int = 0,
    band_pixel: int = 0,
) -> InferencePlan:
    """Choose the largest tile, up to the one that is fastest, that fits a budget.

    Parameters
    ----------
    network
        Name in the registry.
    height, width
        Visible area in pixels.
    budget
        Bytes that the whole process may use.
    backend
        What runs the network.
    others
        Bytes of what else the caller holds at that time, by purpose: pictures being written, files
        being decoded. The mosaic itself, as 16-bit integers, is counted here.
    before
        Bytes of what the caller held before the network runs and holds no more: a plan takes as
        much as the greater of both.
    band_pixel
        Bytes that the caller holds for each pixel of a band, of bands that wait to be written.

    Raises
    ------
    UsageError
        If there is no such network or backend, or if not even the smallest tile fits; the message
        names the smallest budget that would do.
    """
    about = describe(network)
    if backend not in BACKENDS:
        raise UsageError(f"backend {backend!r}", expected=f"one of {', '.join(BACKENDS)}")
    geometry: Geometry = about.geometry
    plans = [
        InferencePlan(
            _parts(about, height, width, tile, backend, before, band_pixel) | dict(others or {}),
            budget,
            tile,
        )
        for tile in _candidates(geometry)
    ]
    for plan in plans:
        if plan.fits:
            return plan
    least = min(plans, key=lambda plan: plan.total)
    raise UsageError(
        f"restoring {height}x{width} pixels with {network} needs {least.text()}",
        expected="what fits into the memory allowed",
        fix=f"Allow it {-(-least.total // 10**7) / 100:.2f}GB"
        + (", or use the backend torch." if backend != "torch" else "."),
    )


def _candidates(geometry: Geometry) -> list[int]:
    """Sides of tiles from the fastest one down, each about three quarters of the one before."""
    cell, tile = geometry.render_multiple, geometry.render_tile
    # Below the halo nearly all is halo: time grows and memory hardly falls.
    least = max(cell, geometry.render_halo // cell * cell)
    sides = []
    while tile > least:
        sides.append(tile)
        tile = tile * 3 // 4 // cell * cell
    return [*sides, least]


def _parts(
    network: Network,
    height: int,
    width: int,
    tile: int,
    backend: Backend,
    before: int,
    band_pixel: int,
) -> dict[str, int]:
    geometry = network.geometry
    padding = padding_for(height, width, (0, 0), network.multiple, network.cell)
    rows, columns = tile_shape(
        padding.padded_height,
        padding.padded_width,
        tile=tile,
        halo=geometry.render_halo,
        multiple=geometry.render_multiple,
    )
    pixels = padding.padded_height * padding.padded_width
    # The first and last band are longer than the others by a halo, and no longer than a tile.
    rendering = (
        rows * columns * network.costs.tile_pixel[backend]
        + rows * width * (_BANDS * _BAND_PIXEL + band_pixel)
        + round(pixels * _FEATURE_PIXEL)
    )
    looking_far = round(pixels * network.costs.far_pixel[backend])
    running = max(rendering, looking_far)
    return {
        "process": _PROCESS[backend] + network.costs.weights,
        "mosaic": height * width * _MOSAIC_PIXEL,
        "network": running,
        **({"more before it": before - running} if before > running else {}),
    }
