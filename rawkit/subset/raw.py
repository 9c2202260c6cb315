"""The raw files of a subset, in the layout of their collections, for people with other tools."""

from __future__ import annotations

import zipfile
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from rawkit.catalog import Matcher, remembered_definition, truth_names
from rawkit.errors import MissingError, OutputError, UnreadableError, UsageError
from rawkit.files import replacing
from rawkit.progress import SILENT
from rawkit.source import open_source
from rawkit.store import NO_TARGET, lock
from rawkit.subset.archive import check_member, check_names, new_zip
from rawkit.subset.files import open_stores
from rawkit.subset.materialize import ZIP_SUFFIX
from rawkit.subset.shards import Needs
from rawkit.workspace import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from rawkit.locations import Location
    from rawkit.progress import Progress
    from rawkit.source import Source, SourceFile, SourceSpec
    from rawkit.store import FrameRow, Store
    from rawkit.subset.types import Subset
    from rawkit.workspace import Workspace

    _Locate = Callable[[Sequence["RawFile"]], tuple[list["_Located"], list[tuple[str, str]]]]

_LARGE, _PIECE = 64_000_000, 8_000_000
"""Bytes above which a file is copied in pieces, and bytes of a piece."""


@dataclass(frozen=True, slots=True)
class RawFile:
    """A raw file to be copied."""

    collection: str
    """Collection it belongs to."""
    source: str
    """Path within the collection, with forward slashes."""
    size: int | None
    """Bytes, as they were when it was ingested; None for a video, of which a store knows frames."""
    optional: bool = False
    """Whether it may be missing: the pictures of a video that was ingested without them."""

    @property
    def path(self) -> str:
        """Where it goes: a folder for each collection, then the collection's own layout."""
        return f"{self.collection}/{self.source}"


@dataclass(frozen=True, slots=True)
class CopiedRaw:
    """What a copy did."""

    copied: int
    """Files that were copied."""
    kept: int
    """Files that were there already."""
    missing: tuple[tuple[str, str], ...]
    """Path and reason of each file that could not be copied."""
    files: tuple[RawFile, ...]
    """All files of the subset, as `planned_raw` returns them."""


def raw_files(subset: Subset, workspace: Workspace) -> list[RawFile]:
    """List the raw files of a subset's frames and of their longs, by path; reads tables alone.

    Raises
    ------
    MissingError
        If a store is gone.
    StoreError
        If a store no longer holds a frame of the subset.
    UsageError
        If a path would leave its folder.
    """
    found: dict[str, RawFile] = {}
    for collection, store in open_stores(subset, workspace).items():
        files_of = _files_of(store, workspace)
        needs = Needs(store)
        for frame in subset.frames:
            if frame.collection != collection:
                continue
            row = needs.row_of(frame)
            long = needs.long(row) if row.role == "short" else None
            for one in (row, long):
                for file in files_of(one) if one is not None else ():
                    found[_inside(file.path, store.path)] = file
    return [found[path] for path in sorted(found)]


def _files_of(store: Store, workspace: Workspace) -> Callable[[FrameRow], Iterator[RawFile]]:
    """Return what lists the files of a frame: one, or the video it lies in and its pictures."""
    name = store.collection
    try:
        definition = remembered_definition(name, workspace.definition(name))
    except MissingError:
        definition = None
    if definition is None and store.about.rendering.get("given"):
        raise UsageError(
            f"{name} is made of videos, and nothing says what their files are called",
            expected="its definition",
            where=workspace.definition(name),
            fix="Copy the TOML it was ingested with there, or use --materialize.",
        )
    if definition is None or not definition.has_videos:
        return lambda row: iter([RawFile(name, row.source, row.raw_bytes)])
    matcher = Matcher(definition)

    def of_video(row: FrameRow) -> Iterator[RawFile]:
        video, number, _ = row.source.rpartition("#")
        is_array = bool(number) and matcher.match(row.source) is None
        path = video if is_array else row.source
        yield RawFile(name, path, None if is_array else row.raw_bytes)
        match = matcher.match(path)
        if match is not None and match.truth:
            yield RawFile(name, match.truth, None, optional=row.target_index == NO_TARGET)

    return of_video


def _inside(path: str, store: Location) -> str:
    parts = PurePosixPath(path).parts
    if ".." in parts or PurePosixPath(path).is_absolute() or "\\" in path or "\0" in path:
        raise UsageError(
            f"a raw file at {path!r}", expected="a path within its collection", where=store
        )
    return path


