"""From a source to a catalog: names and EXIF, nothing unpacked."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rawkit.catalog.content import by_content, has_raw_suffix
from rawkit.catalog.definition import Matcher
from rawkit.catalog.nearest import pair_by_number
from rawkit.catalog.offered import in_one_line, missing_files, open_collection
from rawkit.catalog.prefilter import must_open
from rawkit.catalog.splits import split_of
from rawkit.catalog.takes import join_takes, rates_of
from rawkit.catalog.types import Catalog, Entry, LeftOut
from rawkit.catalog.video import expand_video
from rawkit.errors import MissingError, UnreadableError
from rawkit.progress import SILENT
from rawkit.sensor import Exif, Exposure, Frame, read_exif
from rawkit.source import HEAD_BYTES, SourceFile

if TYPE_CHECKING:
    from collections.abc import Container, Generator, Mapping

    from rawkit.catalog.definition import Definition, Match
    from rawkit.catalog.select import Selection
    from rawkit.progress import Progress
    from rawkit.source import Listing, Source, SourceSpec

_Note = Callable[[SourceFile, Exif], None]
_NO_EXIF = Exif()
_CONNECTIONS = 16
"""EXIF reads under way at once where each waits for a network."""
_SHOWN = 3
"""Files that are named where none fits."""
_FIRST_HEAD = HEAD_BYTES // 4
"""Bytes in which nearly all EXIF lies; only else the rest of `HEAD_BYTES` is spent."""


FileKey = tuple[str, str, int, str]
"""Origin, path, size and stamp: what a file is known again by."""


def file_key(file: SourceFile) -> FileKey | None:
    """Return what a file is known again by; None where its source cannot tell a change."""
    return (origin_of(file), file.path, file.size, file.stamp) if file.stamp else None


def origin_of(file: SourceFile) -> str:
    """Origin of a file, the same from wherever it is named."""
    return file.origin if file.remote else os.path.abspath(file.origin)  # noqa: PTH100 - without ..


def scan(
    definition: Definition,
    source: SourceSpec | Source,
    progress: Progress = SILENT,
    *,
    known: Mapping[FileKey, Exif] | None = None,
    selection: Selection | None = None,
    names: Container[str] | None = None,
    note: _Note | None = None,
) -> Catalog:
    """Read names and EXIF of every raw file of a source: a folder, an archive, a URL, several.

    A file whose EXIF is damaged is listed without it: the decoder says what is wrong. Raw files
    that no rule matches, and files that cannot be opened, are in `left_out`. Files in `known` are
    not opened again. With a `selection` neither are files that their names alone leave out of it;
    `select` takes and counts the same with and without. With `names` only the files of these frames
    are opened, whatever else there is. `note` is called with each file whose EXIF
    has been read, at once and from any thread.

    A source may be the name of a place where the definition says the collection is offered.

    Raises
    ------
    MissingError
        If the source is not there, or holds nothing of the collection.
    UsageError
        If it is neither folder, archive nor URL, or cannot be read from where it lies.
    UnreadableError
        If it is an archive that is damaged.
    """
    source, listing = _listed(definition, source, selection, progress)
    found, left_out = _matched(definition, source, listing)
    if not found:
        raise _nothing(definition, source, listing)
    videos = [one for one in found if one[1].video is not None]
    if videos:
        frames = _video_entries(definition, source, videos, listing, progress)
        return Catalog(definition, source.describe(), frames, tuple(left_out), source, len(videos))
    # A mosaic in a TIFF has no EXIF: thousands of them need not be opened to find that out.
    remembered = [
        _NO_EXIF if match.mosaic is not None else _remembered(file, known or {})
        for file, match in found
    ]

    def opened_for(selected: Selection | None) -> list[bool]:
        return _opened(definition, found, remembered, selected, names)

    opened = opened_for(selection)
    entries, unreadable = _entries(definition, source, found, opened, remembered, note, progress)
    counted = selection is not None and (selection.limit or selection.per_long)
    if unreadable and selection is not None and counted:
        # Names alone said which shorts are enough, and some of them are not to be had.
        opened = opened_for(replace(selection, limit=None, per_long=None))
        entries, unreadable = _entries(
            definition, source, found, opened, remembered, note, progress
        )
    left_out += unreadable
    entries, missing = join_takes(source, _by_path(listing), (one for _, one in found), entries)
    left_out += missing
    return Catalog(
        definition, source.describe(), tuple(entries), tuple(left_out), source, sum(opened),
        rates_of(entries),
    )  # fmt: skip


def _by_path(listing: Listing) -> dict[str, SourceFile]:
    """Files of a listing by their paths, as if their archives were unpacked, too."""
    listed = {f"{file.inside}/{file.path}": file for file in listing.files if file.inside}
    return listed | {file.path: file for file in listing.files}


def _opened(
    definition: Definition,
    found: list[tuple[SourceFile, Match]],
    remembered: list[Exif | None],
    selection: Selection | None,
    names: Container[str] | None,
) -> list[bool]:
    """Tell which files must be opened for their EXIF."""
    opened = [exif is None for exif in remembered]
    if selection is not None:
        wanted = must_open(definition, [match for _, match in found], selection)
        opened = [
            unknown and (one or not file.size)  # an empty listing may be a file that is not there
            for unknown, one, (file, _) in zip(opened, wanted, found, strict=True)
        ]
    if names is not None:
        opened = [
            one and match.name in names for one, (_, match) in zip(opened, found, strict=True)
        ]
    return opened


def _entries(
    definition: Definition,
    source: Source,
    found: list[tuple[SourceFile, Match]],
    opened: list[bool],
    remembered: list[Exif | None],
    note: _Note | None,
    progress: Progress,
) -> tuple[list[Entry], list[LeftOut]]:
    """Read the EXIF of some files; returns all frames, and the files that cannot be read."""
    to_open = [file for (file, _), one in zip(found, opened, strict=True) if one]
    entries: list[Entry] = []
    unreadable: list[LeftOut] = []
    with progress.stage("Reading EXIF", len(to_open), "files") as advance:
        exifs = _exifs(source, to_open, note)
        for (file, match), one, exif in zip(found, opened, remembered, strict=True):
            read = next(exifs) if one else exif
            if isinstance(read, UnreadableError):
                unreadable.append(LeftOut(file.path, read.kind, read.reason))
            else:
                entries.append(_entry(definition, file, match, read))
            advance(int(one))
        exifs.close()
    return entries, unreadable


def _video_entries(
    definition: Definition,
    source: Source,
    videos: list[tuple[SourceFile, Match]],
    listing: Listing,
    progress: Progress,
) -> tuple[Entry, ...]:
    """Frames of all videos, in the order of their names."""
    listed = _by_path(listing)
    entries: list[Entry] = []
    with progress.stage("Reading headers", len(videos), "videos") as advance:
        for video, match in videos:
            for file, frame, place in expand_video(source, video, match, listed):
                entry = _entry(definition, file, frame, _NO_EXIF)
                entries.append(replace(entry, video=place))
            advance(1)
    return tuple(sorted(entries, key=lambda entry: entry.frame.name))


def _remembered(file: SourceFile, known: Mapping[FileKey, Exif]) -> Exif | None:
    key = file_key(file) if known else None
    return None if key is None else known.get(key)


def _listed(
    definition: Definition,
    source: SourceSpec | Source,
    selection: Selection | None,
    progress: Progress,
) -> tuple[Source, Listing]:
    opened = (
        open_collection(definition, source, selection)
        if isinstance(source, str | Path | Sequence)
        else source
    )
    try:
        return opened, opened.files(progress)
    except MissingError as error:
        raise missing_files(definition, error) from error


def _matched(
    definition: Definition, source: Source, listing: Listing
) -> tuple[list[tuple[SourceFile, Match]], list[LeftOut]]:
    """Files that are frames, sorted by the frame's name, and those that are not."""
    matcher = Matcher(definition)
    found: dict[str, tuple[SourceFile, Match]] = {}
    left_out = [LeftOut(one.path, one.kind, one.reason) for one in listing.refused]
    taken: set[SourceFile] | None = None
    if any(rule.any_raw for rule in definition.files):
        unsaid = (one for one in listing.files if not has_raw_suffix(one.path))
        raw, others = by_content(source, unsaid)
        taken, left_out = set(raw), left_out + others
    for listed in listing.files:
        if not _is_text(listed.path):
            shown = listed.path.encode("utf-8", "backslashreplace").decode()
            left_out.append(LeftOut(shown, "name", "its name is not valid text"))
            continue
        if taken is not None and not has_raw_suffix(listed.path) and listed not in taken:
            continue  # it has been said why
        file, match = _match(matcher, listed)
        if match is None:
            if has_raw_suffix(file.path):
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
    ordered = [found[name] for name in sorted(found)]
    return pair_by_number(ordered, definition.nearest), left_out


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


