"""The raw files of a subset, in the layout of their collections, for people with other tools."""

from __future__ import annotations

import zipfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from rawkit.errors import MissingError, OutputError, RawkitError, UnreadableError, UsageError
from rawkit.progress import SILENT
from rawkit.source import open_source
from rawkit.store import write_atomically
from rawkit.store.files import lock
from rawkit.subset.archive import check_names, new_zip, read_member
from rawkit.subset.files import open_stores
from rawkit.subset.materialize import ZIP_SUFFIX
from rawkit.subset.shards import Needs
from rawkit.workspace import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from rawkit.locations import Location
    from rawkit.progress import Progress
    from rawkit.source import Source, SourceFile, SourceSpec
    from rawkit.subset.types import Subset
    from rawkit.workspace import Workspace

    _Locate = Callable[[Sequence["RawFile"]], tuple[list["_Located"], list[tuple[str, str]]]]


@dataclass(frozen=True, slots=True)
class RawFile:
    """A raw file to be copied."""

    collection: str
    """Collection it belongs to."""
    source: str
    """Path within the collection, with forward slashes."""
    size: int
    """Bytes, as they were when it was ingested."""

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
        if store.about.rendering.get("given"):
            raise UsageError(
                f"{collection} is made of videos, whose frames are no files of their own",
                expected="collections of raw files",
                where=store.path,
                fix="Copy the .npy files, or share the subset with --materialize.",
            )
        needs = Needs(store)
        for frame in subset.frames:
            if frame.collection != collection:
                continue
            row = needs.row_of(frame)
            long = needs.long(row) if row.role == "short" else None
            for one in (row, long):
                if one is not None:
                    file = RawFile(collection, one.source, one.raw_bytes)
                    found[_inside(file.path, store.path)] = file
    return [found[path] for path in sorted(found)]


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
            fitting = next((file for file in files if file.size == raw.size), None)
            if fitting is not None:
                found.append(_Located(raw, fitting, source))
            elif files:
                missing.append((raw.path, f"it has {files[0].size} bytes, not {raw.size}"))
            else:
                missing.append((raw.path, f"it is not in {source.describe()}"))
    return found, missing


def _contents(located: Sequence[_Located]) -> Iterator[tuple[RawFile, bytes | RawkitError]]:
    """Yield files and their contents, or why they cannot be read; archives are read once."""
    streams: dict[str, list[_Located]] = defaultdict(list)
    for one in located:
        if one.source.sequential(one.file):
            streams[one.file.origin].append(one)
            continue
        try:
            data = one.source.read(one.file)
        except UnreadableError as error:
            yield one.raw, error
        else:
            yield one.raw, _checked(one.raw, data)
    for group in streams.values():
        raws = {one.file: one.raw for one in group}
        try:
            for file, data in group[0].source.stream(raws):
                raw = raws.pop(file)
                yield raw, _checked(raw, data)
        except UnreadableError as error:
            for raw in raws.values():
                yield raw, error


def _checked(raw: RawFile, data: bytes) -> bytes | RawkitError:
    if len(data) == raw.size:
        return data
    return UnreadableError(f"it has {len(data)} bytes, not {raw.size}", where=raw.path)


def _into_folder(
    files: Sequence[RawFile], folder: Path, locate: _Locate, progress: Progress
) -> CopiedRaw:
    wanted = [raw for raw in files if not _is_there(folder / raw.path, raw.size)]
    located, missing = locate(wanted)
    copied = 0
    with progress.stage("Copying raw files", len(located), "files") as advance:
        for raw, data in _contents(located):
            if isinstance(data, RawkitError):
                missing.append((raw.path, data.reason))
            else:
                write_atomically(folder / raw.path, data)
                copied += 1
            advance(1)
    return CopiedRaw(copied, len(files) - len(wanted), tuple(sorted(missing)))


def _is_there(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _into_zip(
    files: Sequence[RawFile], path: Path, locate: _Locate, progress: Progress
) -> CopiedRaw:
    def verify(archive: zipfile.ZipFile) -> None:
        check_names(archive, [raw.path for raw in files])
        with progress.stage("Reading back", len(files), "files") as advance:
            for raw in files:
                read_member(archive, raw.path, raw.size)
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
        return CopiedRaw(0, len(files), ())
    located, missing = locate(files)
    if missing:
        raise MissingError(
            f"{len(missing)} of {len(files)} raw files are not there: "
            + listed((f"{name} ({why})" for name, why in missing), 3),
            expected="all files of the subset", where=path,
            fix="Name where they lie with --source, or copy into a folder what there is.",
        )  # fmt: skip
    sizes = {raw.path: raw.size for raw in files}

    def intact(name: str, data: bytes) -> bool:
        return len(data) == sizes[name]

    copied = 0
    with new_zip(path, [one.raw.path for one in located], intact, verify) as writer:
        wanted = [one for one in located if not writer.has(one.raw.path)]
        with progress.stage("Copying raw files", len(wanted), "files") as advance:
            for raw, data in _contents(wanted):
                if isinstance(data, RawkitError):
                    raise data
                writer.add(raw.path, data)
                copied += 1
                advance(1)
    return CopiedRaw(copied, len(files) - copied, ())
