"""From a source to a catalog: names and EXIF, nothing unpacked."""

from __future__ import annotations

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from rawkit.catalog.definition import Matcher
from rawkit.catalog.splits import split_of
from rawkit.errors import MissingError, UnreadableError
from rawkit.progress import SILENT
from rawkit.sensor.exif import read_exif
from rawkit.sensor.types import Exposure, Frame
from rawkit.source import HEAD_BYTES, open_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rawkit.catalog.definition import Definition, Match, Role, Split
    from rawkit.progress import Progress
    from rawkit.sensor.exif import Exif
    from rawkit.source import Listing, Source, SourceFile, SourceSpec

RAW_SUFFIXES = frozenset(
    (  # noqa: SIM905 - a list literal would be formatted to one line for each
        ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .fff .iiq .k25 .kdc .mef .mos .mrw .nef .nrw .orf "
        ".pef .raf .raw .rw2 .rwl .sr2 .srf .srw .x3f"
    ).split()
)


_CONNECTIONS = 16
"""EXIF reads under way at once where each waits for a network."""
_FIRST_HEAD = HEAD_BYTES // 4
"""Bytes in which nearly all EXIF lies; only else the rest of `HEAD_BYTES` is spent."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One frame of a catalog: what its name and its EXIF say."""

    frame: Frame
    """Identity and EXIF."""
    source: str
    """Path of the raw file within the source, with forward slashes."""
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
    file: SourceFile | None = None
    """The raw file as its source lists it: where it lies, and its stamp. None where an entry does
    not come from a source."""


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
    root: Path | str
    """What was scanned, for people."""
    entries: tuple[Entry, ...]
    """Frames, sorted by name; names are unique."""
    left_out: tuple[LeftOut, ...]
    """Raw files that do not belong to the collection or cannot be read."""
    source: Source | None = None
    """Where the bytes of the entries come from."""


def scan(
    definition: Definition, source: SourceSpec | Source, progress: Progress = SILENT
) -> Catalog:
    """Read names and EXIF of every raw file of a source: a folder, an archive, a URL, several.

    A file whose EXIF is damaged is listed without it: the decoder says what is wrong. Raw files
    that no rule matches, and files that cannot be opened, are in `left_out`.

    Raises
    ------
    MissingError
        If the source is not there, or holds nothing of the collection.
    UsageError
        If it is neither folder, archive nor URL, or cannot be read from where it lies.
    UnreadableError
        If it is an archive that is damaged.
    """
    source, listing = _listed(definition, source, progress)
    found, left_out = _matched(definition, listing)
    if not found:
        raise MissingError(
            f"no file of {definition.title}",
            expected=f"names such as {_example(definition)}",
            where=source.describe(),
            fix=definition.obtain,
        )
    entries = []
    with progress.stage("Reading EXIF", len(found), "files") as advance:
        for file, match, exif in _with_exif(source, found):
            if isinstance(exif, UnreadableError):
                left_out.append(LeftOut(file.path, exif.kind, exif.reason))
            else:
                entries.append(_entry(definition, file, match, exif))
            advance(1)
    return Catalog(definition, source.describe(), tuple(entries), tuple(left_out), source)


def _listed(
    definition: Definition, source: SourceSpec | Source, progress: Progress
) -> tuple[Source, Listing]:
    try:
        opened = open_source(source) if isinstance(source, str | Path | Sequence) else source
        return opened, opened.files(progress)
    except MissingError as error:
        raise MissingError(
            error.found,
            expected=f"the raw files of {definition.title}",
            where=error.where,
            fix=definition.obtain or error.fix,
        ) from error