def _exifs(
    source: Source, files: list[SourceFile], note: _Note | None
) -> Generator[Exif | UnreadableError, None, None]:
    """Yield the EXIF of files in their order, or the reason why it cannot be read."""
    if not any(file.remote and not source.sequential(file) for file in files):
        for file in files:
            yield _exif(source, note, file)
        return
    pool = ThreadPoolExecutor(_CONNECTIONS)
    try:
        yield from pool.map(partial(_exif, source, note), files)
    finally:
        pool.shutdown(cancel_futures=True)


def _exif(source: Source, note: _Note | None, file: SourceFile) -> Exif | UnreadableError:
    try:
        path = source.local_path(file)
        if path is None:
            exif = _exif_of_head(source, file)
        else:
            with path.open("rb") as opened:
                exif = read_exif(opened)
    except UnreadableError as error:
        return error
    except OSError as error:
        return UnreadableError(f"cannot be read ({error.strerror or error})", where=file.where)
    if note is not None:
        note(file, exif)
    return exif


def _exif_of_head(source: Source, file: SourceFile) -> Exif:
    """Read EXIF from the first bytes; both reads together take no more than `HEAD_BYTES`."""
    exif = read_exif(io.BytesIO(source.head(file, _FIRST_HEAD)))
    exposure = exif.exposure
    known = None not in (exif.model, exposure.seconds, exposure.iso)
    if known or file.size <= _FIRST_HEAD:
        return exif
    return read_exif(io.BytesIO(source.head(file, HEAD_BYTES - _FIRST_HEAD)))


