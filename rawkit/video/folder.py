"""A folder of raw files, one a frame, as cinema cameras write them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from rawkit.catalog import has_raw_suffix
from rawkit.errors import CorruptError, MissingError, MosaicError, UsageError
from rawkit.restore import DecodeJob, Decoder, decoder_memory
from rawkit.sensor import amplification_base
from rawkit.video.footage import RawFrame, stamp
from rawkit.video.header import FrameHeader, read_header

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.restore import Decoded, Mending
    from rawkit.sensor import Levels, RawImage

_NUMBER = re.compile(r"(\d+)(?!.*\d)")
_FEW = 5


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
    mending: Mending | None = None
    """What is done to each frame by its camera's profile; None: nothing."""

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
        return self._decoded(next(one for one in self.files if one)).image

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
        own = f"{stamp(one for one in self.files if one is not None)} {self.levels}"
        return own if self.mending is None else f"{own} {self.mending.asked}"

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

    def _decoded(self, path: Path) -> Decoded:
        found = self.decoder.decode(DecodeJob(path, str(path), self.levels))
        if self.mending is None:
            return found
        done, _ = self.mending.mend(path, found.image, found.capture)
        return replace(found, image=done.image, base=amplification_base(done.image))


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