def copy_raw(
    subset: Subset,
    workspace: Workspace,
    destination: Path,
    *,
    source: SourceSpec | None = None,
    progress: Progress = SILENT,
) -> CopiedRaw:
    """Copy the raw files of a subset into a folder, or into one zip if it is named so.

    They come from `source`, else from the workspace's data folders. In a folder, files that are
    there with the right size are kept, and the rest goes on where one cannot be copied. A zip
    appears when it is whole.

    Raises
    ------
    MissingError
        If a source is not there; for a zip also if a file is missing.
    UnreadableError
        If a file for a zip cannot be read.
    OutputError
        If something else is there, or it cannot be written.
    """
    files = raw_files(subset, workspace)

    def located(wanted: Sequence[RawFile]) -> tuple[list[_Located], list[tuple[str, str]]]:
        return _locate(wanted, workspace, source, progress)

    with lock(destination.with_name(destination.name + ".lock")):
        if destination.suffix.lower() == ZIP_SUFFIX:
            return _into_zip(files, destination, located, progress)
        return _into_folder(files, destination, located, progress)


@dataclass(frozen=True, slots=True)
class _Located:
    """A raw file, and where it comes from."""

    raw: RawFile
    file: SourceFile
    source: Source
    asked: str
    """Path of the file that was asked for: an array, where a movie is there in its place."""


def _locate(
    wanted: Sequence[RawFile],
    workspace: Workspace,
    spec: SourceSpec | None,
    progress: Progress,
) -> tuple[list[_Located], list[tuple[str, str]]]:
    """Find files in their sources; returns them, and what is missing and why."""
    found: list[_Located] = []
    missing: list[tuple[str, str]] = []
    for collection in sorted({raw.collection for raw in wanted}):
        source = open_source(workspace.data(collection) if spec is None else spec)
        there: dict[str, list[SourceFile]] = defaultdict(list)
        for file in source.files(progress).files:
            there[file.path].append(file)
            if file.inside:
                there[f"{file.inside}/{file.path}"].append(file)
        for raw in (one for one in wanted if one.collection == collection):
            # Several sources are also looked through with the collection's name in front.
            files = there[raw.source] or there[raw.path]
            fitting = next((file for file in files if raw.size in (None, file.size)), None)
            movie = None if files else _movie(raw, there)
            if fitting is not None:
                sized = replace(raw, size=fitting.size)
                found.append(_Located(sized, fitting, source, raw.path))
            elif movie is not None:
                name, file = movie
                instead = replace(raw, source=name, size=file.size)
                found.append(_Located(instead, file, source, raw.path))
            elif raw.optional:
                continue
            elif files:
                missing.append((raw.path, f"it has {files[0].size} bytes, not {raw.size}"))
            else:
                missing.append((raw.path, f"it is not in {source.describe()}"))
    return found, missing


def _movie(raw: RawFile, there: Mapping[str, list[SourceFile]]) -> tuple[str, SourceFile] | None:
    """Find the movie that is there in the place of an array of pictures."""
    names = truth_names(raw.source)[1:] if raw.size is None else ()
    found = ((name, file) for name in names for file in there.get(name, ()))
    return next(found, None)


def _contents(located: Sequence[_Located]) -> Iterator[tuple[_Located, Iterator[bytes]]]:
    """Yield files and their contents in pieces, to be used at once; archives are read once.

    Raises, as do the pieces, `UnreadableError` for a file, or for the rest of an archive.
    """
    streams: dict[str, list[_Located]] = defaultdict(list)
    for one in located:
        if one.source.sequential(one.file):
            streams[one.file.origin].append(one)
        else:
            yield one, _pieces(one)
    for group in streams.values():
        waiting = {one.file: one for one in group}
        try:
            for file, data in group[0].source.stream(list(waiting)):
                yield waiting.pop(file), iter([data])
        except UnreadableError as error:
            for one in waiting.values():
                yield one, _failing(error)


def _pieces(one: _Located) -> Iterator[bytes]:
    """Read a file piece by piece where it is large and that can be done."""
    ranges = one.source.ranges_of(one.file) if one.file.size > _LARGE else None
    if ranges is None:
        yield one.source.read(one.file)
        return
    for offset in range(0, one.file.size, _PIECE):
        yield ranges.read(offset, _PIECE)