def _entry(definition: Definition, file: SourceFile, match: Match, exif: Exif | None) -> Entry:
    named = Exposure(match.number("seconds"), match.number("iso"), None)
    said = exif or _NO_EXIF
    mosaic = None if match.mosaic is None else match.mosaic.described()
    return Entry(
        frame=Frame(
            name=match.name,
            size_bytes=file.size,
            make=said.make or (None if mosaic is None else mosaic.make),
            model=said.model or (None if mosaic is None else mosaic.model),
            exposure=said.exposure.or_else(named),
            taken=said.taken,
            orientation=said.orientation,
        ),
        source=file.path,
        role=match.role,
        scene=match.scene,
        view=match.view,
        pair=match.pair,
        split=split_of(definition, match),
        file=file,
        exif=exif,
        kind=definition.kind_of(match.scene),
        mosaic=mosaic,
    )


def _nothing(definition: Definition, source: Source, listing: Listing) -> MissingError:
    """Say that a source holds nothing of a collection, and what it holds instead."""
    takes_any = any(rule.any_raw for rule in definition.files)
    examples = [rule.example for rule in definition.files if rule.example]
    said = f"names such as {' and '.join(examples)}" if examples else "names that its patterns fit"
    return MissingError(
        "no raw file" if takes_any else f"no file of {definition.title}",
        expected=f"raw files of any make, {said}" if takes_any else said,
        where=source.describe(),
        fix=f"{_there(listing)} {in_one_line(definition.obtain) or _MEND}",
    )


_MEND = "Mend the patterns of the definition, or name another place with --source."


def _there(listing: Listing) -> str:
    """Say what a source holds instead."""
    names = [file.path for file in listing.files[:_SHOWN]]
    more = f" and {len(listing.files) - len(names)} more" if len(listing.files) > _SHOWN else ""
    return f"There are {', '.join(names)}{more}." if names else "There are no files."
