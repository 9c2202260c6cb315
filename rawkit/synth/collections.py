"""Whole look-alike collections: true raw files in the true layout, with known ground truth."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rawkit.errors import OutputError, UsageError
from rawkit.synth._files import make_folder, write_atomically
from rawkit.synth._layouts import LAYOUTS
from rawkit.synth._shots import Wishes
from rawkit.synth._studio import Studio, expected_bytes, is_there, make_files, see
from rawkit.synth.collection_cameras import CAMERAS
from rawkit.synth.scene import check_size

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rawkit.synth._shots import Shot
    from rawkit.synth.cameras import Camera

COLLECTIONS: Final = tuple(sorted(LAYOUTS))
"""Names of the collections that have a look-alike."""

DEFAULT_SIZE: Final = (512, 768)
"""Height and width of the visible area of every picture, in pixels."""

NOTE_NAME: Final = "SYNTHETIC.txt"
"""Name of the note at the root of every look-alike."""

_MOST = 9999
"""Four digits number the scenes and frames of every layout."""


@dataclass(frozen=True, slots=True)
class SynthReport:
    """What a run of `make_collection` did, or would do."""

    collection: str
    """Name of the collection."""
    directory: Path
    """Root of the look-alike."""
    scenes: tuple[str, ...]
    """Keys of its scenes, in order."""
    names: tuple[str, ...]
    """Paths of its files within the directory, with forward slashes, in order of making."""
    written: int
    """Files written by this run; with `dry_run`, files it would write."""
    kept: int
    """Files that were there already and left alone."""
    bytes_written: int
    """Bytes of the files written; with `dry_run`, about how many they would be."""


def make_collection(
    collection: str,
    directory: Path,
    *,
    scenes: int | None = None,
    size: tuple[int, int] = DEFAULT_SIZE,
    seed: int = 0,
    isos: Sequence[int] | None = None,
    shutters: Sequence[float] | None = None,
    shots: int | None = None,
    camera: Camera | None = None,
    progress: Callable[[int, int], None] | None = None,
    dry_run: bool = False,
) -> SynthReport:
    """Write a look-alike of a collection: fabricated scenes as raw files that LibRaw decodes.

    The same arguments give the same bytes. A run can be interrupted and repeated: files that are
    there already are kept, and none is ever there in part. Asking for more scenes later adds to
    what is there.

    Parameters
    ----------
    collection
        One of `COLLECTIONS`, such as ``sid``.
    directory
        Root of the look-alike; made if it is missing.
    scenes
        Number of scenes: for MID pairs of views (98 files each), for SMID static videos (one
        dynamic video comes on top), for ELD, LRID and RawNIND scenes of their cameras or parts in
        turn. By default the layout's: 6 for SID, 2 for MID, 4 for SMID.
    size
        Height and width of the visible area in pixels, at least 64 each.
    seed
        Seed of everything.
    isos
        ISO speeds of the dark frames; by default the collection's.
    shutters
        Exposure times of the dark frames in seconds; by default the collection's.
    shots
        SID: shots of each burst, by default 2. SMID: frames of each video, by default 6; CRVD and
        ReCRVD 3. LRID and RawNIND: frames of each exposure, by default 2 and 1.
    camera
        What sees the scenes, for the same ones through other filters or in another light; by
        default the collection's.
    progress
        Called with the files done and all files, after each file.
    dry_run
        Write nothing, and report what would be written.

    Returns
    -------
    SynthReport
        What was done.

    Raises
    ------
    UsageError
        If an argument cannot be used, or the directory holds files of such names that are no
        look-alikes.
    OutputError
        If the directory or a file cannot be written, or the disk is too small.
    """
    _check_arguments(collection, scenes, isos, shutters, shots)
    check_size(size)
    layout = LAYOUTS[collection]
    count = layout.default_scenes if scenes is None else scenes
    planned = list(layout.shots(Wishes(count, seed, isos, shutters, shots)))
    if camera is not None:
        planned = [replace(shot, camera=None) for shot in planned]
    directory = Path(directory)
    seen_by = camera or CAMERAS[collection]
    studio = Studio(collection, seen_by, size, seed, directory)
    check_directory(directory, layout.folders)
    missing = _missing(planned, studio)
    size_of_missing = sum(expected_bytes(shot, studio) for shot in missing)
    written_bytes = size_of_missing
    if not dry_run:
        check_space(directory, size_of_missing)
        make_folder(directory)
        arguments = _arguments(count, size, seed, isos, shutters, shots)
        if camera is not None:
            arguments += f", seen by {camera.make} {camera.model}"
        write_note(directory, collection, arguments)
        written_bytes = make_files(missing, studio, len(planned) - len(missing), progress)
    return SynthReport(
        collection=collection,
        directory=directory,
        scenes=tuple(dict.fromkeys(shot.viewpoint.scene for shot in planned)),
        names=tuple(shot.name for shot in planned),
        written=len(missing),
        kept=len(planned) - len(missing),
        bytes_written=written_bytes,
    )


def scene_truth(
    collection: str, name: str, *, size: tuple[int, int] = DEFAULT_SIZE, seed: int = 0
) -> NDArray[np.float32]:
    """Paint what a file of a look-alike shows, without camera and noise.

    Parameters
    ----------
    collection
        Name of the collection.
    name
        Path of the file within the collection, with forward slashes.
    size
        Height and width that the look-alike was made with, in pixels.
    seed
        Seed that it was made with.

    Returns
    -------
    NDArray[np.float32]
        Linear light with sRGB (BT.709) primaries, shape (height, width, 3), 0..1; 1 is where the
        long exposure of the scene reaches the white level.

    Raises
    ------
    UsageError
        If the collection or the name is unknown.
    """
    _check_collection(collection)
    viewpoint = LAYOUTS[collection].viewpoint(name)
    if viewpoint is None:
        raise UsageError(
            f"{name!r} is no name of a file of {collection}",
            expected="a path within the collection, as SynthReport.names lists them",
        )
    return see(viewpoint, Studio(collection, CAMERAS[collection], size, seed, Path()))


def _check_collection(collection: str) -> None:
    if collection not in LAYOUTS:
        raise UsageError(f"no look-alike of {collection!r}", expected=f"{', '.join(COLLECTIONS)}")


def _check_arguments(
    collection: str,
    scenes: int | None,
    isos: Sequence[int] | None,
    shutters: Sequence[float] | None,
    shots: int | None,
) -> None:
    _check_collection(collection)
    for name, number in (("scenes", scenes), ("shots", shots)):
        if number is not None and not 1 <= number <= _MOST:
            raise UsageError(f"{number} {name}", expected=f"1 to {_MOST}")
    for name, values in (("isos", isos), ("shutters", shutters)):
        if values is not None and (len(values) == 0 or not all(v > 0 for v in values)):
            raise UsageError(f"{name} {list(values)}", expected="at least one, all above 0")


def check_directory(directory: Path, folders: tuple[str, ...]) -> None:
    """Refuse a folder that may hold true photographs.

    Raises
    ------
    UsageError
        If one of `folders` in it holds files and there is no note that they are a look-alike.
    OutputError
        If it is a file.
    """
    if directory.exists() and not directory.is_dir():
        raise OutputError(
            "is a file", expected="a folder, or nothing yet", where=directory, fix="Name another."
        )
    if (directory / NOTE_NAME).exists():
        return
    for folder in folders:
        if (directory / folder).is_dir() and any((directory / folder).iterdir()):
            raise UsageError(
                f"{folder}/ is there already, without a {NOTE_NAME}: it may hold true photographs",
                expected="an empty folder or an earlier look-alike",
                where=directory,
                fix="Name another folder.",
            )


def _missing(planned: list[Shot], studio: Studio) -> list[Shot]:
    """Give the files to make: those that are not there, and copies of longs that are not."""
    absent = {shot.name for shot in planned if not is_there(shot, studio)}
    new_longs = {s.viewpoint for s in planned if s.role == "long" and s.name in absent}
    return [
        shot
        for shot in planned
        if shot.name in absent or (shot.role == "preview" and shot.viewpoint in new_longs)
    ]


def check_space(directory: Path, needed: int) -> None:
    """Refuse to begin what the disk has no room for.

    Raises
    ------
    OutputError
        If fewer than `needed` bytes are free.
    """
    whole = directory.absolute()
    existing = next(path for path in (whole, *whole.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if needed > free:
        raise OutputError(
            f"{needed / 1e6:.0f} MB to write, {free / 1e6:.0f} MB free",
            where=directory,
            fix="Free some space, or ask for fewer scenes or a smaller size.",
        )


def _arguments(
    scenes: int,
    size: tuple[int, int],
    seed: int,
    isos: Sequence[int] | None,
    shutters: Sequence[float] | None,
    shots: int | None,
) -> str:
    parts = [f"seed {seed}", f"scenes {scenes}", f"size {size[0]}x{size[1]}"]
    for name, values in (("isos", isos), ("shutters", shutters)):
        if values is not None:
            parts.append(f"{name} {' '.join(f'{value:g}' for value in values)}")
    if shots is not None:
        parts.append(f"shots {shots}")
    return ", ".join(parts)


def write_note(directory: Path, collection: str, arguments: str) -> None:
    """Say what the files are, before any of them is there; other collections keep their line."""
    path = directory / NOTE_NAME
    lines = {collection: f"- {collection}: {arguments}"}
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("- ") and ":" in line:
                lines.setdefault(line[2:].split(":", 1)[0], line)
    text = "\n".join([_NOTE, *(lines[name] for name in sorted(lines)), ""])
    write_atomically(path, text.encode())


_NOTE = """\
These pictures are fabricated. They are look-alikes of the collections named below: painted scenes
seen through modelled cameras, written by `rawkit synth` in the layout of the true collections.
No photograph of the true collections is among them, and results measured on them say nothing
about the true ones. Make them again, byte for byte, with the same arguments:
"""
