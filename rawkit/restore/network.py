"""One mosaic through a network: amplified, padded, restored, cut, band by band."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from rawkit import models
from rawkit.errors import UsageError, WeightsError
from rawkit.models import (
    BACKENDS,
    PRECISIONS,
    ExportedNetwork,
    Staged,
    amplified,
    best_device,
    compile_openvino,
    describe,
    exporter_of,
    load_network,
    open_exported,
    plan_inference,
    prepare,
)
from rawkit.restore.manifest import identity_of
from rawkit.restore.memory import Held
from rawkit.restore.neutral import KnownNeutral, remember
from rawkit.restore.restorer import Compute, Restorer
from rawkit.sensor import Amplification, equalised_image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import nn

    from rawkit.colour import Development
    from rawkit.restore.restorer import Backend
    from rawkit.sensor import RawImage

_OPENVINO_BYTES = 2_000_000_000
"""With this much its own tiles, larger than a plan's, fit pictures of a camera."""
_TYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}


def load_restorer(weights: Path, compute: Compute | None = None) -> Restorer:
    """Load published weights, a checkpoint of ours or an exported file and prepare the network.

    Raises
    ------
    MissingError, WeightsError
        If there is no such file, or it is not weights of a known network; of an exported file also
        if its card or its runtime is not there.
    UsageError
        If there is no such device, it does not compute in that precision, or the file is of
        another backend.
    """
    chosen = compute or Compute(weights, backend_of(weights))
    _check_backend(weights, chosen)
    if exporter_of(weights) is not None:
        return _exported(weights, chosen)
    device = _device(chosen)
    if chosen.backend == "openvino" and chosen.precision not in PRECISIONS:
        raise UsageError(f"{chosen.precision} by OpenVINO", expected=" or ".join(PRECISIONS))
    net, loaded = load_network(weights)
    if chosen.overlap is not None:
        models.Overlap(*chosen.overlap).check(describe(loaded.network).multiple)
    try:
        kind = loaded.settings.get("amplification", "auto")
        multiple = float(loaded.settings.get("ratio_to_estimate", 1.0))
        amplification = Amplification(kind, float(loaded.settings.get("amplification_value", 1.0)))
    except (TypeError, ValueError, UsageError) as error:
        raise WeightsError(f"settings that cannot be used ({error})", where=weights) from error
    ready = _prepared(net, chosen, device)
    identity = identity_of(weights)
    return Restorer(
        ready, loaded.network, loaded.licence, amplification, chosen, identity, multiple,
        loaded.neutral, loaded.published, loaded.cameras,
        bool(loaded.settings.get("k_sigma", describe(loaded.network).stabilised)),
    )  # fmt: skip


def backend_of(weights: Path) -> Backend:
    """Return what runs a file of weights where nothing is asked for: its runtime, or torch."""
    exporter = exporter_of(weights)
    return "torch" if exporter is None else exporter.name


def _check_backend(weights: Path, compute: Compute) -> None:
    exporter = exporter_of(weights)
    if exporter is None:
        if compute.backend not in BACKENDS:
            raise UsageError(
                f"{weights.name} by {compute.backend}", expected=" or ".join(BACKENDS),
                fix=f"Or export it first: rawkit export --format {compute.backend}.",
            )  # fmt: skip
        return
    if compute.backend != exporter.name:
        raise UsageError(
            f"{weights.name} by {compute.backend}", expected=f"--backend {exporter.name}"
        )
    if compute.precision != "f32" or compute.device not in {None, "cpu"}:
        what = compute.device if compute.precision == "f32" else compute.precision
        raise UsageError(
            f"{weights.name} in or on {what}",
            expected="neither: an exported file runs on the CPU in what it was exported in",
        )
    if compute.overlap is not None:
        raise UsageError(
            f"{weights.name} in patches that overlap", expected="no --overlap",
            fix="An exported file is run in windows of its own sizes: use the weights themselves.",
        )  # fmt: skip


def _exported(weights: Path, compute: Compute) -> Restorer:
    """Prepare a network from an exported file, which its card describes."""
    net = open_exported(weights)
    card = net.card
    try:
        kind: Any = card.amplification.kind
        amplification = Amplification(kind, card.amplification.value)
    except UsageError as error:
        raise WeightsError(f"a card that cannot be used ({error})", where=weights) from error
    # What the weights make neutral was found as they were exported.
    remember(KnownNeutral(card.sha256, card.colour.neutral))
    return Restorer(
        net, card.network, card.licence, amplification, compute, card.sha256,
        card.amplification.ratio_to_estimate, card.colour.wanted, card.colour.published,
        card.seen(),
    )  # fmt: skip


