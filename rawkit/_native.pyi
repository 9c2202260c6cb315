from array import array
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVEL: str

def pack_counted(
    mosaic: NDArray[np.uint16], planes: NDArray[np.uint16], counts: NDArray[np.int64], /
) -> None: ...
def split_channels(picture: NDArray[Any], planes: NDArray[Any], /) -> None: ...
def make_short(
    planes: NDArray[np.uint16],
    numbers: NDArray[np.float32],
    rows: NDArray[np.float32],
    columns: NDArray[np.float32],
    key0: int,
    key1: int,
    sample0: int,
    sample1: int,
    /,
) -> None: ...
def place(
    chunk: NDArray[Any], crops: list[tuple[NDArray[Any], int, int, int, bytes]], /
) -> None: ...
def ljpeg_size(
    file: bytes | bytearray | memoryview, offset: int, count: int, /
) -> tuple[int, int, int, int] | None: ...
def decode_ljpeg(
    file: bytes | bytearray | memoryview, offset: int, count: int, out: NDArray[np.uint16], /
) -> bool: ...
def open_tail(path: Path, count: int, /) -> tuple[int, bytes]: ...
def announce(handle: int, places: array[int], /) -> None: ...
def cut_chunks(
    handle: int,
    pieces: array[int] | NDArray[np.int64],
    shape: tuple[int, int, int, int],
    compressed: bool,
    crops: list[tuple[NDArray[Any], int, int, int, bytes]],
    memory: bytearray,
    /,
) -> int: ...
