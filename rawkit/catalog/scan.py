"""From a folder to a catalog: names and EXIF, nothing unpacked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from rawkit.catalog.definition import Matcher
from rawkit.catalog.splits import split_of
from rawkit.errors import MissingError, UnreadableError, UsageError
from rawkit.progress import SILENT
from rawkit.sensor.exif import read_exif
from rawkit.sensor.types import Exposure, Frame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rawkit.catalog.definition import Definition, Match, Role, Split
    from rawkit.progress import Progress

RAW_SUFFIXES = frozenset(
    (  # noqa: SIM905 - a list literal would be formatted to one line for each
        ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .fff .iiq .k25 .kdc .mef .mos .mrw .nef .nrw .orf "
        ".pef .raf .raw .rw2 .rwl .sr2 .srf .srw .x3f"
    ).split()
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One frame of a catalog: what its name and its EXIF say."""

    frame: Frame
    """Identity and EXIF."""
    source: str
    """Path of the raw file below the folder that was scanned, with forward slashes."""
    role: Role
    """Short or long."""
    scene: str
    """What one split never divides."""
    view: str
    """Camera position of the scene; empty where there is one."""
    pair: str
    """What a short and its long share."""
    split: Split
    """Train, val or test."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that is not used, and why."""

    name: str
    """Path below the source, or the frame's name."""
    kind: str
    """Stable word for the kind of reason, such as an error's kind."""
    reason: str
    """One line for people."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """All frames of a collection that a source holds, in the order of their names."""

    definition: Definition
    """The collection."""
    root: Path
    """Folder that was scanned."""
    entries: tuple[Entry, ...]
    """Frames, sorted by name; names are unique."""
    left_out: tuple[LeftOut, ...]
    """Raw files that do not belong to the collection or cannot be read."""


def scan(definition: Definition, root: Path, progress: Progress = SILENT) -> Catalog:
    """Read names and EXIF of every raw file below `root`; follows links to folders once.

    A file whose EXIF is damaged is listed without it: the decoder says what is wrong. Raw files
    that no rule matches, and files that cannot be opened, are in `left_out`.

    Raises
    ------
    MissingError
        If `root` is not there, or holds nothing of the collection.
    UsageError
        If `root` is a file.
    """
    _check_root(definition, root)
    matcher = Matcher(definition)
    found: dict[str, tuple[str, Match]] = {}
    left_out: list[LeftOut] = []
    for path in sorted(_walk(root)):
        if not _is_text(path):
            shown = path.encode("utf-8", "backslashreplace").decode()
            left_out.append(LeftOut(shown, "name", "its name is not valid text"))
            continue
        match = matcher.match(path)
        if match is None:
            if PurePosixPath(path).suffix.lower() in RAW_SUFFIXES:
                left_out.append(
                    LeftOut(path, "foreign", f"its name is not one of {definition.title}")
                )
        elif match.name in found:
            other = found[match.name][0]
            left_out.append(LeftOut(path, "same-name", f"{match.name} was found as {other}"))
        else:
            found[match.name] = (path, match)
    if not found:
        raise MissingError(
            f"no file of {definition.title}",
            expected=f"names such as {_example(definition)}",
            where=root,
            fix=definition.obtain,
        )
    entries = []
    with progress.stage("Reading EXIF", len(found), "files") as advance:
        for _, (path, match) in sorted(found.items()):
            try:
                entries.append(_entry(definition, root, path, match))
            except UnreadableError as error:
                left_out.append(LeftOut(path, error.kind, error.reason))
            advance(1)
    return Catalog(definition, root, tuple(entries), tuple(left_out))


def _check_root(definition: Definition, root: Path) -> None:
    if root.is_file():
        raise UsageError("a file", expected="the folder that holds the collection", where=root)
    if not root.is_dir():
        raise MissingError(
            "no such folder",
            expected=f"the raw files of {definition.title}",
            where=root,
            fix=definition.obtain or "Name the folder with --source.",
        )


def _walk(root: Path) -> Iterator[str]:
    """Yield paths of files below `root`, relative, with forward slashes; each folder once."""
    seen = set[tuple[int, int]]()
    for folder, folders, names in os.walk(root, followlinks=True):
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = [name for name in folders if not name.startswith(".")]
        below = os.path.relpath(folder, root).replace(os.sep, "/")
        prefix = "" if below == "." else below + "/"
        yield from (prefix + name for name in names if not name.startswith("."))


def _is_text(path: str) -> bool:
    """Tell whether a path can be stored; file systems also hold names that are not Unicode."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _entry(definition: Definition, root: Path, path: str, match: Match) -> Entry:
    full = root / path
    try:
        with full.open("rb") as file:
            exif = read_exif(file)
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise UnreadableError(f"cannot be read ({error.strerror or error})", where=full) from error
    named = Exposure(_number(match, "seconds"), _number(match, "iso"), None)
    return Entry(
        frame=Frame(
            name=match.name,
            size_bytes=size,
            make=exif.make,
            model=exif.model,
            exposure=exif.exposure.or_else(named),
            taken=exif.taken,
            orientation=exif.orientation,
        ),
        source=path,
        role=match.role,
        scene=match.scene,
        view=match.view,
        pair=match.pair,
        split=split_of(definition, match),
    )


def _number(match: Match, group: str) -> float | None:
    try:
        return float(match.groups[group])
    except (KeyError, ValueError):
        return None


def _example(definition: Definition) -> str:
    return definition.files[0].pattern.replace("(?P", "(").replace("\\", "")
