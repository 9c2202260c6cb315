"""Raw files in, pictures out: file n + 1 is decoded and n - 1 encoded while n is restored."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from rawkit.catalog import RAW_SUFFIXES
from rawkit.errors import MissingError, MosaicError, RawkitError, UsageError
from rawkit.progress import SILENT
from rawkit.restore.network import amplifications_for, restore_image
from rawkit.restore.picture import PictureFormat, orient, quantise, write_picture
from rawkit.restore.profile import linear_of
from rawkit.sensor import BAYER, decode, read_exif
from rawkit.store import output_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from rawkit.progress import Progress
    from rawkit.restore.network import Restorer
    from rawkit.sensor import RawImage

MANIFEST = "manifest.jsonl"


@dataclass(frozen=True, slots=True)
class Output:
    """What is written for each restored mosaic."""

    folder: Path
    """Where the pictures go."""
    format: PictureFormat = field(default_factory=PictureFormat)
    """File format and bits."""
    multiples: tuple[float, ...] | None = None
    """One picture for each multiple m of the estimated amplification; None for the one the network
    was trained with."""
    linear: bool = False
    """Whether linear light is written instead of the BT.709 curve."""
    skip_existing: bool = False
    """Whether files all of whose pictures are there already are left alone."""

    def pictures(self, name: str) -> list[Path]:
        """Paths of the pictures of a file, in the order of `multiples`."""
        labels = [""]
        if self.multiples and len(self.multiples) > 1:
            labels = [f"_m{m:g}" for m in self.multiples]
        return [self.folder / f"{name}{label}{self.format.suffix}" for label in labels]


@dataclass(frozen=True, slots=True)
class Restored:
    """One picture that was written."""

    source: Path
    """The raw file."""
    picture: Path
    """The picture."""
    amplification: float
    """What the normalised mosaic was multiplied by."""
    black_level: tuple[float, ...]
    """Black level of each plane that was subtracted, in sensor units."""
    white_level: float
    """White level, in sensor units."""
    decode_seconds: float
    """Time to decode the raw file and to estimate the amplification."""
    restore_seconds: float
    """Time in the network."""
    write_seconds: float
    """Time to encode and write the picture."""

    @property
    def seconds(self) -> float:
        """Time of all stages; those of neighbouring files overlap."""
        return self.decode_seconds + self.restore_seconds + self.write_seconds


@dataclass(slots=True)
class RestoreReport:
    """What a batch did."""

    restored: list[Restored] = field(default_factory=list)
    """Pictures written."""
    skipped: list[Path] = field(default_factory=list)
    """Files whose pictures were there already."""
    failed: list[tuple[Path, RawkitError]] = field(default_factory=list)
    """Files that could not be restored, and why."""


@dataclass(frozen=True, slots=True)
class _Decoded:
    """A decoded file on its way to the network."""

    image: RawImage
    orientation: int
    amplifications: list[float]
    seconds: float


def raw_files(paths: Iterable[Path]) -> list[Path]:
    """List the files; folders stand for the raw files in them.

    Raises
    ------
    MissingError
        If a path is not there, or a folder holds no raw file.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = [one for one in sorted(path.iterdir()) if one.suffix.lower() in RAW_SUFFIXES]
            if not inside:
                raise MissingError("a folder without raw files", where=path)
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise MissingError("no such file", where=path)
    return found


def restore_files(
    files: Sequence[Path], output: Output, restorer: Restorer, progress: Progress = SILENT
) -> RestoreReport:
    """Restore raw files into pictures; one that fails is listed, the rest goes on.

    A picture is named after its file, with ``_m5`` where several m are asked for. Each picture has
    a line in ``manifest.jsonl`` beside it.

    Raises
    ------
    UsageError
        If two files would be written to one picture.
    OutputError
        If the output folder or a picture cannot be written.
    """
    names = dict(zip(files, _names(files), strict=True))
    with output_errors(output.folder):
        output.folder.mkdir(parents=True, exist_ok=True)
    report = RestoreReport()
    wanted: list[Path] = []
    for path in files:
        there = output.skip_existing and all(one.is_file() for one in output.pictures(names[path]))
        (report.skipped if there else wanted).append(path)
    with (
        progress.stage("Restoring", len(wanted), "files") as advance,
        ThreadPoolExecutor(1, "rawkit-write") as writer,
    ):
        pending: Future[list[Restored]] | None = None
        for path, decoded in _decoded_ahead(wanted, output, restorer):
            if isinstance(decoded, RawkitError):
                report.failed.append((path, decoded))
            else:
                started = time.monotonic()
                pictures = restore_image(decoded.image, restorer, decoded.amplifications)
                seconds = time.monotonic() - started
                if pending is not None:  # at most one file waits to be written
                    report.restored += pending.result()
                paths = output.pictures(names[path])
                pending = writer.submit(_write, path, paths, output, decoded, pictures, seconds)
            advance(1, path.name)
        if pending is not None:
            report.restored += pending.result()
    return report


def _decoded_ahead(
    files: Sequence[Path], output: Output, restorer: Restorer
) -> Iterator[tuple[Path, _Decoded | RawkitError]]:
    """Decode one file ahead of the one that is being restored."""
    with ThreadPoolExecutor(1, "rawkit-decode") as reader:
        following: Future[_Decoded | RawkitError] | None = None
        for number, path in enumerate(files):
            current = following or reader.submit(_decode, path, output, restorer)
            result = current.result()
            following = None
            if number + 1 < len(files):
                following = reader.submit(_decode, files[number + 1], output, restorer)
            yield path, result


def _decode(path: Path, output: Output, restorer: Restorer) -> _Decoded | RawkitError:
    started = time.monotonic()
    try:
        image = decode(path)
        if image.mosaic.cell != BAYER:
            raise MosaicError(
                f"an {image.mosaic.cell.name} mosaic",
                expected="a Bayer one: the network knows no other",
                where=path,
            )
        with path.open("rb") as file:
            orientation = read_exif(file).orientation
        factors = amplifications_for(image, restorer, output.multiples)
    except RawkitError as error:
        return error
    return _Decoded(image, orientation, factors, time.monotonic() - started)


def _write(
    source: Path,
    paths: Sequence[Path],
    output: Output,
    decoded: _Decoded,
    pictures: Sequence[NDArray[np.float32]],
    seconds: float,
) -> list[Restored]:
    written = []
    for path, factor, picture in zip(paths, decoded.amplifications, pictures, strict=True):
        started = time.monotonic()
        light = linear_of(picture) if output.linear else picture
        upright = orient(quantise(light, output.format.bits), decoded.orientation)
        write_picture(path, upright, output.format, linear=output.linear)
        mosaic = decoded.image.mosaic
        one = Restored(
            source, path, factor, mosaic.black_level, mosaic.white_level,
            decoded.seconds, seconds, time.monotonic() - started,
        )  # fmt: skip
        _note(output.folder / MANIFEST, one)
        written.append(one)
    return written


def _note(manifest: Path, one: Restored) -> None:
    line = {key: value if not hasattr(value, "name") else str(value) for key, value in
            asdict(one).items()}  # fmt: skip
    with output_errors(manifest), manifest.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _names(files: Sequence[Path]) -> list[str]:
    """Name pictures by their stems; by the whole name where stems are the same."""
    stems = [path.stem for path in files]
    names = [path.stem if stems.count(path.stem) == 1 else path.name for path in files]
    for path, name in zip(files, names, strict=True):
        if names.count(name) > 1:
            raise UsageError(
                f"two files named {name}", expected="different names", where=path,
                fix="Restore them into different folders.",
            )  # fmt: skip
    return names
