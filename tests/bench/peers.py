"""The packages that crops are read with today, each as its documentation says to read fast.

A peer yields random crops of 512 packed pixels with their 8-bit targets of 1024, in batches of
numpy arrays, `reuse` of them for each frame. None augments, none checks more than it does anyway.
"""

from __future__ import annotations

import io
import tarfile
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import tensorstore
import torch
import webdataset
import zarr

from tests.support.factories import local

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from rawkit.stream import PairSource

Arrays = tuple[Any, Any]
"""Packed planes and targets of all frames: what is sliced like numpy."""
Pair = tuple[Any, Any]
"""Packed planes and target of a crop or a frame."""
A = TypeVar("A")
B = TypeVar("B")
N, BATCH, WINDOW, LIVE = 512, 8, (952, 1064), 24


@dataclass(frozen=True, slots=True)
class Case:
    """A store and what to read of it."""

    group: Path
    """Group of camera and geometry."""
    sources: tuple[PairSource, ...]
    """Its pairs."""
    reuse: int
    """Crops for each frame."""

    def indices(self, number: int) -> tuple[int, int]:
        """Return the indices of a pair along ``packed`` and ``target``."""
        source = self.sources[number]
        return int(local(source.packed.path).parts[-4]), int(local(source.target.path).parts[-4])


def zarr_python(case: Case) -> Arrays:
    """Open with zarr-python's own pipeline."""
    group = zarr.open_group(case.group, mode="r")
    return group["packed"], group["target"]


@contextmanager
def zarrs_pipeline() -> Iterator[None]:
    """Let zarr-python decode with zarrs."""
    with zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"}):
        yield


def tensorstores(case: Case) -> Arrays:
    """Open with tensorstore."""
    packed, target = (
        tensorstore.open(
            {"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{case.group / name}/"}},
            open=True,
        ).result()
        for name in ("packed", "target")
    )
    return packed, target


def cut(
    packed: Any, target: Any, corner: tuple[int, int], where: tuple[tuple[int, ...], ...] = ((), ())
) -> Pair:
    """Slice a crop and its target; `where` are indices that come before plane, row and column."""
    top, left = corner
    return (
        packed[(*where[0], slice(None), slice(top, top + N), slice(left, left + N))],
        target[
            (
                *where[1],
                slice(None),
                slice(2 * top, 2 * (top + N)),
                slice(2 * left, 2 * (left + N)),
            )
        ],
    )


def batched(pairs: Iterable[Pair]) -> Iterator[Pair]:
    """Put pairs into fresh batches."""
    iterator = iter(pairs)
    while parts := list(islice(iterator, BATCH)):
        packed = np.empty((len(parts), 4, N, N), np.uint16)
        target = np.empty((len(parts), 3, 2 * N, 2 * N), np.uint8)
        for slot, (one, other) in enumerate(parts):
            packed[slot], target[slot] = one, other
        yield packed, target


def corners(case: Case, generator: np.random.Generator) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yield pair and corner of every crop of an epoch in random order."""
    layout = case.sources[0].packed.layout
    numbers = generator.permutation(np.repeat(np.arange(len(case.sources)), case.reuse))
    for number in numbers.tolist():
        yield (
            number,
            (
                int(generator.integers(0, layout.height - N)),
                int(generator.integers(0, layout.width - N)),
            ),
        )


def crop_by_crop(case: Case, arrays: Arrays) -> Iterator[Pair]:
    """Slice every crop out of the arrays, a batch's on two threads at once."""

    def one(asked: tuple[int, tuple[int, int]]) -> Pair:
        first, second = case.indices(asked[0])
        packed, target = cut(arrays[0], arrays[1], asked[1], ((first,), (second,)))
        return np.asarray(packed), np.asarray(target)

    yield from batched(_ahead(one, corners(case, np.random.default_rng(0)), BATCH))


def crop_by_crop_futures(case: Case, arrays: Arrays) -> Iterator[Pair]:
    """Slice every crop with tensorstore, two batches under way."""

    def begun() -> Iterator[tuple[Any, Any]]:
        for number, corner in corners(case, np.random.default_rng(0)):
            first, second = case.indices(number)
            packed, target = cut(arrays[0], arrays[1], corner, ((first,), (second,)))
            yield packed.read(), target.read()

    waiting = begun()
    under_way = deque(islice(waiting, 2 * BATCH))

    def pairs() -> Iterator[Pair]:
        while under_way:
            packed, target = under_way.popleft()
            yield packed.result(), target.result()
            under_way.extend(islice(waiting, 1))

    yield from batched(pairs())