def _matched(
    definition: Definition, listing: Listing
) -> tuple[list[tuple[SourceFile, Match]], list[LeftOut]]:
    """Files that are frames, sorted by the frame's name, and those that are not."""
    matcher = Matcher(definition)
    found: dict[str, tuple[SourceFile, Match]] = {}
    left_out = [LeftOut(one.path, one.kind, one.reason) for one in listing.refused]
    for listed in listing.files:
        if not _is_text(listed.path):
            shown = listed.path.encode("utf-8", "backslashreplace").decode()
            left_out.append(LeftOut(shown, "name", "its name is not valid text"))
            continue
        file, match = _match(matcher, listed)
        if match is None:
            if PurePosixPath(file.path).suffix.lower() in RAW_SUFFIXES:
                left_out.append(
                    LeftOut(file.path, "foreign", f"its name is not one of {definition.title}")
                )
        elif match.name in found:
            other = found[match.name][0]
            left_out.append(
                LeftOut(file.path, "same-name", f"{match.name} was found as {other.path}")
            )
        else:
            found[match.name] = (file, match)
    return [found[name] for name in sorted(found)], left_out


def _match(matcher: Matcher, file: SourceFile) -> tuple[SourceFile, Match | None]:
    """Match a path; where it means nothing, as if its archive were unpacked in a folder."""
    match = matcher.match(file.path)
    if match is None and file.inside:
        unpacked = replace(file, path=f"{file.inside}/{file.path}", inside="")
        match = matcher.match(unpacked.path)
        if match is not None:
            return unpacked, match
    return file, match


def _is_text(path: str) -> bool:
    """Tell whether a path can be stored; file systems also hold names that are not Unicode."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _with_exif(
    source: Source, found: Iterable[tuple[SourceFile, Match]]
) -> Iterator[tuple[SourceFile, Match, Exif | UnreadableError]]:
    """Yield files in their order with their EXIF, or the reason why it cannot be read."""
    matches = dict(found)
    files = list(matches)
    if not any(file.remote and not source.sequential(file) for file in files):
        for file in files:
            yield file, matches[file], _exif(source, file)
        return
    pool = ThreadPoolExecutor(_CONNECTIONS)
    try:
        for file, exif in zip(files, pool.map(partial(_exif, source), files), strict=True):
            yield file, matches[file], exif
    finally:
        pool.shutdown(cancel_futures=True)


def _exif(source: Source, file: SourceFile) -> Exif | UnreadableError:
    try:
        path = source.local_path(file)
        if path is None:
            return _exif_of_head(source, file)
        with path.open("rb") as opened:
            return read_exif(opened)
    except UnreadableError as error:
        return error
    except OSError as error:
        return UnreadableError(f"cannot be read ({error.strerror or error})", where=file.where)


def _exif_of_head(source: Source, file: SourceFile) -> Exif:
    """Read EXIF from the first bytes; both reads together take no more than `HEAD_BYTES`."""
    exif = read_exif(io.BytesIO(source.head(file, _FIRST_HEAD)))
    exposure = exif.exposure
    known = None not in (exif.model, exposure.seconds, exposure.iso)
    if known or file.size <= _FIRST_HEAD:
        return exif
    return read_exif(io.BytesIO(source.head(file, HEAD_BYTES - _FIRST_HEAD)))


def _entry(definition: Definition, file: SourceFile, match: Match, exif: Exif) -> Entry:
    named = Exposure(_number(match, "seconds"), _number(match, "iso"), None)
    return Entry(
        frame=Frame(
            name=match.name,
            size_bytes=file.size,
            make=exif.make,
            model=exif.model,
            exposure=exif.exposure.or_else(named),
            taken=exif.taken,
            orientation=exif.orientation,
        ),
        source=file.path,
        role=match.role,
        scene=match.scene,
        view=match.view,
        pair=match.pair,
        split=split_of(definition, match),
        file=file,
    )


def _number(match: Match, group: str) -> float | None:
    try:
        return float(match.groups[group])
    except (KeyError, ValueError):
        return None


def _example(definition: Definition) -> str:
    return definition.files[0].pattern.replace("(?P", "(").replace("\\", "")
