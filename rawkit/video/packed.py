"""Packed frames in an ``.npy``, as the collection of moving objects has them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from rawkit.errors import CorruptError, MosaicError
from rawkit.pictures import Capture
from rawkit.sensor import Levels, amplification_base, image_of_packed
from rawkit.source import LocalRanges, open_npy_video
from rawkit.video.footage import RawFrame, stamp

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from rawkit.source import NpyVideo

MOSAIC = "GBRG"
"""What the four channels of packed frames are unless it is said."""
LEVELS = Levels(0, 65535)
"""Black and white of packed frames unless they are said."""
_FLOATS = ("float32", "float16", "float64")
_PLANES = 4
_WHITE = 65535


@dataclass(frozen=True)
class PackedFootage:
    """Packed frames in an ``.npy``: (frames, height, width, 4) of uint16, or of floats 0 to 1."""

    path: Path
    """The file."""
    mosaic: str = MOSAIC
    """Colours of the four channels, the 2x2 places of a cell in reading order."""
    levels: Levels = LEVELS
    """Black and white level."""

    @cached_property
    def video(self) -> NpyVideo:
        """The array.

        Raises
        ------
        RawFileError
            If it is none of frames, or shorter than its header says.
        """
        ranges = LocalRanges(self.path)
        try:
            return open_npy_video(ranges, channels=_PLANES, dtype="uint16")
        except MosaicError as error:
            for kind in _FLOATS:
                if f"array of {kind}" in error.found:
                    return open_npy_video(ranges, channels=_PLANES, dtype=kind)
            raise

    @property
    def where(self) -> str:
        """Path of the file."""
        return str(self.path)

    @property
    def count(self) -> int:
        """Frames."""
        return self.video.shape[0]

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the mosaic."""
        _, height, width, _ = self.video.shape
        return 2 * height, 2 * width

    @property
    def fps(self) -> float | None:
        """None: an array does not say."""
        return None

    @property
    def missing(self) -> tuple[int, ...]:
        """None are: an array has all its frames."""
        return ()

    def identity(self) -> str:
        """Return path, size and time of the file, and how it is read."""
        levels = f"{self.levels.black}..{self.levels.white}"
        return f"{stamp([self.path])} {self.mosaic} {levels}"

    def frame(self, number: int) -> RawFrame:
        """Read a frame and lay it out as a mosaic.

        Raises
        ------
        RawFileError
            If the file ends before it, all its pixels have one value, or floats are none.
        """
        where = f"{self.path}: frame {number}"
        packed = self.video.frame(number)
        if packed.dtype.kind == "f":
            packed = _whole_numbers(packed, where)
        image = image_of_packed(packed, self.mosaic, self.levels, where=where)
        return RawFrame(number, image, amplification_base(image), Capture())

    def close(self) -> None:
        """Do nothing: the file is opened for each frame."""


def _whole_numbers(packed: NDArray[Any], where: str) -> NDArray[np.uint16]:
    """Spread values of 0 to 1 over 16 bits."""
    bad = int(np.count_nonzero(~np.isfinite(packed)))
    if bad:
        raise CorruptError(
            f"{bad} of {packed.size} values that are no numbers (NaN or infinite)",
            expected="finite ones", where=where,
            fix="Save the video again from where it came from.",
        )  # fmt: skip
    lowest, highest = float(packed.min()), float(packed.max())
    if highest > 1 or lowest < -1:
        raise MosaicError(
            f"floats from {lowest:g} to {highest:g}", expected="values of 0 to 1, or uint16",
            where=where, fix="Divide by the white level, or save the sensor's integers.",
        )  # fmt: skip
    spread: NDArray[np.float64] = np.clip(packed, 0, 1).astype(np.float64) * _WHITE
    return np.round(spread).astype(np.uint16)
