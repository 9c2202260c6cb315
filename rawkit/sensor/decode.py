"""From a raw file to pixels, by LibRaw, with the checks that LibRaw does not make."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rawpy

from rawkit.errors import (
    BlankError,
    CorruptError,
    MosaicError,
    NotRawError,
    RawFileError,
    TruncatedError,
    UnreadableError,
)
from rawkit.sensor.extents import declared_end
from rawkit.sensor.pack import PLANE_POSITIONS
from rawkit.sensor.types import Exposure, Mosaic, RawImage, WhiteBalance

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from rawkit.sensor.render import RenderParameters

MAX_PIXELS = 400_000_000
"""No camera has more; a damaged header may claim anything."""
MAX_PIXELS_PER_BYTE = 32
"""A compressed mosaic with noise in it takes about one byte a pixel. A file that claims more pixels
than this for each of its bytes is cut off or lies, and would cost gigabytes to find out."""
_SQUARE_TOLERANCE = 0.005
_BAYER_CELL = 2


class RawFile:
    """An open raw file: decode its mosaic, render it. Made by `open_raw`; not thread-safe."""

    def __init__(self, raw: Any, path: Path) -> None:
        self._raw = raw
        self.path = path

    def image(self) -> RawImage:
        """Decode the visible mosaic.

        Raises
        ------
        MosaicError
            If the file holds no mosaic, or one that is neither RGB nor 2x2.
        BlankError
            If all pixels have one value, as in some truncated files.
        CorruptError
            If LibRaw fails, or the white level does not lie above the black level.
        """
        with _libraw_errors(self.path):
            mosaic, balance, exposure = self._description
            pixels: NDArray[np.uint16] = self._raw.raw_image_visible.copy()
        if mosaic.white_level <= max(mosaic.black_level):
            raise CorruptError(
                f"a white level of {mosaic.white_level:g}",
                expected=f"more than the black level of {max(mosaic.black_level):g}",
                where=self.path,
            )
        lowest, highest = int(pixels.min()), int(pixels.max())
        if lowest == highest:
            raise BlankError(
                f"all {pixels.size} pixels of the mosaic are {lowest}",
                expected="a picture",
                where=self.path,
                fix="The file is probably cut off; fetch it again.",
            )
        return RawImage(pixels, mosaic, balance, exposure)

    def render(
        self, parameters: RenderParameters, *, brightness: float = 1.0
    ) -> NDArray[np.uint16] | NDArray[np.uint8]:
        """Render the visible area, shape (height, width, 3), RGB, not rotated.

        The tone curve is BT.709 on sRGB primaries. As-shot white balance where it is usable,
        daylight otherwise. `brightness` multiplies linear light; targets are rendered with 1.

        Raises
        ------
        MosaicError
            As `image`, or if the pixels are not square, so that the picture would not lie on the
            mosaic.
        CorruptError
            If LibRaw fails.
        """
        with _libraw_errors(self.path):
            sizes, (_, balance, _) = self._raw.sizes, self._description
        if abs(sizes.pixel_aspect - 1) > _SQUARE_TOLERANCE:
            raise MosaicError(
                f"pixels of aspect {sizes.pixel_aspect:.3f}",
                expected="square ones: the rendered picture would not lie on the mosaic",
                where=self.path,
            )
        with _libraw_errors(self.path):
            picture: NDArray[np.uint16] | NDArray[np.uint8] = self._raw.postprocess(
                use_camera_wb=balance.source == "camera",
                no_auto_bright=True,
                output_bps=parameters.bits,
                bright=brightness,
                user_flip=0,
                adjust_maximum_thr=parameters.adjust_maximum_thr,
            )
        if picture.shape[:2] != (sizes.height, sizes.width):
            raise CorruptError(
                f"a rendered picture of {picture.shape[0]}x{picture.shape[1]}",
                expected=f"{sizes.height}x{sizes.width}, the size of the mosaic",
                where=self.path,
            )
        return picture

    @cached_property
    def _description(self) -> tuple[Mosaic, WhiteBalance, Exposure]:
        """Pattern, levels, balance and exposure, read before LibRaw renders and changes them."""
        pattern = self._bayer_pattern()
        return self._mosaic(pattern), self._white_balance(pattern), self._exposure()

    def _bayer_pattern(self) -> tuple[tuple[int, ...], ...]:
        raw, expected = self._raw, "a 2x2 Bayer mosaic of red, green and blue"
        if raw.raw_type != rawpy.RawType.Flat or raw.raw_pattern is None:
            raise MosaicError("no mosaic: every pixel has all colours", expected=expected,
                              where=self.path)  # fmt: skip
        letters = raw.color_desc.decode("ascii", "replace")
        if raw.num_colors != 3 or letters != "RGBG":  # noqa: PLR2004 - three colours
            raise MosaicError(f"a four-colour mosaic ({letters})", expected=expected,
                              where=self.path)  # fmt: skip
        shape = raw.raw_pattern.shape
        if shape != (_BAYER_CELL, _BAYER_CELL):
            name = "an X-Trans mosaic" if shape == (6, 6) else "a mosaic"
            raise MosaicError(f"{name} with a cell of {shape[0]}x{shape[1]}", expected=expected,
                              where=self.path)  # fmt: skip
        pattern = tuple(tuple(int(colour) for colour in row) for row in raw.raw_pattern)
        if sorted(pattern[0] + pattern[1]) != [0, 1, 2, 3]:
            raise MosaicError(f"a mosaic with the cell {pattern}", expected=expected,
                              where=self.path)  # fmt: skip
        return pattern

    def _mosaic(self, pattern: tuple[tuple[int, ...], ...]) -> Mosaic:
        raw, sizes = self._raw, self._raw.sizes
        saturation = raw.camera_white_level_per_channel
        usable = saturation is not None and all(value > 0 for value in saturation)
        return Mosaic(
            pattern=pattern,
            black_level=_by_plane(raw.black_level_per_channel, pattern),
            white_level=float(raw.white_level),
            camera_white_level=_by_plane(saturation, pattern) if usable else None,
            raw_height=sizes.raw_height,
            raw_width=sizes.raw_width,
            top=sizes.top_margin,
            left=sizes.left_margin,
            height=sizes.height,
            width=sizes.width,
            pixel_aspect=float(sizes.pixel_aspect),
        )

    def _white_balance(self, pattern: tuple[tuple[int, ...], ...]) -> WhiteBalance:
        as_shot = self._raw.camera_whitebalance
        from_camera = usable_white_balance(as_shot)
        values = list(as_shot if from_camera else self._raw.daylight_whitebalance)
        if not usable_white_balance(values):
            values = [1.0, 1.0, 1.0, 1.0]
        if values[3] <= 0:
            values[3] = values[1]  # one green multiplier serves both greens
        scaled = [value / values[1] for value in values]
        return WhiteBalance(_by_plane(scaled, pattern), "camera" if from_camera else "daylight")

    def _exposure(self) -> Exposure:
        other = self._raw.other
        return Exposure(float(other.shutter_speed), float(other.iso_speed), float(other.aperture))


@contextmanager
def open_raw(path: str | os.PathLike[str]) -> Iterator[RawFile]:
    """Open a raw file and check what can be checked before it is unpacked.

    Raises
    ------
    UnreadableError
        If it cannot be opened or read.
    NotRawError
        If LibRaw does not know it.
    TruncatedError
        If it declares pixel data beyond its end, or more pixels than its bytes could hold.
    CorruptError
        If LibRaw fails in another way.
    """
    path = Path(path)
    _check_whole(path)
    with _libraw_errors(path):
        raw = rawpy.imread(str(path))
    with raw:
        with _libraw_errors(path):
            _check_size(raw, path)
            raw.unpack()
        yield RawFile(raw, path)


def decode(path: str | os.PathLike[str]) -> RawImage:
    """Decode the visible mosaic of one raw file; raises what `open_raw` and `image` raise."""
    with open_raw(path) as raw:
        return raw.image()


def usable_white_balance(multipliers: Any) -> bool:
    """Tell whether as-shot multipliers (R, G1, B, G2) can be used.

    Cameras write zero, negative or all-one multipliers where they did not measure any. A fourth of
    zero is usual: it means that both greens share one.
    """
    if multipliers is None:
        return False
    red, green, blue = (float(value) for value in multipliers[:3])
    return min(red, green, blue) > 0 and not red == green == blue == 1


def _by_plane(
    of_colour: Any, pattern: tuple[tuple[int, ...], ...]
) -> tuple[float, float, float, float]:
    """Order values that LibRaw gives for each colour by packed plane R, G1, B, G2."""
    y, x = next((y, row.index(0)) for y, row in enumerate(pattern) if 0 in row)
    r, g1, b, g2 = (
        float(of_colour[pattern[(y + dy) % 2][(x + dx) % 2]]) for dy, dx in PLANE_POSITIONS
    )
    return r, g1, b, g2


def _check_whole(path: Path) -> None:
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            end = declared_end(file)
    except OSError as error:
        raise UnreadableError(f"cannot be read ({error.strerror or error})", where=path) from error
    if size == 0:
        raise NotRawError("an empty file", expected="a raw file", where=path)
    if end > size:
        raise TruncatedError(
            f"{size} bytes, but pixel data up to byte {end}",
            expected="a whole file",
            where=path,
            fix="Fetch it again.",
        )


def _check_size(raw: Any, path: Path) -> None:
    sizes = raw.sizes
    pixels, size = sizes.raw_height * sizes.raw_width, path.stat().st_size
    if pixels > MAX_PIXELS or pixels > MAX_PIXELS_PER_BYTE * size:
        raise TruncatedError(
            f"{sizes.raw_width}x{sizes.raw_height} pixels declared in {size} bytes",
            expected=f"at most {min(MAX_PIXELS, MAX_PIXELS_PER_BYTE * size)} pixels",
            where=path,
            fix="The file is cut off or damaged; fetch it again.",
        )


@contextmanager
def _libraw_errors(path: Path) -> Iterator[None]:
    """Turn LibRaw's errors into ours."""
    try:
        yield
    except RawFileError:
        raise
    except rawpy.LibRawFileUnsupportedError as error:
        raise NotRawError("not a raw file that LibRaw knows", where=path) from error
    except rawpy.LibRawError as error:
        text = error.args[0] if error.args else error
        said = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
        raise CorruptError(f"LibRaw cannot decode it ({said})", where=path) from error
    except (MemoryError, ValueError, NotImplementedError) as error:
        raise CorruptError(f"it cannot be decoded ({error})", where=path) from error
