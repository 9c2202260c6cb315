"""What frames are held by, as whoever keeps them there knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future


class Shelf(Protocol):
    """Where frames are held."""

    def bring(self, frame: str) -> Future[int]:
        """Begin to fetch a frame; results in the bytes that have come from its source."""

    def evict(self, frames: Sequence[str]) -> None:
        """Make room, before anything that is brought from now on takes it."""

    def size(self, frame: str) -> int:
        """Bytes that a frame takes, whether it is there or not."""
