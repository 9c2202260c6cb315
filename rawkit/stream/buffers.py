"""Memory of batches, used again once nobody holds the batch."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from rawkit.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

_LINE = 64
"""Bytes of a line of the caches: one that is written whole need not be read before, and crops of a
multiple of 32 packed pixels then have only such, but where two chunks meet."""


class Buffers:
    """Arrays of one shape; the memory of one that is gone becomes the next one.

    It may be `pinned`, for a GPU.

    An array, its views and tensors made from it without a copy may be kept for as long as one
    likes: they keep their memory. Fresh memory costs a page fault every few kilobytes, a third of
    the time that it takes to fill it.
    """

    def __init__(self, shape: tuple[int, ...], dtype: DTypeLike, *, pinned: bool = False) -> None:
        self._shape, self._dtype = shape, np.dtype(dtype)
        self._new = _pinned if pinned else _aligned
        self._free: list[NDArray[np.uint8]] = []
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """Bytes of one array."""
        return math.prod(self._shape) * self._dtype.itemsize

    def take(self) -> NDArray[Any]:
        """Return an array that nobody else holds; what is in it is left over."""
        with self._lock:
            memory = self._free.pop() if self._free else None
        if memory is None:
            memory = self._new(self.nbytes)
        return np.asarray(_Lease(memory, self._shape, self._dtype, self._free))

    def clear(self) -> None:
        """Give the memory that nobody holds back."""
        with self._lock:
            self._free.clear()


def check_pinned() -> None:
    """Refuse to pin memory where no GPU could fetch it.

    Raises
    ------
    UsageError
        If torch finds no GPU.
    """
    import torch  # noqa: PLC0415 - seconds that only those with a GPU have to wait for

    if not torch.cuda.is_available():
        raise UsageError(
            "pinned memory without a GPU", expected="a GPU that torch can use",
            fix="Leave `pinned` out.",
        )  # fmt: skip


def _aligned(count: int) -> NDArray[np.uint8]:
    """Return so many bytes that begin with a line of the caches."""
    memory = np.empty(count + _LINE, np.uint8)
    begin = -memory.ctypes.data % _LINE
    return memory[begin : begin + count]


def _pinned(count: int) -> NDArray[np.uint8]:
    """Return so many bytes that stay where they are, so that a GPU can fetch them by itself."""
    import torch  # noqa: PLC0415 - seconds that only those with a GPU have to wait for

    memory: NDArray[np.uint8] = torch.empty(count, dtype=torch.uint8, pin_memory=True).numpy()
    return memory


class _Lease:
    """What an array says it is made of; returns the memory when the last view is gone."""

    __slots__ = ("__array_interface__", "_free", "_memory")

    def __init__(
        self,
        memory: NDArray[np.uint8],
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        free: list[NDArray[np.uint8]],
    ) -> None:
        self._memory, self._free = memory, free
        self.__array_interface__ = {
            "shape": shape,
            "typestr": dtype.str,
            "data": memory.__array_interface__["data"],
            "version": 3,
        }

    def __del__(self) -> None:
        # Appending to a list is atomic; a lock could be held by the thread this runs in.
        self._free.append(self._memory)
