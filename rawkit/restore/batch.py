"""Raw files in, pictures out."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from rawkit.catalog import RAW_SUFFIXES
from rawkit.errors import (
    MissingError,
    MosaicError,
    OutputError,
    RawkitError,
    UsageError,
    WeightsError,
)
from rawkit.models import describe, load_network, padding_for, prepare, restore_mosaic
from rawkit.progress import SILENT
from rawkit.restore.picture import orient, quantise, write_png
from rawkit.sensor import BAYER, Amplification, amplification_base, decode, normalise, read_exif

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import nn

    from rawkit.progress import Progress
    from rawkit.sensor import RawImage


@dataclass(frozen=True, slots=True)
class Restorer:
    """A prepared network and how its input is made."""

    net: nn.Module
    """The network, ready for inference."""
    network: str
    """Its name in the registry."""
    licence: str | None
    """A note on the licence of its weights, to be shown."""
    amplification: Amplification
    """How mosaics are amplified; of the run's training, or the estimate for published weights."""


@dataclass(frozen=True, slots=True)
class Restored:
    """One picture that was written."""

    source: Path
    """The raw file."""
    picture: Path
    """The picture."""
    amplification: float
    """What the normalised mosaic was multiplied by."""
    seconds: float
    """Time it took."""


@dataclass(slots=True)
class RestoreReport:
    """What a batch did."""

    restored: list[Restored] = field(default_factory=list)
    """Pictures written."""
    failed: list[tuple[Path, RawkitError]] = field(default_factory=list)
    """Files that could not be restored, and why."""


def load_restorer(weights: Path) -> Restorer:
    """Load published weights or a checkpoint of ours and prepare the network.

    Raises
    ------
    MissingError, WeightsError
        If there is no such file, or it is not weights of a known network.
    """
    net, loaded = load_network(weights)
    kind = loaded.settings.get("amplification", "auto")
    try:
        value = float(loaded.settings.get("amplification_value", 1.0))
        # A restored file has no long to take a ratio from.
        amplification = Amplification(kind, value) if kind != "ratio" else Amplification()
    except (TypeError, ValueError, UsageError) as error:
        raise WeightsError(f"settings that cannot be used ({error})", where=weights) from error
    return Restorer(prepare(net), loaded.network, loaded.licence, amplification)


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


def restore_image(
    image: RawImage, restorer: Restorer, amplifications: Sequence[float]
) -> list[NDArray[np.float32]]:
    """Restore a decoded mosaic once for each amplification.

    Returns pictures of shape (height, width, 3), 0 to 1, the whole visible area, not rotated.
    """
    height, width = image.pixels.shape
    normalised = np.empty((height, width), np.float32)
    mosaic = image.mosaic
    for y, x, plane in mosaic.positions():
        normalised[y::2, x::2] = normalise(
            image.pixels[y::2, x::2], mosaic.black_level[plane], mosaic.white_level
        )
    padding = padding_for(height, width, mosaic.phase, describe(restorer.network).multiple)
    padded = padding.apply(torch.from_numpy(normalised)[None, None])
    del normalised
    return [
        padding.cut(restore_mosaic(restorer.net, padded * factor))[0].permute(1, 2, 0).numpy()
        for factor in amplifications
    ]


def amplifications_for(
    image: RawImage, restorer: Restorer, multiples: Sequence[float] | None
) -> list[float]:
    """Return the amplification for each m; without any, the one the network was trained with."""
    amplification = restorer.amplification
    if multiples is None and amplification.kind == "number":
        return [amplification.value]
    base = amplification_base(image)
    return [base * m for m in multiples or [amplification.value]]


def restore_files(
    files: Sequence[Path],
    output: Path,
    restorer: Restorer,
    *,
    multiples: Sequence[float] | None = None,
    bits: int = 8,
    progress: Progress = SILENT,
) -> RestoreReport:
    """Restore raw files into PNG files of `output`; one that fails is listed, the rest goes on.

    A picture is named after its file, with ``_m5`` where several m are asked for.

    Raises
    ------
    UsageError
        If two files would be written to one picture.
    OutputError
        If the output folder cannot be made.
    """
    names = _names(files)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot be made ({error.strerror})", where=output) from error
    report = RestoreReport()
    with progress.stage("Restoring", len(files), "files") as advance:
        for path, name in zip(files, names, strict=True):
            try:
                report.restored += _restore_file(path, output / name, restorer, multiples, bits)
            except OutputError:
                raise
            except RawkitError as error:
                report.failed.append((path, error))
            advance(1, path.name)
    return report


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


def _restore_file(
    path: Path, stem: Path, restorer: Restorer, multiples: Sequence[float] | None, bits: int
) -> list[Restored]:
    started = time.monotonic()
    image = decode(path)
    if image.mosaic.cell != BAYER:
        raise MosaicError(
            f"an {image.mosaic.cell.name} mosaic",
            expected="a Bayer one: the network knows no other",
            where=path,
        )
    with path.open("rb") as file:
        orientation = read_exif(file).orientation
    factors = amplifications_for(image, restorer, multiples)
    pictures = restore_image(image, restorer, factors)
    labels = [f"_m{m:g}" for m in multiples] if multiples and len(multiples) > 1 else [""]
    written = []
    for factor, picture, label in zip(factors, pictures, labels, strict=True):
        target = stem.with_name(f"{stem.name}{label}.png")
        write_png(target, orient(quantise(picture, bits), orientation))
        written.append(Restored(path, target, factor, time.monotonic() - started))
    return written
