"""What is in a camera's profile: plain values, figures, and a page of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rawkit.noise import relations

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.noise import CameraProfile, Estimate, IsoProfile

ESTIMATES = ("gain", "read_scale", "read_shape", "row", "column", "bias")
"""What is told with intervals, in this order."""


def describe_profile(profile: CameraProfile, path: Path | None = None) -> dict[str, Any]:
    """Describe a profile: parameters with their intervals for each ISO, relations, shading."""
    mosaic = profile.mosaic
    lines = relations([one.model() for one in profile.isos])
    return {
        "kind": "camera profile",
        **({"path": str(path)} if path is not None else {}),
        "make": profile.make,
        "model": profile.model,
        "pattern": mosaic.pattern_text,
        "visible_size": [mosaic.height, mosaic.width],
        "black_level": list(mosaic.black_level),
        "white_level": mosaic.white_level,
        "isos": [_iso(one, mosaic.black_level) for one in profile.isos],
        "relations": {
            name: {part: getattr(line, part) for part in ("slope", "intercept", "scatter")}
            for name, line in lines.items()
        },
        "shading": [
            {"low": one.low, "high": one.high, "spread": float(profile.shading(one.high).std())}
            for one in profile.ranges
        ],
        "hot_pixels": len(profile.hot),
        "notes": list(profile.notes),
    }


def _iso(one: IsoProfile, black: tuple[float, ...]) -> dict[str, Any]:
    return {
        "iso": one.iso,
        **{name: _estimate(getattr(one, name)) for name in ESTIMATES},
        "gain_source": one.gain_source,
        "step": one.step,
        "white": one.white,
        "white_seen": one.white_seen,
        "full_well": float((one.white - np.mean(black)) / one.gain.array.mean()),
        "dark_frames": one.dark_frames,
        "flat_frames": one.flat_frames,
    }


def _estimate(found: Estimate) -> dict[str, list[float]]:
    return {part: list(map(float, getattr(found, part))) for part in ("value", "low", "high")}
