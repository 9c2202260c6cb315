"""A restored picture: an array that notebooks show."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from rawkit.errors import UsageError
from rawkit.pictures import PictureFormat, quantise, write_picture

if TYPE_CHECKING:
    from os import PathLike

    from numpy.typing import NDArray

_FORMATS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".tif": "tiff", ".tiff": "tiff"}
_SHOWN = 1024
"""Longer side of a picture as a notebook shows it, in pixels."""
_RGB = 3


class Picture(np.ndarray[Any, np.dtype[np.float32]]):
    """A picture, (height, width, 3), float32 of 0 to 1, BT.709 curve on sRGB primaries.

    An ordinary array, that a notebook shows as what it is.
    """

    @classmethod
    def of(cls, array: NDArray[np.float32]) -> Picture:
        """See an array as a picture."""
        return array.view(cls)

    def save(self, path: str | PathLike[str], *, bits: int = 8) -> Path:
        """Write it as PNG, JPEG or TIFF, as the ending says, with its colour profile.

        Raises
        ------
        OutputError
            If it cannot be written.
        UsageError
            If the ending is another, or the format has not so many bits.
        """
        target = Path(path)
        kind = _FORMATS.get(target.suffix.lower())
        if kind is None:
            raise UsageError(
                f"a picture called {target.name}", expected=f"one of {', '.join(_FORMATS)}"
            )
        whole = quantise(np.asarray(self), bits)
        write_picture(target, whole, PictureFormat(kind, bits))  # type: ignore[arg-type] # a kind
        return target

    def _repr_png_(self) -> bytes | None:
        if self.ndim != _RGB or self.shape[2] != _RGB or 0 in self.shape:
            return None
        return png_of(np.asarray(self))


def png_of(picture: NDArray[np.float32]) -> bytes:
    """Encode a picture (H, W, 3) of 0 to 1 as PNG, made smaller if it is large."""
    height, width = picture.shape[:2]
    scale = _SHOWN / max(height, width)
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
    encoded = cv2.imencode(".png", quantise(picture, 8)[..., ::-1])[1]
    with io.BytesIO() as file:
        file.write(encoded.tobytes())
        return file.getvalue()
