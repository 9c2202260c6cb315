"""Raw videos as people have them: an ``.npy`` of packed frames, or a folder of CinemaDNG files."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from rawkit.catalog import has_raw_suffix
from rawkit.errors import CorruptError, MissingError, MosaicError, RawFileError, UsageError
from rawkit.pictures import Capture
from rawkit.restore import DecodeJob, Decoder, decoder_memory
from rawkit.sensor import Levels, amplification_base, image_of_packed
from rawkit.source import LocalRanges, open_npy_video
from rawkit.video.header import FrameHeader, read_header

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from rawkit.sensor import RawImage
    from rawkit.source import NpyVideo

MOSAIC = "GBRG"
"""What the four channels of packed frames are unless it is said, as the collection of moving
objects has them."""
LEVELS = Levels(0, 65535)
"""Black and white of packed frames unless they are said."""
_NUMBER = re.compile(r"(\d+)(?!.*\d)")
_FLOATS = ("float32", "float16", "float64")
_PLANES = 4
_WHITE = 65535
_FEW = 5


@dataclass(frozen=True, slots=True)
class RawFrame:
    """One decoded frame of a video."""

    number: int
    """Its place in the video, from 0."""
    image: RawImage
    """Its mosaic."""
    base: float
    """The amplifier's estimate."""
    capture: Capture
    """What is known of the capture."""


