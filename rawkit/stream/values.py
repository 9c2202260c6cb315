"""Values of many pairs, of which few differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

from rawkit.arrow import array_of, values_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

_T = TypeVar("_T", bound=np.generic)


class Values:
    """Values of many pairs, each different one held once where few are.

    Parameters
    ----------
    values
        Shape (pairs,) or (pairs, planes).
    """

    def __init__(self, values: NDArray[np.generic]) -> None:
        self._distinct, self._codes = values, None
        if len(values) > _FEW:
            distinct, codes = coded(values)
            if len(distinct) <= len(values) // _FEW:
                self._distinct, self._codes = distinct, codes.astype(_smallest(len(distinct)))

    def __getitem__(self, index: int) -> NDArray[np.generic]:
        """Value of a pair."""
        found: NDArray[np.generic] = self._distinct[
            index if self._codes is None else self._codes[index]
        ]
        return found

    def all(self) -> NDArray[np.generic]:
        """Values of all pairs."""
        return self._distinct if self._codes is None else self._distinct[self._codes]


_FEW = 8
"""So many times must values repeat on the average, for each different one to be held once."""


def coded(values: NDArray[_T]) -> tuple[NDArray[_T], NDArray[np.int64]]:
    """Different values, and which one each is; values with the same bits are the same."""
    flat = np.ascontiguousarray(values).reshape(len(values), -1)
    keys = np.zeros(len(values), np.int64)
    for column in flat.T:
        own = np.ascontiguousarray(column).view(f"u{column.itemsize}")
        if len(own) and (own == own[0]).all():  # as levels of one camera are
            continue
        bits = array_of(own)
        coded = bits.dictionary_encode()
        found = values_of(coded.indices)
        if keys.any():
            together = array_of(keys * len(coded.dictionary) + found)
            found = values_of(together.dictionary_encode().indices)
        keys = found.astype(np.int64)
    first = np.empty(int(keys.max(initial=-1)) + 1, np.int64)
    first[keys[::-1]] = np.arange(len(keys))[::-1]  # so that the first of each stays
    return values[first], keys


def _smallest(count: int) -> type[np.unsignedinteger]:
    return np.uint8 if count <= 1 << 8 else np.uint16 if count <= 1 << 16 else np.uint32
