"""Coordinates made row by row: the slow way that `rawkit.store.coordinates` must equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rawkit.sensor import Exposure, exposure_ratio, gain_ratio
from rawkit.store import NO_TARGET, exposure_of, long_of_pair
from rawkit.store.coordinates import stored_rows
from rawkit.store.layout import COORDINATES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from rawkit.store import FrameRow


def slow_coordinates(rows: Sequence[FrameRow], group: str) -> dict[str, NDArray[np.generic]]:
    """Coordinate arrays of a group, (frames,) or (frames, planes), from the rows of a store."""
    longs = long_of_pair(row for row in rows if row.group == group)
    stored = stored_rows(rows, group)
    columns: Mapping[str, list[object]] = {name: [] for name in COORDINATES}
    for row in stored:
        for name, value in _values(row, longs.get(row.pair)).items():
            columns[name].append(value)
    return {name: np.array(values, COORDINATES[name][0]) for name, values in columns.items()}


def _values(row: FrameRow, long: FrameRow | None) -> dict[str, object]:
    truth = row if row.role == "long" else long
    if row.target_index != NO_TARGET:
        target = row.target_index  # a short may bring its own
    else:
        target = truth.target_index if truth else NO_TARGET
    own, other = exposure_of(row), exposure_of(truth) if truth else Exposure(None, None, None)
    return {
        "role": int(row.role == "long"),
        "iso": _or_nan(row.iso),
        "exposure_time": _or_nan(row.exposure_time),
        "f_number": _or_nan(row.f_number),
        "black_level": row.black_level,
        "white_level": row.white_level,
        "white_balance": row.white_balance,
        "target_index": target,
        "exposure_ratio": exposure_ratio(own, other),
        "gain_ratio": gain_ratio(own, other),
        "amplification_base": row.amplification_base,
        "crop_top": row.crop_top,
        "crop_left": row.crop_left,
    }


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value