class Footage(Protocol):
    """A raw video whose frames can be read one by one, in any order."""

    @property
    def where(self) -> str:
        """Path, for people."""

    @property
    def count(self) -> int:
        """Frames."""

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the mosaic of a frame, in pixels."""

    @property
    def fps(self) -> float | None:
        """Frames a second, where the files say so."""

    @property
    def missing(self) -> tuple[int, ...]:
        """Places of frames, from 0, for which there is no file."""

    def identity(self) -> str:
        """Return what changes if the video is another one."""

    def frame(self, number: int) -> RawFrame:
        """Read one frame, from 0; raises `RawFileError` if it cannot be used."""

    def close(self) -> None:
        """End what helps to read."""


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
        return f"{_stamp([self.path])} {self.mosaic} {levels}"

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
    return np.round(np.clip(packed, 0, 1).astype(np.float64) * _WHITE).astype(np.uint16)


@dataclass(frozen=True)
class FolderFootage:
    """A folder of raw files, one a frame, in the order of the numbers in their names."""

    folder: Path
    """The folder."""
    levels: Levels | None = None
    """Levels that override the files'."""
    seconds: float = 120.0
    """Time after which decoding a frame is given up."""
    memory: int | None = None
    """Bytes that decoding may take; None: no limit."""

    @cached_property
    def files(self) -> tuple[Path | None, ...]:
        """Each frame's file; None where a number is left out.

        Raises
        ------
        MissingError
            If there is no such folder, or no raw file in it.
        UsageError
            If their names do not number them.
        """
        try:
            paths = [one for one in self.folder.iterdir() if has_raw_suffix(one.name)]
        except OSError as error:
            raise MissingError(
                f"cannot be read ({error.strerror or error})", where=self.folder
            ) from error
        paths = [one for one in paths if one.is_file() and not one.name.startswith(".")]
        if not paths:
            raise MissingError("a folder without raw files", where=self.folder)
        return _numbered(paths, self.folder)

    @cached_property
    def header(self) -> FrameHeader:
        """What the first frame says of itself.

        Raises
        ------
        RawFileError
            If a frame has another size than the first.
        """
        there = [one for one in self.files if one is not None]
        first = read_header(there[0])
        for path in there[1:]:
            other = read_header(path)
            if other.size != first.size and None not in (other.size, first.size):
                raise MosaicError(
                    f"a frame of {_by(other.size)} pixels",
                    expected=f"{_by(first.size)}, as {there[0].name} has",
                    where=path, fix="Put the frames of each video into a folder of its own.",
                )  # fmt: skip
        return first

    @cached_property
    def first(self) -> RawImage:
        """The mosaic of the first frame."""
        return self._decoded(next(one for one in self.files if one is not None)).image

    @cached_property
    def decoder(self) -> Decoder:
        """The process that decodes."""
        memory = None if self.memory is None else decoder_memory(self.memory)
        return Decoder(self.seconds, memory)

    @property
    def where(self) -> str:
        """Path of the folder."""
        return str(self.folder)

    @property
    def count(self) -> int:
        """Frames, those that are missing included."""
        return len(self.files)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the visible mosaic."""
        height, width = self.first.pixels.shape
        return height, width

    @property
    def fps(self) -> float | None:
        """Frames a second, as the first file says (FrameRate, tag 51044)."""
        return self.header.fps

    @property
    def missing(self) -> tuple[int, ...]:
        """Places of frames whose numbers are left out."""
        return tuple(number for number, path in enumerate(self.files) if path is None)

    def identity(self) -> str:
        """Return names, sizes and times of the files."""
        return f"{_stamp(one for one in self.files if one is not None)} {self.levels}"

    def frame(self, number: int) -> RawFrame:
        """Decode a frame in a process of its own.

        Raises
        ------
        RawFileError
            If it is missing, cannot be decoded, or is of another size or pattern than the first.
        """
        path = self.files[number]
        if path is None:
            raise CorruptError(f"frame {number} is missing", expected="a file", where=self.folder)
        decoded = self._decoded(path)
        _check_alike(decoded.image, self.first, path)
        return RawFrame(number, decoded.image, decoded.base, decoded.capture)

    def close(self) -> None:
        """End the process that decodes."""
        self.decoder.close()

    def _decoded(self, path: Path) -> Any:
        return self.decoder.decode(DecodeJob(path, str(path), self.levels))


def _check_alike(image: RawImage, first: RawImage, path: Path) -> None:
    if image.pixels.shape != first.pixels.shape:
        raise MosaicError(
            f"a frame of {_by(image.pixels.shape)} pixels",
            expected=f"{_by(first.pixels.shape)}, as the first one has",
            where=path, fix="Put the frames of each video into a folder of its own.",
        )  # fmt: skip
    if image.mosaic.pattern != first.mosaic.pattern:
        raise MosaicError("a frame of another mosaic than the first", where=path)


def _numbered(paths: list[Path], folder: Path) -> tuple[Path | None, ...]:
    """Order files by the last number in their names; None for each that is left out."""
    found: dict[int, Path] = {}
    stems = set[str]()
    for path in sorted(paths):
        match = _NUMBER.search(path.stem)
        if match is None and len(paths) > 1:
            raise UsageError(
                f"a frame named {path.name}", expected="names that end in numbers",
                where=folder, fix="Name frames by their numbers, such as clip_000001.dng.",
            )  # fmt: skip
        number = 0 if match is None else int(match[1])
        stems.add(path.stem if match is None else path.stem[: match.start()])
        if number in found or len(stems) > 1:
            other = found.get(number, min(paths))
            raise UsageError(
                f"{other.name} and {path.name} in one folder", expected="the frames of one video",
                where=folder, fix="Put the frames of each video into a folder of its own.",
            )  # fmt: skip
        found[number] = path
    first, last = min(found), max(found)
    if last - first >= 2 * len(found) + _FEW:
        raise UsageError(
            f"numbers from {first} to {last} for {len(found)} files",
            expected="frames that follow each other", where=folder,
        )  # fmt: skip
    return tuple(found.get(number) for number in range(first, last + 1))


def _by(size: tuple[int, ...] | None) -> str:
    return "unknown" if size is None else "x".join(str(one) for one in reversed(size))


def _stamp(paths: Iterable[Path]) -> str:
    """Digest of the names, sizes and times of files."""
    digest = hashlib.sha256()
    for path in paths:
        about = path.stat()
        digest.update(f"{path.resolve()} {about.st_size} {about.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def find_footage(
    path: Path,
    *,
    mosaic: str | None = None,
    levels: Levels | None = None,
    seconds: float = 120.0,
    memory: int | None = None,
) -> Footage:
    """Open a raw video: an ``.npy`` of packed frames, or a folder of raw files.

    Parameters
    ----------
    path
        The file or folder.
    mosaic
        Of packed frames: the colours of the four channels, such as ``GBRG``, which is the default.
    levels
        Black and white level; for packed frames 0 and 65535 unless they are given, for raw files
        their own.
    seconds, memory
        Limits on decoding a frame of a folder, see `rawkit.restore`.

    Raises
    ------
    MissingError
        If there is nothing of that name.
    UsageError
        If it is neither, or its files do not follow each other.
    RawFileError
        If the array cannot be used.
    """
    if path.is_dir():
        footage: Footage = FolderFootage(path, levels, seconds, memory)
    elif not path.exists():
        raise MissingError(
            "no such file", expected="an .npy of packed frames, or a folder", where=path
        )
    elif path.suffix.lower() == ".npy":
        given = levels or LEVELS
        whole = Levels(
            LEVELS.black if given.black is None else given.black,
            LEVELS.white if given.white is None else given.white,
        )
        footage = PackedFootage(path, mosaic or MOSAIC, whole)
    else:
        raise UsageError(
            f"a video of the kind {path.suffix or path.name}",
            expected="an .npy of packed frames, or a folder of CinemaDNG frames", where=path,
        )  # fmt: skip
    try:
        if footage.count < 1:
            raise MissingError("a video without frames", where=path)
    except RawFileError:
        footage.close()
        raise
    return footage
