"""From a path to a raw video."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawkit.errors import MissingError, RawFileError, UsageError
from rawkit.sensor import Levels
from rawkit.video.folder import FolderFootage
from rawkit.video.packed import LEVELS, MOSAIC, PackedFootage

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.restore import Mending
    from rawkit.video.footage import Footage


def find_footage(
    path: Path,
    *,
    mosaic: str | None = None,
    levels: Levels | None = None,
    seconds: float = 120.0,
    memory: int | None = None,
    mending: Mending | None = None,
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
    mending
        What is done to each frame of a folder by its camera's profile.

    Raises
    ------
    MissingError
        If there is nothing of that name.
    UsageError
        If it is neither, or its files do not follow each other; or a profile is to be applied to
        packed frames, which do not say their camera and ISO.
    RawFileError
        If the array cannot be used.
    """
    if path.is_dir():
        footage: Footage = FolderFootage(path, levels, seconds, memory, mending)
    elif not path.exists():
        raise MissingError(
            "no such file", expected="an .npy of packed frames, or a folder", where=path
        )
    elif path.suffix.lower() == ".npy":
        if mending is not None:
            raise UsageError(
                "a profile for packed frames", expected="raw files, which say their camera and ISO",
                where=path, fix="Leave --profile.",
            )  # fmt: skip
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
