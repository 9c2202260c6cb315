"""Pictures: from values of 0 to 1 to upright integers, and into files."""

from __future__ import annotations

import math
import os
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeVar

import numpy as np

from rawkit.errors import UsageError
from rawkit.files import replacing
from rawkit.pictures.capture import Capture
from rawkit.pictures.curve import icc_profile, profile_name
from rawkit.pictures.formats.dng import MosaicFile, encode_dng
from rawkit.pictures.formats.jpeg import encode_jpeg
from rawkit.pictures.formats.png import encode_png
from rawkit.pictures.formats.shape import PictureShape
from rawkit.pictures.formats.tiff import encode_tiff

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

Value = TypeVar("Value", bound=np.generic)

_BAND_ROWS = 256
_ROUNDED_ROWS = 16
_IN_MEMORY_BYTES = 400_000_000
"""Pictures of more bytes are turned with the help of a temporary file."""
_TRANSPOSED = (5, 6, 7, 8)
_TURNED_AS_THEY_COME = (1, 2)
_MIRRORED = (2, 3, 6, 7)
_REVERSED = (3, 4, 7, 8)


def quantise(picture: NDArray[np.float32], bits: int) -> NDArray[np.unsignedinteger]:
    """Round 0 to 1 to integers of 8 or 16 bits; what lies outside is clipped."""
    if bits not in (8, 16):
        raise UsageError(f"pictures of {bits} bits", expected="8 or 16")
    rounded = np.empty(picture.shape, np.uint8 if bits == 8 else np.uint16)  # noqa: PLR2004
    for top in range(0, len(picture), _ROUNDED_ROWS):  # which stay in the cache
        scaled = np.clip(picture[top : top + _ROUNDED_ROWS], 0, 1)
        scaled *= np.float32(2**bits - 1)
        scaled += np.float32(0.5)
        rounded[top : top + _ROUNDED_ROWS] = scaled
    return rounded


def orient(picture: NDArray[Value], orientation: int) -> NDArray[Value]:
    """Turn a picture (H, W, 3) upright as its EXIF orientation (1 to 8) says."""
    if orientation in _TRANSPOSED:
        picture = picture.transpose(1, 0, 2)
    if orientation in _MIRRORED:
        picture = picture[:, ::-1]
    if orientation in _REVERSED:
        picture = picture[::-1]
    return np.ascontiguousarray(picture)


def upright_shape(height: int, width: int, orientation: int) -> tuple[int, int]:
    """Rows and columns of a picture once it is turned upright."""
    return (width, height) if orientation in _TRANSPOSED else (height, width)


def upright_bands(
    bands: Iterable[NDArray[Value]],
    orientation: int,
    *,
    in_memory: int = _IN_MEMORY_BYTES,
) -> Iterator[NDArray[Value]]:
    """Turn a picture that comes in bands (rows, W, 3), top to bottom, into bands of it upright.

    Where the first rows come last, or columns become rows, the whole picture is kept meanwhile: in
    memory, or beyond `in_memory` bytes in a temporary file.
    """
    if orientation in _TURNED_AS_THEY_COME:
        yield from (orient(band, orientation) for band in bands)
        return
    kept: list[NDArray[Value] | _Spilled] = []
    size = 0
    with tempfile.TemporaryFile() as file:
        for band in bands:
            turned = orient(band, orientation)
            size += turned.nbytes
            kept.append(turned if size <= in_memory else _Spilled.of(turned, file))
            del turned
        if orientation in _TRANSPOSED:
            yield from _across(kept, flipped=orientation in _MIRRORED)
        else:
            yield from (_rows(band, 0, band.shape[0]) for band in reversed(kept))


def kept_to_turn(size: int, orientation: int) -> int:
    """Bytes of memory that `upright_bands` keeps of a picture of `size` bytes."""
    return 0 if orientation in _TURNED_AS_THEY_COME else min(size, _IN_MEMORY_BYTES)


