"""From a raw file to pixels, by LibRaw, with the checks that LibRaw does not make."""

from __future__ import annotations

import io
import os
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import cv2
import numpy as np
import rawpy
from threadpoolctl import threadpool_limits

from rawkit.errors import (
    BlankError,
    CorruptError,
    MosaicError,
)
from rawkit.sensor.as_shot import Chosen, block_means
from rawkit.sensor.beside import Decoded
from rawkit.sensor.cells import XTRANS
from rawkit.sensor.description import NO_MOSAIC, matrix_to_srgb
from rawkit.sensor.linear import sampled
from rawkit.sensor.matrix import probe_matrix
from rawkit.sensor.render import libraw_levels
from rawkit.sensor.types import MOSAICS, Levels, Mosaic, RawImage, WhiteBalance
from rawkit.sensor.unpacking import (
    MAX_BYTES_AT_ONCE,
    describe_file,
    libraw_errors,
    read_whole,
    unpack_raw,
)
from rawkit.sensor.whole import check_whole, check_whole_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rawkit.sensor.beside import Trust
    from rawkit.sensor.description import Description
    from rawkit.sensor.headerless import Headerless
    from rawkit.sensor.render import RenderParameters
    from rawkit.sensor.tiff_mosaic import TiffMosaic
    from rawkit.sensor.types import ColourMatrix

_LEAST_XTRANS = 512
"""Side of the blocks in which LibRaw demosaics X-Trans, in pixels."""
_LIKE_NONE = 0.01
"""A rendered matrix so close to none is none."""


