"""Batches as tensors on their device; a GPU gets the next ones while it works.

A network on the CPU keeps all cores busy, so a batch becomes tensors when its turn has come. For a
GPU a thread sees to that ahead: it copies the integers into memory from which the GPU fetches them
by itself, and has the arithmetic done on a CUDA stream of its own.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import torch

from rawkit.stream.ahead import Ahead
from rawkit.stream.tensors import tensors_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from rawkit.sensor import Amplification
    from rawkit.stream.batches import Batch, BatchStream
    from rawkit.stream.tensors import TensorBatch

AHEAD = 2
"""Batches that wait on a GPU; one more is on its way."""


class Feed:
    """A stream's batches on a device.

    Parameters
    ----------
    stream
        The batches of integers.
    amplification
        What they are multiplied by.
    device
        Where the tensors are to be.
    """

    def __init__(
        self,
        stream: BatchStream,
        amplification: Amplification,
        device: torch.device | str = "cpu",
    ) -> None:
        self._stream, self._amplification = stream, amplification
        self._device = torch.device(device)
        if self._device == torch.device("cuda"):
            # The thread would take the first one: which is the current one is a thread's own.
            self._device = torch.device("cuda", torch.cuda.current_device())
        self._waited = 0.0

    @property
    def waited(self) -> float:
        """Seconds that whoever takes the batches has spent waiting for them so far."""
        return self._waited if self._device.type == "cuda" else self._stream.waited

    def batches(self, position: int = 0) -> Iterator[TensorBatch]:
        """Yield batches from sample number `position` on, for ever.

        Raises as `BatchStream.batches` and `tensors_of` do, at the batch that cannot be had.
        """
        batches = self._stream.batches(position)
        if self._device.type == "cuda":
            yield from self._from_ahead(batches)
        else:
            with closing(batches):
                for batch in batches:
                    yield tensors_of(batch, self._amplification, self._device)

    def _from_ahead(self, batches: Generator[Batch, None, None]) -> Iterator[TensorBatch]:
        """Hand out what a thread has sent to the GPU."""
        before = self._waited
        with closing(Ahead(self._sent(batches), AHEAD)) as sent:
            for tensors, there in sent:
                self._waited = before + sent.waited
                current = torch.cuda.current_stream(self._device)
                current.wait_event(there)
                for tensor in (tensors.planes, tensors.target, tensors.amplification):
                    # Their memory is of the other stream: it may not have it back before.
                    tensor.record_stream(current)
                yield tensors

    def _sent(
        self, batches: Generator[Batch, None, None]
    ) -> Generator[tuple[TensorBatch, torch.cuda.Event], None, None]:
        """Send batches to the GPU; the event says when the tensors are there."""
        own = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call] # has no types
        with closing(batches):
            for batch in batches:
                with torch.cuda.stream(own):
                    tensors = tensors_of(batch, self._amplification, self._device)
                yield tensors, own.record_event()
