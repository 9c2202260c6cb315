"""Decoded mosaics, kept on disk for as long as there is room: previews and pictures read them.

One process decodes, one file at a time, whoever asks: so its memory is counted once. What it hands
over is written beside the uploads, and a photo that is wanted again is not decoded again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rawkit.errors import OutputError
from rawkit.restore import DecodeJob, Decoder

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from rawkit.restore import Decoded

_ROOM = 1_500_000_000
_EMPTY = np.empty((0, 0), np.uint16)


class Mosaics(Decoder):
    """A decoder that remembers. Unlike its base it may be used by several threads.

    Parameters
    ----------
    folder
        Where mosaics are kept; what it holds is deleted.
    seconds
        Time after which a file counts as hung.
    memory
        Bytes a file may take.
    room
        Bytes on disk for mosaics.
    """

    def __init__(self, folder: Path, seconds: float, memory: int, room: int = _ROOM) -> None:
        # Files of people who do not know each other: none may see another's.
        super().__init__(seconds, memory, apart=True)
        self._folder, self._room = folder, room
        self._turn = threading.Lock()
        self._kept: OrderedDict[str, Decoded] = OrderedDict()
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            path.unlink(missing_ok=True)

    def decode(self, job: DecodeJob) -> Decoded:
        """Return what a file holds, from disk where it is known; raises as `Decoder.decode`."""
        key = _key(job)
        found = self._read(key)
        if found is not None:
            return found
        with self._turn:
            found = self._read(key)
            if found is None:
                found = super().decode(job)
                self._keep(key, found)
        return found

    def abort(self) -> None:
        """Do nothing: a stream of pictures that breaks off must not end what others read."""

    def stop(self) -> None:
        """End the process now, as the server ends."""
        super().abort()

    def forget(self, path: Path) -> None:
        """Drop the mosaic of a file that is deleted."""
        with self._lock:
            self._drop(str(path))

    def _read(self, key: str) -> Decoded | None:
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            self._kept.move_to_end(key)
            path = self._path(key)
            try:
                pixels: NDArray[np.uint16] = np.load(path, mmap_mode="r")
            except (OSError, ValueError):
                self._drop(key)
                return None
        return replace(found, image=replace(found.image, pixels=pixels))

    def _keep(self, key: str, found: Decoded) -> None:
        light = replace(found, image=replace(found.image, pixels=_EMPTY))
        with self._lock:
            try:
                with self._path(key).open("wb") as file:
                    np.save(file, found.image.pixels)
            except (OSError, OutputError):  # a full disk: it is decoded again
                self._path(key).unlink(missing_ok=True)
                return
            self._kept[key] = light
            sizes = {one: self._path(one).stat().st_size for one in self._kept}
            total = sum(sizes.values())
            for one in [*self._kept][:-1]:
                if total <= self._room:
                    return
                total -= sizes[one]
                self._drop(one)

    def _drop(self, key: str) -> None:
        if self._kept.pop(key, None) is not None:
            self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        parts = key.split("/")
        return self._folder / f"{'-'.join(parts[-3:-1])}.npy"


def _key(job: DecodeJob) -> str:
    return str(job.contents) if not isinstance(job.contents, bytes) else job.where