class RawFile:
    """An open raw file: decode its mosaic, render it. Made by `open_raw`; not thread-safe."""

    def __init__(
        self,
        raw: Any,
        path: Path | str,
        described: Headerless | None = None,
        *,
        tags: frozenset[int] = frozenset(),
        opened: str | BinaryIO | None = None,
        decoded: Decoded | None = None,
    ) -> None:
        self._raw = raw
        self._opened = opened
        self._tags = tags
        self._balances: dict[Levels | None, Chosen] = {}
        self.path = path
        self.decoded = decoded or Decoded()
        """Which decoder the pixels are from."""
        self.described = described
        """What it holds, where that had to be said; None for a file that says so itself."""

    def image(
        self, levels: Levels | None = None, *, copy: bool = True, resample: bool = False
    ) -> RawImage:
        """Decode the visible mosaic; `levels` override the file's.

        Without `copy` the pixels are LibRaw's own: to be read only, and only while the file is
        open. With `resample` a linear file is sampled back onto a mosaic RGGB.

        Raises
        ------
        MosaicError
            If the file holds no mosaic, or one that is neither Bayer nor X-Trans; linear files are
            taken with `resample` only.
        BlankError
            If all pixels have one value, as in some truncated files.
        CorruptError
            If LibRaw fails, or the white level does not lie above the black level.
        """
        with libraw_errors(self.path):
            found = self._description
            if found.linear and not resample:
                taken = "`rawkit restore` takes it, sampled back onto RGGB"
                raise MosaicError(f"{NO_MOSAIC} ({taken})", expected=MOSAICS, where=self.path)
            pixels = self._pixels()
            pixels = pixels.copy() if copy and not found.linear else pixels
            masked = None if found.linear else self._masked(found.mosaic)
        mosaic = overridden(found.mosaic, levels)
        if mosaic.white_level <= max(mosaic.black_level):
            raise CorruptError(
                f"a white level of {mosaic.white_level:g}",
                expected=f"more than the black level of {max(mosaic.black_level):g}",
                where=self.path,
            )
        lowest, highest = map(int, cv2.minMaxLoc(pixels)[:2])
        if lowest == highest:
            raise BlankError(
                f"all {pixels.size} pixels of the mosaic are {lowest}",
                expected="a picture",
                where=self.path,
                fix="The file is probably cut off; fetch it again.",
            )
        chosen = self._balance(levels, pixels)
        balance = WhiteBalance(found.colours.by_plane(chosen.values), chosen.source)
        return RawImage(
            pixels, mosaic, balance, found.exposure, found.colour_matrix, masked, found.linear
        )

    def render(
        self,
        parameters: RenderParameters,
        *,
        brightness: float = 1.0,
        levels: Levels | None = None,
        square: bool = False,
        balance: WhiteBalance | None = None,
    ) -> NDArray[np.uint16] | NDArray[np.uint8]:
        """Render the visible area, shape (height, width, 3), RGB, not rotated.

        The tone curve is BT.709 on sRGB primaries. The white balance is that of `image`, or
        `balance`, as `image` has returned it at an earlier time.
        `brightness` multiplies linear light; targets are rendered with 1.
        `levels` override the file's for LibRaw too. With `square`, a picture of pixels that are not
        square is stretched until they are, see `Mosaic.square_size`.

        Raises
        ------
        MosaicError
            As `image` (linear files are rendered), or if the pixels are not square and shall not
            become so: then the picture would not lie on the mosaic. Or if it is an X-Trans mosaic
            too small for LibRaw.
        CorruptError
            If LibRaw fails.
        """
        with libraw_errors(self.path):
            mosaic = self._description.mosaic
            multipliers = self._multipliers(levels, balance)
        if not (square or mosaic.is_square):
            raise MosaicError(
                f"pixels of aspect {mosaic.pixel_aspect:.3f}",
                expected="square ones: the rendered picture would not lie on the mosaic",
                where=self.path,
            )
        if mosaic.cell == XTRANS and min(mosaic.height, mosaic.width) < _LEAST_XTRANS:
            raise MosaicError(
                f"an X-Trans mosaic of {mosaic.width}x{mosaic.height} pixels",
                expected=f"at least {_LEAST_XTRANS} a side: LibRaw renders no smaller one",
                where=self.path,
            )
        with libraw_errors(self.path), _reproducible(mosaic):
            picture: NDArray[np.uint16] | NDArray[np.uint8] = self._raw.postprocess(
                **multipliers,
                no_auto_bright=True,
                output_bps=parameters.bits,
                bright=brightness,
                **libraw_levels(levels),
                user_flip=0,
                adjust_maximum_thr=parameters.adjust_maximum_thr,
            )
        if picture.shape[:2] != mosaic.square_size:
            raise CorruptError(
                f"a rendered picture of {picture.shape[0]}x{picture.shape[1]}",
                expected="x".join(map(str, mosaic.square_size)) + ", the size of the mosaic",
                where=self.path,
            )
        return picture

    def probe_matrix(self) -> ColourMatrix | None:
        """Ask LibRaw for a matrix that it renders with and does not hand out.

        None where there is none. It decodes the file once more and renders it in half size: for
        files that are looked at one by one.

        Raises
        ------
        CorruptError
            If LibRaw fails.
        """
        if self._opened is None or self._description.linear:
            return None
        with libraw_errors(self.path):
            mosaic = self._description.mosaic
            if not isinstance(self._opened, str):
                self._opened.seek(0)
            with rawpy.imread(self._opened) as raw:
                raw.unpack()
                found = probe_matrix(raw, mosaic)
        if np.abs(found - np.eye(3)).max() < _LIKE_NONE:
            return None  # with that it renders cameras that it does not know
        return matrix_to_srgb(found, "libraw")

    def _pixels(self) -> NDArray[np.uint16]:
        """Return LibRaw's own visible mosaic, or one sampled from a linear file."""
        visible: NDArray[np.uint16] = self._raw.raw_image_visible
        return sampled(visible) if self._description.linear else visible

    def _balance(self, levels: Levels | None, pixels: NDArray[np.uint16] | None = None) -> Chosen:
        """Choose the balance, once for the same levels; `pixels` where they are known already."""
        if levels not in self._balances:
            found = self._description
            mosaic = overridden(found.mosaic, levels)
            self._balances[levels] = found.candidates.choose(
                lambda: block_means(self._pixels() if pixels is None else pixels, mosaic)
            )
        return self._balances[levels]

    def _multipliers(self, levels: Levels | None, balance: WhiteBalance | None) -> dict[str, Any]:
        """Return LibRaw's parameters for a balance, or for the one that is chosen."""
        if balance is None:
            chosen = self._balance(levels)
            source, values = chosen.source, chosen.values if chosen.decided else None
        else:
            source, values = balance.source, self._description.colours.of(balance.multipliers)
        if source in ("camera", "daylight"):  # what LibRaw takes by itself
            return {"use_camera_wb": source == "camera"}
        return {"user_wb": values and list(values)}

    def _masked(self, mosaic: Mosaic) -> NDArray[np.uint16] | None:
        """Copy the columns left of the visible area, which most cameras shield from light."""
        rows = slice(mosaic.top, mosaic.top + mosaic.height)
        return self._raw.raw_image[rows, : mosaic.left].copy() if mosaic.left else None

    @cached_property
    def _description(self) -> Description:
        """Pattern, levels, balances and exposure, read before LibRaw renders and changes them."""
        return describe_file(self._raw, self.path, self._tags)


