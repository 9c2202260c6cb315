"""An exported file run by its own runtime beside torch: how far they differ, and their times."""

from __future__ import annotations

import math
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import torch

from rawkit.errors import WeightsError
from rawkit.models.exports.card import Check
from rawkit.models.stages import prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from rawkit.models.exports.formats import Exporter
    from rawkit.models.exports.request import ExportPrecision, Run

LEAST_PSNR = {"f16": 60.0, "int8": 30.0}
"""Decibels beside torch's f32, peak 1, below which a file is not kept."""
_RUNS = 3
_CLIP_AXES = 5


def compared(run: Run, net: nn.Module, mosaics: Sequence[Tensor], on: str) -> tuple[Check, ...]:
    """Run mosaics, or clips, through both.

    Parameters
    ----------
    run
        The exported file.
    net
        The network that it was made of, folded, on the CPU.
    mosaics
        float32 (1, 1, H, W), or (1, 4, T, H, W).
    on
        What they are of.
    """
    ready = prepare(net)
    return tuple(_check(run, net, ready, mosaic.contiguous(), on) for mosaic in mosaics)


def _check(run: Run, net: nn.Module, ready: nn.Module, mosaic: Tensor, on: str) -> Check:
    values = mosaic.numpy()
    found = run(values)
    with torch.inference_mode():
        expected = net(mosaic).numpy()
        if found.shape != expected.shape:
            raise WeightsError(
                f"a picture of shape {found.shape}", expected=f"{expected.shape}, as torch gives"
            )
        seconds = _shortest(lambda: run(values))
        torch_seconds = _shortest(lambda: ready(mosaic))
    difference = np.abs(found - expected)
    scale = 2 if mosaic.ndim == _CLIP_AXES else 1
    height, width = (side * scale for side in mosaic.shape[-2:])
    return Check(
        height=height,
        width=width,
        on=on,
        difference=float(difference.max()),
        psnr=psnr_of(difference),
        seconds=seconds,
        torch_seconds=torch_seconds,
    )


def refuse(checks: Sequence[Check], exporter: Exporter, precision: ExportPrecision) -> None:
    """Raise WeightsError where a picture differs by more than its precision excuses."""
    for one in checks:
        if precision == "f32":
            good = one.difference <= exporter.tolerance
            said = f"differs by {one.difference:.2g}", f"at most {exporter.tolerance:g}"
        else:
            least = LEAST_PSNR[precision]
            psnr = math.inf if one.psnr is None else one.psnr
            good = psnr >= least
            said = f"comes to {psnr:.1f} dB beside torch's", f"at least {least:g} dB of {precision}"
        if not good:
            raise WeightsError(
                f"{exporter.name} gives a picture of {one.width}x{one.height} that {said[0]}",
                expected=said[1],
            )


def psnr_of(difference: NDArray[np.float32]) -> float | None:
    """Return 10 log10 of 1 over the mean square, in decibels; None where nothing differs."""
    mean = float(np.square(difference, dtype=np.float64).mean())
    if not math.isfinite(mean):
        return -math.inf
    return -10 * math.log10(mean) if mean > 0 else None


def _shortest(act: Callable[[], object]) -> float:
    best = math.inf
    for _ in range(_RUNS):
        start = perf_counter()
        act()
        best = min(best, perf_counter() - start)
    return best