def restore_bands(
    image: RawImage,
    restorer: Restorer,
    development: Development,
    held: Held | None = None,
    tables: NDArray[np.uint16] | None = None,
) -> Iterator[NDArray[np.float32]]:
    """Restore a decoded mosaic as `develop` has decided, in bands from the top.

    `held` is what the caller holds meanwhile; tiles are chosen so that all fits. For a network
    trained on equalised planes `tables` are their curves; None: the mosaic's own.

    Yields float32 (rows, width, 3), 0 to 1; together they are the whole visible area, not rotated.

    Raises
    ------
    MosaicError
        If the network reads another kind of mosaic.
    UsageError
        If it gives mosaics.
    """
    if restorer.gives_mosaic:
        raise UsageError(
            f"a picture by {restorer.network}, which gives mosaics",
            expected="a network that gives pictures, such as lamba2021",
            fix="`rawkit restore` develops what it gives.",
        )
    if restorer.amplification.kind == "equalise":
        image = equalised_image(image, tables)
    mosaic = amplified(
        image.pixels, image.mosaic, development.fed, describe(restorer.network), development.gains
    )
    if isinstance(restorer.net, ExportedNetwork):
        found = restorer.net.bands(mosaic)
        yield from development.coloured(band for _, band in found)
        return
    height, width = image.pixels.shape
    tile, _ = tile_for(restorer, height, width, held)
    if not isinstance(restorer.net, Staged):
        raise UsageError(f"a {type(restorer.net).__name__}", expected="a prepared network")
    patches = None if restorer.compute is None else restorer.compute.overlap
    if patches is not None:
        bands = models.overlapped_bands(restorer.net, mosaic, models.Overlap(*patches))
    else:
        bands = models.restore_bands(restorer.net, mosaic, tile=tile)
    yield from development.coloured(band for _, band in bands)


def tile_for(
    restorer: Restorer, height: int, width: int, held: Held | None = None
) -> tuple[int | None, str | None]:
    """Return the side of tiles with which a picture fits into memory, None for the fastest.

    `held` is what the caller holds meanwhile. Where no tile is small enough the smallest
    is returned, and what to say of it.
    """
    compute = restorer.compute
    if compute is None or compute.max_ram is None or compute.backend not in BACKENDS:
        return None, None  # windows of an exported network have the sizes they have
    if compute.backend == "openvino" and compute.max_ram >= _OPENVINO_BYTES:
        return None, None
    beside = held or Held()
    tile, why = _planned(restorer.network, compute, height, width, beside)
    if tile is not None:
        return tile, None
    # What was held before cannot be mended by small tiles, which take much longer.
    tile, _ = _planned(restorer.network, compute, height, width, replace(beside, before=0))
    if tile is not None:
        return tile, why
    geometry = describe(restorer.network).geometry
    cell = geometry.render_multiple
    return max(cell, geometry.render_halo // cell * cell), why


def _planned(
    network: str, compute: Compute, height: int, width: int, beside: Held
) -> tuple[int | None, str | None]:
    """Return the side of tiles that fits; None, and what to say, where none does."""
    if compute.max_ram is None:
        return None, None
    try:
        plan = plan_inference(
            network, height, width, compute.max_ram,
            backend="openvino" if compute.backend == "openvino" else "torch",
            others=beside.others, before=beside.before,
            band_pixel=beside.band_pixel,
        )  # fmt: skip
    except UsageError as error:
        return None, f"{error.found}. {error.fix}"
    return plan.tile, None


def restore_image(
    image: RawImage, restorer: Restorer, development: Development
) -> NDArray[np.float32]:
    """Restore a decoded mosaic, as `restore_bands` does, at once: (height, width, 3)."""
    return np.concatenate(list(restore_bands(image, restorer, development)))


def _prepared(net: nn.Module, compute: Compute, device: torch.device) -> Staged | nn.Module:
    if compute.backend == "openvino" and compute.precision != "f16":
        return compile_openvino(net, precision=compute.precision)
    return prepare(net, device=device, dtype=_TYPES[compute.precision])


def _device(compute: Compute) -> torch.device:
    if compute.backend == "openvino":
        if compute.device not in {None, "cpu"}:
            raise UsageError(f"OpenVINO on {compute.device}", expected="cpu, or --backend torch")
        return torch.device("cpu")
    if compute.device is None:
        return best_device()
    try:
        device = torch.device(compute.device)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(
            f"device {compute.device!r} ({str(error).splitlines()[0]})",
            expected="one that torch can use, such as cpu or cuda",
        ) from error
    return device
