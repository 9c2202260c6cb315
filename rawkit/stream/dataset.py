"""The stream as a torch dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.utils.data import IterableDataset

from rawkit.stream.feed import Feed
from rawkit.stream.tensors import TensorBatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

    from rawkit.sensor import Amplification
    from rawkit.stream.batches import BatchStream


class TorchStream(IterableDataset[TensorBatch]):
    """A `BatchStream` as a torch dataset of whole batches: use it with ``batch_size=None``.

    The stream reads ahead by itself; worker processes of a DataLoader would each read the same.
    """

    def __init__(
        self,
        stream: BatchStream,
        amplification: Amplification,
        *,
        position: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__()
        self._feed, self._position = Feed(stream, amplification, device), position

    def __iter__(self) -> Iterator[TensorBatch]:
        """Yield batches from the position on, for ever."""
        yield from self._feed.batches(self._position)
