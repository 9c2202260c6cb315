"""Batches as tensors on their device; a GPU gets the next one while it works.

The GPU fetches a batch by itself, if it lies in pinned memory, and does the arithmetic on a CUDA
stream of its own. No thread is needed for that: what a thread does in Python, the one that
launches kernels must wait for.
"""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import torch

from rawkit.stream.tensors import tensors_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rawkit.sensor import Amplification, Neutral
    from rawkit.stream.batches import Batch, BatchStream
    from rawkit.stream.darkness import Darkness
    from rawkit.stream.equalising import Curves
    from rawkit.stream.tensors import PerCrop, TensorBatch

_T = TypeVar("_T")
_S = TypeVar("_S")


class Feed:
    """A stream's batches on a device.

    Parameters
    ----------
    stream
        The batches of integers; `pinned` where the device is a GPU, or it waits for every copy.
    amplification
        What they are multiplied by.
    device
        Where the tensors are to be.
    neutral
        Where grey is put in the planes; they stay as the camera has them if None.
    curves
        What equalises the frames of each video, where they are to be equalised.
    stabiliser
        Gives the k-sigma transform of each crop, as `tensors_of` takes it; None: they are
        amplified.
    noise
        Gives the noise of each crop, likewise, where sigma maps go with the planes.
    mender
        Says what cameras put into each crop, where that is to be taken out: a `CropMender`.
    """

    def __init__(
        self,
        stream: BatchStream,
        amplification: Amplification,
        device: torch.device | str = "cpu",
        *,
        neutral: Neutral | None = None,
        curves: Curves | None = None,
        stabiliser: PerCrop | None = None,
        noise: PerCrop | None = None,
        mender: Callable[[Batch], Darkness] | None = None,
    ) -> None:
        self._stream = stream
        self._device = torch.device(device)
        self._tensors = partial(
            tensors_of, amplification=amplification, device=self._device, neutral=neutral,
            curves=curves, stabiliser=stabiliser, noise=noise, mender=mender,
        )  # fmt: skip

    def batches(self, position: int = 0) -> Iterator[TensorBatch]:
        """Yield batches from sample number `position` on, for ever.

        Raises as `BatchStream.batches` and `tensors_of` do, at the batch that cannot be had.
        """
        with closing(self._stream.batches(position)) as batches:
            if self._device.type == "cuda":
                yield from self._on_gpu(batches)
            else:
                for batch in batches:
                    yield self._tensors(batch)

    def _on_gpu(self, batches: Iterator[Batch]) -> Iterator[TensorBatch]:
        own = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call] # has no types

        def send(batch: Batch) -> tuple[Batch, TensorBatch, torch.cuda.Event]:
            with torch.cuda.stream(own):
                tensors = self._tensors(batch, wait=False)
            return batch, tensors, own.record_event()

        for _batch, tensors, there in one_ahead(batches, send):
            current = torch.cuda.current_stream(self._device)
            current.wait_event(there)
            for tensor in (tensors.planes, tensors.target, tensors.amplification):
                # Their memory is of the other CUDA stream, which may not have it back before.
                tensor.record_stream(current)
            try:
                yield tensors
            finally:
                there.synchronize()  # the GPU has fetched the batch: its memory may be used again


def one_ahead(items: Iterator[_T], send: Callable[[_T], _S]) -> Iterator[_S]:
    """Send every item on before the one in front of it is handed out.

    What `items` or `send` raise is raised in the place of the item that cannot be had.
    """
    try:
        following = send(next(items))
    except StopIteration:
        return
    while True:
        waiting, error = following, None
        try:
            following = send(next(items))
        except StopIteration:
            yield waiting
            return
        except Exception as caught:  # noqa: BLE001 - raised when its turn has come
            error = caught
        yield waiting
        if error is not None:
            raise error