@contextmanager
def open_raw(
    file: str | os.PathLike[str] | bytes | BinaryIO,
    *,
    name: str = "raw file",
    headerless: Headerless | None = None,
    trust: Trust | None = None,
    mosaic: TiffMosaic | None = None,
) -> Iterator[RawFile]:
    """Open a raw file and check what can be checked before it is unpacked.

    `file` is a path, or the contents in memory: bytes, or a seekable binary file; for these, `name`
    is what messages call it. `headerless` describes what a file holds that does not say so itself;
    it means nothing for others. With `trust` pixels may be decoded beside LibRaw, see
    `rawkit.sensor.beside`; `RawFile.decoded` says how they were. `mosaic` describes a TIFF whose
    pixels are a mosaic; the file must be one.

    Raises
    ------
    UnreadableError
        If it cannot be opened or read.
    NotRawError
        If LibRaw does not know it, or it is no TIFF where `mosaic` says so.
    MosaicError
        If it is not as `mosaic` says.
    HeaderlessError
        If LibRaw would guess from its size what it holds, or it is not as `headerless` says.
    TruncatedError
        If it declares pixel data beyond its end, or more pixels than its bytes could hold.
    CorruptError
        If LibRaw fails in another way.
    """
    if isinstance(file, bytes):
        file = io.BytesIO(file)
    where: Path | str
    opened: Any
    said: Headerless | None = None
    if mosaic is not None:
        where = Path(file) if isinstance(file, str | os.PathLike) else name
        said, dng = mosaic.as_dng(_contents(file), where)
        file, name = io.BytesIO(dng), str(where)
    if isinstance(file, str | os.PathLike):
        where = Path(file)
        size, tags = check_whole_path(where)
        opened = read_whole(where) if size <= MAX_BYTES_AT_ONCE else str(where)
    else:
        where, opened = name, file
        size, tags = check_whole(file, where)
        file.seek(0)
    found = unpack_raw(opened, where, size, tags, headerless=headerless, trust=trust)
    described = said or found.described
    with found.raw as raw:
        again = opened if described is None else None
        yield RawFile(raw, where, described, tags=tags, opened=again, decoded=found.decoded)


def _contents(file: str | os.PathLike[str] | BinaryIO) -> bytes:
    """Read a file whole.

    Raises
    ------
    UnreadableError
        If that fails.
    """
    if isinstance(file, str | os.PathLike):
        file = read_whole(Path(file))
    file.seek(0)
    return file.read()


def overridden(mosaic: Mosaic, levels: Levels | None) -> Mosaic:
    """Put other levels in the place of a file's own."""
    if levels is None:
        return mosaic
    black, white = levels.black, levels.white
    return replace(
        mosaic,
        black_level=mosaic.black_level
        if black is None
        else (float(black),) * len(mosaic.black_level),
        white_level=mosaic.white_level if white is None else float(white),
    )


@contextmanager
def _reproducible(mosaic: Mosaic) -> Iterator[None]:
    """Keep LibRaw to one thread where more of them change the picture from run to run.

    Its X-Trans demosaicing does: with two threads 28 of 30 renderings of one file differed in a
    thousandth of their values. Bayer renderings are the same for any number.
    """
    if mosaic.cell != XTRANS:
        yield
        return
    with threadpool_limits(limits=1, user_api="openmp"):
        yield


def decode(
    file: str | os.PathLike[str] | bytes | BinaryIO,
    *,
    name: str = "raw file",
    resample: bool = False,
) -> RawImage:
    """Decode the visible mosaic of one raw file; takes and raises what `open_raw` does.

    With `resample` a linear file is sampled back onto a mosaic RGGB.
    """
    with open_raw(file, name=name) as raw:
        return raw.image(resample=resample)
