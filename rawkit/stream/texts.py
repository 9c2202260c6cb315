"""Texts of many pairs in little memory: packed by the block, or each different one held once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BLOCK = 128
"""Names that are packed together: so many that they pack well, so few that one is had quickly."""


class SharedTexts:
    """Texts that many pairs share.

    Parameters
    ----------
    codes
        Which text each pair has, shape (pairs,).
    texts
        The texts.
    """

    def __init__(self, codes: NDArray[np.integer], texts: pa.Array) -> None:
        few = len(texts) <= 1 << 16
        self.codes: NDArray[np.integer] = codes.astype(np.uint16 if few else np.uint32)
        self.texts = texts

    def __getitem__(self, index: int) -> str:
        """Return the text of a pair; empty where there is none."""
        return str(self.texts[int(self.codes[index])].as_py() or "")


class PackedTexts:
    """Texts that hardly repeat, such as names: neighbours are compressed together.

    A million names take some megabytes, and one of them some microseconds.

    Parameters
    ----------
    texts
        The texts, as Arrow.
    """

    def __init__(self, texts: pa.Array) -> None:
        self._blocks: list[tuple[int, bytes]] = []
        self._count = len(texts)
        if not self._count:
            return
        _, offsets, data = texts.buffers()
        begins = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + self._count + 1]
        lengths = np.diff(begins).astype("<u4")
        view = memoryview(b"" if data is None else data)
        for start in range(0, self._count, _BLOCK):
            end = min(start + _BLOCK, self._count)
            block = lengths[start:end].tobytes() + view[begins[start] : begins[end]].tobytes()
            self._blocks.append((len(block), pa.compress(block, "lz4", asbytes=True)))

    def __getitem__(self, index: int) -> str:
        """Return a text."""
        block, within = divmod(index, _BLOCK)
        size, packed = self._blocks[block]
        data = pa.decompress(packed, size, "lz4", asbytes=True)
        count = min(_BLOCK, self._count - block * _BLOCK)
        ends = np.cumsum(np.frombuffer(data, "<u4", count)) + 4 * count
        begin = int(ends[within - 1]) if within else 4 * count
        return bytes(data[begin : int(ends[within])]).decode()
