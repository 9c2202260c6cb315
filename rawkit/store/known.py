"""Which pixels a store has: found by their hash without holding a row for each frame."""

from __future__ import annotations

from binascii import unhexlify
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rawkit.arrow import array_of, texts_of, values_of
from rawkit.store.frames import column_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from rawkit.store.frames import FrameTable
    from rawkit.store.rows import FrameRow

_DIGITS = 16
"""Last digits of a hash that rows are looked up by: eight bytes."""


class KnownHashes:
    """Finds the stored frame with the same pixels in the same group and role.

    Parameters
    ----------
    table
        What the store holds already.
    """

    def __init__(self, table: FrameTable) -> None:
        self._added: dict[bytes, int] = {}
        keys, numbers = [], []
        for start, block in table.blocks("pixel_hash", "duplicate_of"):
            stored = np.flatnonzero(values_of(column_of(block, "duplicate_of").is_null()))
            keys.append(_keys(column_of(block, "pixel_hash").take(array_of(stored))))
            numbers.append(stored + start)
        found = np.concatenate([np.empty(0, np.uint64), *keys])
        order = np.argsort(found, kind="stable")
        self._keys = found[order]
        self._numbers = np.concatenate([np.empty(0, np.int64), *numbers])[order]

    def find(self, row: FrameRow, row_at: Callable[[int], FrameRow]) -> FrameRow | None:
        """Return the frame whose pixels a row repeats; None if there is none.

        `row_at` returns the row of a number, those that were added included.
        """
        added = self._added.get(_mark(row))
        if added is not None:
            return row_at(added)
        if not len(self._keys):
            return None
        (key,) = _keys(texts_of([row.pixel_hash]))
        low, high = (int(np.searchsorted(self._keys, key, side)) for side in ("left", "right"))
        alike = map(row_at, sorted(self._numbers[low:high].tolist()))
        return next((one for one in alike if _mark(one) == _mark(row)), None)

    def add(self, row: FrameRow, number: int) -> None:
        """Take in a frame whose pixels are stored now, and the number of its row."""
        self._added.setdefault(_mark(row), number)


def _mark(row: FrameRow) -> bytes:
    return sha256(f"{row.group}\0{row.role}\0{row.pixel_hash}".encode()).digest()[:16]


def _keys(hashes: pa.Array) -> NDArray[np.uint64]:
    """Numbers that stand for hashes; different hashes may have the same."""
    digits = pc.utf8_slice_codeunits(pc.utf8_lpad(hashes, _DIGITS, "0"), -_DIGITS)
    return np.frombuffer(unhexlify("".join(digits.to_pylist())), ">u8").astype(np.uint64)
