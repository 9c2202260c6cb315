"""What an ingest will write and how long it will take, from a few frames of it."""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from rawkit.errors import RawFileError, StoreDamagedError, StoreFormatError
from rawkit.ingest.frame import Prepared, prepare_frame
from rawkit.ingest.jobs import job_of, rendering_of
from rawkit.store import NO_TARGET, Store, is_store, is_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawkit.catalog import Entry, Role
    from rawkit.ingest.run import IngestPlan
    from rawkit.locations import Location
    from rawkit.store import FrameRow, Group

_TRIES = 2
"""Frames that are tried until one can be decoded."""
_ROWS = 200
"""Frames of a store that tell how large its shards are."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """About what an ingest will take."""

    bytes_out: int | None
    """Bytes of shards that will be written, about; None where nothing tells."""
    seconds: float | None
    """Time it will take with all workers, about; None where no frame could be tried."""
    sampled: int
    """Frames that were decoded for it."""


def estimate_ingest(plan: IngestPlan, workers: int | None = None) -> Estimate:
    """Estimate from shards that the store has and from decoding two frames of each role.

    Sizes and times grow with the bytes of the raw files. Nothing is kept.
    """
    written, seconds, sampled = 0.0, 0.0, 0
    sizes_known = times_known = True
    for role in ("short", "long"):
        total = sum(one.frame.size_bytes for one in plan.wanted if one.role == role)
        if not total:
            continue
        samples = _samples(plan, role)
        sampled += len(samples)
        share = _stored_share(plan.store, role)
        if samples:
            seconds += fmean(taken for _, taken in samples) * total
            share = fmean(size for size, _ in samples) if share is None else share
        sizes_known &= share is not None
        times_known &= bool(samples)
        written += (share or 0.0) * total
    return Estimate(
        bytes_out=round(written) if sizes_known else None,
        seconds=seconds / (workers or os.cpu_count() or 1) if times_known else None,
        sampled=sampled,
    )


def _samples(plan: IngestPlan, role: Role) -> list[tuple[float, float]]:
    """Bytes written and seconds taken for each byte of a raw file, of up to two frames of a role.

    Dark frames compress better than bright ones, so one comes from each half by exposure.
    """
    entries = sorted(
        (entry for entry in plan.wanted if entry.role == role),
        key=lambda entry: (_brightness(entry), entry.frame.name),
    )
    quarter = len(entries) // 4
    found = [_first(plan, entries[at:]) for at in sorted({quarter, len(entries) - 1 - quarter})]
    return [one for one in found if one is not None]


def _brightness(entry: Entry) -> float:
    exposure = entry.frame.exposure
    return (exposure.seconds or 0.0) * (exposure.iso or 0.0)


def _first(plan: IngestPlan, entries: Sequence[Entry]) -> tuple[float, float] | None:
    """Decode the first of a few frames that can be decoded."""
    source = plan.catalog.source
    rendering = rendering_of(plan.catalog.definition, plan.targets)
    for entry in entries[:_TRIES]:
        if source is None or entry.file is None or source.sequential(entry.file):
            return None
        _approach(entry)
        with tempfile.TemporaryDirectory(prefix="rawkit-") as staging:
            started = time.perf_counter()
            job = job_of(
                plan.catalog, entry, 0, Path(staging), {}, rendering=rendering,
                headerless=plan.headerless,
            )  # fmt: skip
            found = prepare_frame(job)
            taken = time.perf_counter() - started
        if isinstance(found, Prepared):
            size = max(entry.frame.size_bytes, 1)
            return found.written / size, taken / size
    return None


def _approach(entry: Entry) -> None:
    """Inflate a compressed video up to a frame: an ingest, too, comes from the frame before."""
    video = entry.video
    if video is None:
        return
    with suppress(RawFileError):
        for one in video.parts:
            one.approach(video.number)


def _stored_share(location: Location, role: Role) -> float | None:
    """Bytes of shards for each byte of a raw file in the store there is; None without one."""
    if not is_store(location):
        return None
    store = Store(location)
    read = written = 0
    for group in store.groups.values():
        same = np.flatnonzero(is_text(group.columns("role"), "role", role))
        for row in (group.rows[index] for index in same[:_ROWS].tolist()):
            try:
                written += _shard_bytes(store, group, row)
            except (StoreDamagedError, StoreFormatError):
                continue  # `rawkit verify` says what is wrong with it
            read += row.raw_bytes
    return written / read if read else None


def _shard_bytes(store: Store, group: Group, row: FrameRow) -> int:
    """Bytes of the shards of a frame."""
    size = store.size(group.key("packed", row.index))
    if row.target_index == NO_TARGET:
        return size
    return size + store.size(group.key("target", row.target_index))
