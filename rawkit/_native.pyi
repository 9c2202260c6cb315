from typing import Any

from numpy.typing import NDArray

def place(
    chunk: NDArray[Any], crops: list[tuple[NDArray[Any], int, int, int, bytes]], /
) -> None: ...
