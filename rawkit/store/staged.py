"""Frames that workers have prepared: shards that wait, and what their row will say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rawkit.files import output_errors
from rawkit.store.places.objects import gone
from rawkit.store.places.remote import RemoteFile
from rawkit.store.shard import decode_shard, encode_shard
from rawkit.store.staging import discard

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.store.layout import ArrayLayout
    from rawkit.store.places.place import StoreFile
    from rawkit.store.rows import FrameRow


@dataclass(frozen=True, slots=True)
class StagedShard:
    """A shard that a worker has written beside the store."""

    path: StoreFile
    """Where it waits."""
    layout: ArrayLayout
    """Geometry, and the codec it was written with: the array's, or while there is no array the one
    that suits this frame."""
    size: int | None = None
    """Its bytes; None where they are still to be asked for."""


@dataclass(frozen=True, slots=True)
class StagedFrame:
    """A decoded, accepted frame that waits for its index."""

    row: FrameRow
    """What is known of it; `index` and `target_index` are still -1."""
    packed: StagedShard
    """Its packed planes."""
    target: StagedShard | None
    """Its rendered target, for a long that has one."""


def size_of(file: StoreFile) -> int:
    """Bytes of a staged file, where the worker that made it has not said.

    Raises
    ------
    OutputError, StoreUnreachableError
        If it cannot be asked.
    """
    if isinstance(file, RemoteFile):
        try:
            return file.size()
        except FileNotFoundError as error:
            raise gone(file) from error
    with output_errors(file):
        return file.stat().st_size


def encoded_anew(shard: StagedShard, layout: ArrayLayout, staging: Path) -> StoreFile:
    """Encode a shard with the codec of its array; happens to the first frames of one alone.

    One that waits elsewhere then waits in `staging`.

    Raises
    ------
    OutputError, StoreUnreachableError
        If that cannot be done.
    """
    path = shard.path
    if isinstance(path, RemoteFile):
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise gone(path) from error
        frame = decode_shard(data, shard.layout, path)
        here = staging / path.key
        with output_errors(here):
            here.write_bytes(encode_shard(frame, layout))
        discard(path)
        return here
    with output_errors(path):
        frame = decode_shard(path.read_bytes(), shard.layout, path)
        path.write_bytes(encode_shard(frame, layout))
    return path


def discard_frame(frame: StagedFrame) -> None:
    """Remove the shards of a frame that is not stored."""
    for shard in (frame.packed, frame.target):
        if shard is not None:
            discard(shard.path)
