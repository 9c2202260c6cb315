"""Stored frames, read whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawkit.store import decode_shard, unreadable_shard

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rawkit.stream import ShardFile


def read_shard(shard: ShardFile) -> NDArray[np.uint16]:
    """Read the one frame of a shard, whole.

    Raises
    ------
    StoreDamagedError
        If it cannot be read.
    """
    try:
        data = shard.path.read_bytes()
    except OSError as error:
        raise unreadable_shard(shard.path, error) from error
    return decode_shard(data, shard.layout, shard.path)  # type: ignore[return-value] # unsigned