def block_by_block(case: Case, read: Callable[[int, int, int], Pair]) -> Iterator[Pair]:
    """Read blocks of 4 x 4 chunks ahead and cut crops from a few live ones, as rawkit's plan does.

    `read` takes a pair and the first row and column of a block.
    """
    generator = np.random.default_rng(0)
    layout = case.sources[0].packed.layout
    places = [
        (number, int(generator.integers(0, layout.grid[0] - 3)) * layout.chunk[0],
         int(generator.integers(0, layout.grid[1] - 3)) * layout.chunk[1])
        for number in generator.permutation(np.repeat(np.arange(len(case.sources)), 3)).tolist()
    ]  # fmt: skip
    blocks = _ahead(lambda place: read(*place), places, 4)
    live: list[tuple[Pair, int]] = [(block, case.reuse // 3) for block in islice(blocks, LIVE)]

    def pairs() -> Iterator[Pair]:
        while live:
            slot = int(generator.integers(len(live)))
            block, left = live[slot]
            height, width = block[0].shape[1:]
            corner = (int(generator.integers(0, height - N)), int(generator.integers(0, width - N)))
            yield cut(block[0], block[1], corner)
            live[slot] = (block, left - 1)
            if left == 1:
                following = next(blocks, None)
                if following is None:
                    live.pop(slot)
                else:
                    live[slot] = (following, case.reuse // 3)

    yield from batched(pairs())


def block_reader(
    case: Case, arrays: Arrays, read: Callable[[Any], NDArray[Any]] = np.asarray
) -> Callable[[int, int, int], Pair]:
    """Read a block of packed planes and of the target."""
    layout = case.sources[0].packed.layout

    def one(number: int, top: int, left: int) -> Pair:
        first, second = case.indices(number)
        bottom = min(top + WINDOW[0], layout.height)
        right = min(left + WINDOW[1], layout.width)
        rows, columns = slice(top, bottom), slice(left, right)
        target = arrays[1][second, :, 2 * top : 2 * bottom, 2 * left : 2 * right]
        return read(arrays[0][first, :, rows, columns]), read(target)

    return one


def read_now(array: Any) -> NDArray[Any]:
    """Read a part of a tensorstore."""
    found: NDArray[Any] = array.read().result()
    return found


def _ahead(action: Callable[[A], B], todo: Iterable[A], depth: int) -> Iterator[B]:
    """Do things in order on two threads, a few ahead."""
    with ThreadPoolExecutor(2) as threads:
        iterator = iter(todo)
        waiting = deque(threads.submit(action, one) for one in islice(iterator, depth))
        while waiting:
            done = waiting.popleft()
            waiting.extend(threads.submit(action, one) for one in islice(iterator, 1))
            yield done.result()


def write_tars(case: Case, folder: Path, frames: Iterable[Pair]) -> list[str]:
    """Write a tar of whole frames as WebDataset reads them, eight frames to a tar."""
    folder.mkdir()
    paths: list[str] = []
    iterator = enumerate(frames)
    while part := list(islice(iterator, 8)):
        path = folder / f"{len(paths):05d}.tar"
        with tarfile.open(path, "w") as tar:
            for number, pair in part:
                for name, array in zip(("packed", "target"), pair, strict=True):
                    encoded = io.BytesIO()
                    np.save(encoded, array)
                    info = tarfile.TarInfo(f"{number:06d}.{name}.npy")
                    info.size = encoded.tell()
                    encoded.seek(0)
                    tar.addfile(info, encoded)
        paths.append(str(path))
    assert len(paths) * 8 >= len(case.sources)
    return paths


def web_dataset(paths: list[str], reuse: int, workers: int) -> Iterator[Any]:
    """Read frames from tars one after the other, cut `reuse` crops from each, shuffle those."""
    generator = np.random.default_rng(0)

    def crops(frames: Iterator[Any]) -> Iterator[Any]:
        for packed, target in frames:
            for _ in range(reuse):
                corner = (
                    int(generator.integers(0, packed.shape[1] - N)),
                    int(generator.integers(0, packed.shape[2] - N)),
                )
                yield tuple(part.copy() for part in cut(packed, target, corner))

    dataset = (
        webdataset.WebDataset(paths, shardshuffle=len(paths), empty_check=False)
        .decode()
        .to_tuple("packed.npy", "target.npy")
        .compose(crops)
        .shuffle(64)
        .batched(BATCH)
    )
    return iter(webdataset.WebLoader(dataset, batch_size=None, num_workers=workers))


class MappedCrops(torch.utils.data.Dataset[Pair]):
    """Random crops of memory-mapped arrays, one frame of each after the other."""

    def __init__(self, packed: Path, target: Path, count: int) -> None:
        self._packed, self._target = np.load(packed, mmap_mode="r"), np.load(target, mmap_mode="r")
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Pair:
        generator = np.random.default_rng(index)
        number = index % len(self._packed)
        corner = (
            int(generator.integers(0, self._packed.shape[2] - N)),
            int(generator.integers(0, self._packed.shape[3] - N)),
        )
        one, other = cut(self._packed, self._target, corner, ((number,), (number,)))
        return np.ascontiguousarray(one), np.ascontiguousarray(other)


def mapped_loader(folder: Path, count: int, workers: int) -> Iterator[Any]:
    """Read a DataLoader with worker processes over memory maps."""
    dataset = MappedCrops(folder / "packed.npy", folder / "target.npy", count)
    return iter(
        torch.utils.data.DataLoader(dataset, batch_size=BATCH, shuffle=True, num_workers=workers)
    )
