"""What a worker must be told to prepare a frame of a catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from rawkit.catalog import levels_of
from rawkit.errors import UsageError
from rawkit.ingest.frame import FrameJob
from rawkit.sensor import GivenPictures, RenderParameters
from rawkit.store import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rawkit.catalog import Catalog, Definition, Entry
    from rawkit.sensor import Headerless
    from rawkit.store import ArrayName, Codec, Staging, StoreFile

Rendering = RenderParameters | GivenPictures
Targets = Literal[0, 8, 16]
"""Bits of targets; 0 for none."""


def job_of(
    catalog: Catalog,
    entry: Entry,
    number: int,
    staging: Staging,
    codecs: Mapping[tuple[str, ArrayName], Codec],
    unpacked: StoreFile | None = None,
    *,
    picture: StoreFile | None = None,
    rendering: Rendering | None,
    headerless: Headerless | None = None,
    version: int = VERSION,
) -> FrameJob:
    """Return the job for a frame; `number` names its staged files.

    `unpacked` is where its raw file has been put down, if the worker cannot read it where it lies,
    `picture` its given picture likewise;
    `rendering` says how to render targets, None that there are none; `headerless` what a file holds
    that does not say so itself; `version` is the store's.
    """
    if catalog.source is None or entry.file is None:
        raise UsageError(
            f"{entry.frame.name} without a raw file", expected="a catalog made by `scan`"
        )
    levels, source = levels_of(catalog.definition, entry)
    return FrameJob(
        number=number,
        source=catalog.source,
        file=entry.file,
        entry=entry,
        staging=staging,
        rendering=rendering,
        levels=levels,
        level_source=source,
        codecs=codecs,
        unpacked=unpacked,
        picture=picture,
        headerless=headerless,
        version=version,
    )


def rendering_of(
    definition: Definition, targets: Targets | None = None
) -> Rendering | None:  # fmt: skip
    """How targets are rendered: as the definition says, or with other bits; None for 0 bits."""
    rule = definition.target
    bits = rule.bits if targets is None else targets
    if rule.given:
        return GivenPictures(bits) if bits else None
    return RenderParameters(bits, rule.adjust_maximum_thr) if bits else None


def describe_rendering(rendering: Rendering | None) -> dict[str, Any]:
    """Return what a store says of its targets: nothing where there are none."""
    return {} if rendering is None else rendering.describe()


def rendering_of_store(described: Mapping[str, Any]) -> Rendering | None:
    """Return the rendering that a store describes."""
    if not described:
        return None
    if described.get("given"):
        return GivenPictures(int(described["bits"]))
    return RenderParameters(int(described["bits"]), float(described["adjust_maximum_thr"]))
