"""What a worker must be told to prepare a frame of a catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawkit.errors import UsageError
from rawkit.ingest.frame import FrameJob
from rawkit.sensor import Levels, RenderParameters

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rawkit.catalog import Catalog, Definition, Entry
    from rawkit.store.layout import ArrayName, Codec


def job_of(
    catalog: Catalog,
    entry: Entry,
    number: int,
    staging: Path,
    codecs: Mapping[tuple[str, ArrayName], Codec],
    unpacked: Path | None = None,
) -> FrameJob:
    """Return the job for a frame; `number` names its staged files.

    `unpacked` is where its raw file has been put down, if its archive can only be streamed.
    """
    if catalog.source is None or entry.file is None:
        raise UsageError(
            f"{entry.frame.name} without a raw file", expected="a catalog made by `scan`"
        )
    levels, source = _levels(catalog.definition, entry)
    return FrameJob(
        number=number,
        source=catalog.source,
        file=entry.file,
        entry=entry,
        staging=staging,
        rendering=rendering_of(catalog.definition),
        levels=levels,
        level_source=source,
        codecs=codecs,
        unpacked=unpacked,
    )


def rendering_of(definition: Definition) -> RenderParameters:
    """How the targets of a collection are rendered."""
    rule = definition.target
    return RenderParameters(bits=rule.bits, adjust_maximum_thr=rule.adjust_maximum_thr)


def _levels(definition: Definition, entry: Entry) -> tuple[Levels | None, str]:
    """Return the levels that override those of a frame, and where its levels come from."""
    for rule in definition.levels:
        if rule.fits(entry.frame.model, entry.frame.exposure.iso):
            return Levels(rule.black, rule.white), f"definition: {rule.reason}"
    return None, "file"