@dataclass(frozen=True, slots=True)
class _Spilled:
    """A band that waits in a file; read, not mapped, as mapped pages count as memory."""

    file: BinaryIO
    offset: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @classmethod
    def of(cls, band: NDArray[Any], file: BinaryIO) -> _Spilled:
        offset = file.seek(0, os.SEEK_END)
        file.write(band.data)
        return cls(file, offset, band.dtype, band.shape)

    def rows(self, top: int, bottom: int) -> NDArray[Any]:
        stride = math.prod(self.shape[1:]) * self.dtype.itemsize
        self.file.seek(self.offset + top * stride)
        data = self.file.read((min(bottom, self.shape[0]) - top) * stride)
        return np.frombuffer(data, self.dtype).reshape(-1, *self.shape[1:])


def _rows(band: NDArray[Any] | _Spilled, top: int, bottom: int) -> NDArray[Any]:
    return band.rows(top, bottom) if isinstance(band, _Spilled) else band[top:bottom]


def _across(kept: Sequence[NDArray[Any] | _Spilled], *, flipped: bool) -> Iterator[NDArray[Any]]:
    """Yield rows of bands that lie beside each other; `flipped` puts the last one first."""
    ordered = kept[::-1] if flipped else kept
    for top in range(0, kept[0].shape[0], _BAND_ROWS):
        yield np.concatenate([_rows(band, top, top + _BAND_ROWS) for band in ordered], axis=1)


@dataclass(frozen=True, slots=True)
class PictureFormat:
    """A file format and its bits per channel."""

    name: Literal["png", "jpeg", "tiff", "dng"] = "png"
    """Name of the format; DNG holds mosaics, all others pictures."""
    bits: int = 8
    """Bits per channel: 8, or 16 for PNG and TIFF. Of DNG, whose values have 16: 8 leaves the
    source's own units, 16 multiplies them by a power of two, which keeps fractions."""

    def __post_init__(self) -> None:
        """Check that the format has so many bits."""
        known = {"png": (8, 16), "jpeg": (8,), "tiff": (8, 16), "dng": (8, 16)}
        if self.bits not in known.get(self.name, ()):
            raise UsageError(
                f"{self.name} with {self.bits} bits",
                expected="png, tiff or dng with 8 or 16, jpeg with 8",
            )

    @property
    def suffix(self) -> str:
        """End of a file's name, with the dot."""
        return {"png": ".png", "jpeg": ".jpg", "tiff": ".tif", "dng": ".dng"}[self.name]


def write_bands(
    path: Path,
    bands: Iterable[NDArray[np.unsignedinteger]],
    size: tuple[int, int],
    chosen: PictureFormat,
    *,
    linear: bool = False,
    srgb: bool = False,
    capture: Capture | None = None,
) -> None:
    """Write an RGB picture from bands (rows, W, 3), top to bottom, atomically.

    It carries its colour profile, with `srgb` that of sRGB and with `linear` that of linear light,
    and what is known of its capture. `size` is rows and columns. An
    error that the bands raise comes through, and no file is left.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    shape = PictureShape(
        *size,
        chosen.bits,
        icc_profile(linear=linear, srgb=srgb),
        profile_name(linear=linear, srgb=srgb),
        capture or Capture(),
    )
    encode = {"png": encode_png, "jpeg": encode_jpeg, "tiff": encode_tiff}[chosen.name]
    with replacing(path) as file:
        encode(file, bands, shape)


def write_mosaic(path: Path, pixels: NDArray[np.uint16], about: MosaicFile) -> None:
    """Write a mosaic (height, width), in the units that `about` says, as a DNG, atomically.

    Raises
    ------
    OutputError
        If it cannot be written, or is larger than a DNG can be.
    UsageError
        If the pixels are not those of the mosaic.
    """
    with replacing(path) as file:
        encode_dng(file, pixels, about)


def write_picture(
    path: Path,
    picture: NDArray[np.unsignedinteger],
    chosen: PictureFormat,
    *,
    linear: bool = False,
    srgb: bool = False,
    capture: Capture | None = None,
) -> None:
    """Write a whole RGB picture (H, W, 3); else as `write_bands`.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    bands = (picture[top : top + _BAND_ROWS] for top in range(0, len(picture), _BAND_ROWS))
    write_bands(path, bands, picture.shape[:2], chosen, linear=linear, srgb=srgb, capture=capture)


def write_png(path: Path, picture: NDArray[np.unsignedinteger]) -> None:
    """Write a PNG of 8 or 16 bits atomically, with the profile of the BT.709 curve.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    write_picture(path, picture, PictureFormat("png", 8 * picture.dtype.itemsize))
