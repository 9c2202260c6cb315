"""A stream over what a notebook has chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rawkit.errors import UsageError
from rawkit.notebook.frames import Frames
from rawkit.notebook.store import OpenStore

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.stream import BatchStream


def stream_chosen(
    frames: Frames | OpenStore | str,
    batch_size: int,
    crop: int | None,
    workspace: Path,
    options: dict[str, Any],
) -> tuple[BatchStream, str]:
    """Open a stream over what was chosen; returns it and what to call its frames.

    Raises
    ------
    SelectionError
        If there is no pair of a dark frame and its truth.
    UsageError
        If nothing that can be streamed was chosen, or an option makes no sense.
    """
    from rawkit.stream import open_stream, stream_of  # noqa: PLC0415 - torch, where it is used

    if isinstance(frames, str):
        found = open_stream(workspace, frames, crop=crop, batch_size=batch_size, **options)
        return found, f"subset {frames}"
    if isinstance(frames, OpenStore):
        frames = frames.select(split="train")
    if not isinstance(frames, Frames):
        raise UsageError(
            f"frames of type {type(frames).__name__}",
            expected="open_store(...).select(...), a store, or the name of a subset",
        )
    stores = {frames.store.collection: frames.store}
    found = stream_of(frames.subset, stores, crop=crop, batch_size=batch_size, **options)
    return found, repr(frames)[1:-1]