def _failing(error: UnreadableError) -> Iterator[bytes]:
    def fail() -> bytes:
        raise error

    return iter(fail, b"")


def _checked(one: _Located, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Pass pieces on; raises `UnreadableError` if they are not as many bytes as they should be."""
    found = 0
    for piece in pieces:
        found += len(piece)
        yield piece
    if found != one.raw.size:
        raise UnreadableError(f"it has {found} bytes, not {one.raw.size}", where=one.raw.path)


def _into_folder(
    files: Sequence[RawFile], folder: Path, locate: _Locate, progress: Progress
) -> CopiedRaw:
    unknown = [raw for raw in files if raw.size is None or not _is_there(folder / raw.path, raw)]
    found, missing = locate(unknown)
    located = [one for one in found if not _is_there(folder / one.raw.path, one.raw)]
    kept = len(files) - len(unknown) + len(found) - len(located)
    copied = 0
    with progress.stage("Copying raw files", len(located), "files") as advance:
        for one, pieces in _contents(located):
            try:
                with replacing(folder / one.raw.path) as file:
                    file.writelines(_checked(one, pieces))
            except UnreadableError as error:
                missing.append((one.raw.path, error.reason))
            else:
                copied += 1
            advance(1)
    return CopiedRaw(copied, kept, tuple(sorted(missing)), _sized(files, found))


def _is_there(path: Path, raw: RawFile) -> bool:
    return path.is_file() and path.stat().st_size == raw.size


def _into_zip(
    files: Sequence[RawFile], path: Path, locate: _Locate, progress: Progress
) -> CopiedRaw:
    sizes = {raw.path: raw.size for raw in files}
    located: list[_Located] = []
    missing: list[tuple[str, str]] = []
    if not path.exists() or None in sizes.values():
        located, missing = locate(files)
        sizes = {one.raw.path: one.raw.size for one in located}
    if missing:
        raise MissingError(
            f"{len(missing)} of {len(files)} raw files are not there: "
            + listed((f"{name} ({why})" for name, why in missing), 3),
            expected="all files of the subset", where=path,
            fix="Name where they lie with --source, or copy into a folder what there is.",
        )  # fmt: skip

    def verify(archive: zipfile.ZipFile) -> None:
        check_names(archive, list(sizes))
        with progress.stage("Reading back", len(sizes), "files") as advance:
            for name, size in sizes.items():
                check_member(archive, name, size or 0)
                advance(1)

    if path.exists():
        try:
            with zipfile.ZipFile(path) as archive:
                verify(archive)
        except (OSError, zipfile.BadZipFile) as error:
            raise OutputError(
                f"something else is there ({error})", expected="nothing, or these files",
                where=path, fix="Choose another place, or remove what is there.",
            ) from error  # fmt: skip
        return CopiedRaw(0, len(sizes), (), _sized(files, located))

    def intact(name: str, data: bytes) -> bool:
        return len(data) == sizes[name]

    copied = 0
    with new_zip(path, [one.raw.path for one in located], intact, verify) as writer:
        wanted = [one for one in located if not writer.has(one.raw.path)]
        with progress.stage("Copying raw files", len(wanted), "files") as advance:
            for one, pieces in _contents(wanted):
                writer.add_pieces(one.raw.path, one.file.size, _checked(one, pieces))
                copied += 1
                advance(1)
    return CopiedRaw(copied, len(sizes) - copied, (), _sized(files, located))


def planned_raw(
    files: Sequence[RawFile], workspace: Workspace, source: SourceSpec | None = None
) -> tuple[RawFile, ...]:
    """Find out the sizes of files that a store does not know, from their source.

    Those that are not there keep None, or are left away if they may be missing.

    Raises what `copy_raw` does where a source is not there.
    """
    unknown = [raw for raw in files if raw.size is None]
    if not unknown:
        return tuple(files)
    return _sized(files, _locate(unknown, workspace, source, SILENT)[0])


def _sized(files: Sequence[RawFile], located: Sequence[_Located]) -> tuple[RawFile, ...]:
    """Return files with the sizes that were found, without those that may be missing and are."""
    found = {one.asked: one.raw for one in located}
    planned = (found.get(raw.path, raw) for raw in files)
    return tuple(raw for raw in planned if raw.size is not None or not raw.optional)
