"""What a picture file must say before its pixels, and compression beside the caller."""

from __future__ import annotations

import os
import zlib
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from rawkit.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

    import numpy as np
    from numpy.typing import NDArray

    from rawkit.pictures.capture import Capture

Rows = "NDArray[np.unsignedinteger]"
Given = TypeVar("Given")
Made = TypeVar("Made")

_WINDOW_BITS, _MEMORY = 15, 9


@dataclass(frozen=True, slots=True)
class PictureShape:
    """Size, depth and description of a picture."""

    height: int
    """Rows, in pixels."""
    width: int
    """Columns, in pixels."""
    bits: int
    """Bits per channel, 8 or 16."""
    profile: bytes
    """ICC profile."""
    profile_name: str
    """Its name, Latin-1."""
    capture: Capture
    """What is known of the capture."""

    @property
    def row_bytes(self) -> int:
        """Bytes of a row of RGB."""
        return self.width * 3 * self.bits // 8

    def checked(
        self, bands: Iterable[NDArray[np.unsignedinteger]]
    ) -> Iterator[NDArray[np.unsignedinteger]]:
        """Yield bands; raises `OutputError` at the end if they are not all rows."""
        rows = 0
        for band in bands:
            rows += band.shape[0]
            yield band
        if rows != self.height:
            raise OutputError(f"{rows} rows of a picture", expected=f"{self.height}")


def compressor(*, raw: bool) -> zlib._Compress:
    """Return the compressor of all pictures: runs only, which is what noise leaves to find.

    Of a filtered photograph it makes fewer bytes than level 1 of zlib's usual search, in three
    quarters of the time. `raw` leaves out header and checksum.
    """
    window = -_WINDOW_BITS if raw else _WINDOW_BITS
    return zlib.compressobj(1, zlib.DEFLATED, window, _MEMORY, zlib.Z_RLE)


def ahead(
    make: Callable[[Given], Made], given: Iterable[Given], threads: int | None = None
) -> Iterator[Made]:
    """Map in threads, in order, with only a few results waiting."""
    count = threads or os.cpu_count() or 1
    with ThreadPoolExecutor(count, "rawkit-compress") as pool:
        waiting: deque[Future[Made]] = deque()
        try:
            for one in given:
                waiting.append(pool.submit(make, one))
                if len(waiting) > count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
