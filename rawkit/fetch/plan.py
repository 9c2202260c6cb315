"""What a fetch will do: which files are wanted, which are there, which have changed."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rawkit.catalog import Matcher, scan_by, select, truth_names
from rawkit.errors import OutputError
from rawkit.fetch.record import Record, sums
from rawkit.progress import SILENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from rawkit.catalog import Catalog, Definition, Entry, Selection
    from rawkit.progress import Progress
    from rawkit.source import Source, SourceFile, SourceSpec

_SPARE = 64 << 20
"""Bytes that stay free."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to be fetched."""

    path: str
    """Path below the folder, in the collection's layout, with forward slashes."""
    file: SourceFile
    """Where it comes from."""

    @property
    def listed(self) -> tuple[str, str] | None:
        """Algorithm and checksum that its source says; None where it says none."""
        algorithm, _, digits = self.file.checksum.partition(":")
        return (algorithm, digits) if digits else None


@dataclass(frozen=True, slots=True)
class Different:
    """A file that is there and is not what the source has."""

    path: str
    """Path below the folder."""
    reason: str
    """What differs."""


@dataclass(frozen=True, slots=True)
class FetchPlan:
    """What a fetch will do."""

    definition: Definition
    """The collection."""
    catalog: Catalog
    """All that the source holds."""
    source: Source
    """Where files come from."""
    folder: Path
    """Where they go."""
    selected: int
    """Files of the frames that pass the filters, and of their longs."""
    wanted: tuple[Wanted, ...]
    """Those that will be fetched, in the order of their paths."""
    already: int
    """Files that are there."""
    different: tuple[Different, ...]
    """Files that are there and differ; they are wanted only if they may be replaced."""
    filtered: Mapping[str, int]
    """Shorts that each filter left out."""
    begun: int
    """Bytes of the files wanted that an earlier run has brought."""
    warning: str = ""
    """Why the table of the last scan could not be used, if so."""

    @property
    def bytes_to_fetch(self) -> int:
        """Bytes that will be read, as they are stored at the source."""
        return sum(one.file.stored for one in self.wanted) - self.begun

    @property
    def bytes_out(self) -> int:
        """Bytes that the files wanted will take on disk."""
        return sum(one.file.size for one in self.wanted)

    @property
    def free(self) -> int:
        """Bytes that are free where they go."""
        folder = self.folder
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        return shutil.disk_usage(folder).free

    def check_room(self, connections: int = 1) -> None:
        """Check that there is room.

        Raises
        ------
        OutputError
            If there is not; says how much is missing.
        """
        # A compressed member lies there twice while it is unpacked.
        largest = sorted((one.file.stored for one in self.wanted), reverse=True)[:connections]
        need = self.bytes_out - self.begun + sum(largest) + _SPARE if self.wanted else 0
        if need > self.free:
            raise OutputError(
                f"{self.free / 1e9:.1f} GB are free",
                expected=f"{need / 1e9:.1f} GB for {len(self.wanted)} files",
                where=self.folder,
                fix="Make room, choose fewer frames, or name another folder with --into.",
            )


def partial(target: Path) -> Path:
    """Return where a file lies while it is on its way: hidden, so that no scan takes it."""
    return target.with_name(f".{target.name}.part")


def plan_fetch(
    definition: Definition,
    source: SourceSpec | Source,
    folder: Path,
    selection: Selection,
    progress: Progress = SILENT,
    *,
    table: Path | None = None,
    remember: bool = True,
    replace: bool = False,
) -> FetchPlan:
    """Scan a source and find out which of the files wanted are not in a folder yet.

    A file that is there counts as fetched if it looks as it did when it came, or has the contents
    that the source's checksum says; others are `different`, and wanted only with `replace`. With
    `table` the EXIF of files is taken from the table of the last scan, which is brought up to date
    unless `remember` is off. Nothing else is written.

    Raises what `scan` and `select` raise.
    """
    catalog, warning = scan_by(
        table, definition, source, progress, selection=selection, save=remember
    )  # fmt: skip
    selected = select(catalog, selection)
    files = _files(definition, catalog, selected.entries)
    record = Record(folder)
    wanted: list[Wanted] = []
    different: list[Different] = []
    already = begun = 0
    with progress.stage("Looking at what is there", len(files), "files") as advance:
        for one in files:
            target = folder / one.path
            reason = _difference(target, one, record) if target.exists() else None
            if target.exists() and reason is None:
                already += 1
            elif reason is None or replace:
                wanted.append(one)
                part = partial(target)
                begun += min(part.stat().st_size, one.file.stored) if part.exists() else 0
            if reason is not None:
                different.append(Different(one.path, reason))
            advance()
    assert catalog.source is not None  # noqa: S101 - a scan keeps its source
    return FetchPlan(
        definition=definition,
        catalog=catalog,
        source=catalog.source,
        folder=folder,
        selected=len(files),
        wanted=tuple(wanted),
        already=already,
        different=tuple(different),
        filtered=selected.filtered,
        begun=begun,
        warning=warning,
    )


def _files(definition: Definition, catalog: Catalog, entries: Iterable[Entry]) -> list[Wanted]:
    """Return the files of frames, each once, with the pictures that belong to videos."""
    matcher = Matcher(definition)
    found: dict[str, Wanted] = {}
    truths: dict[str, str] = {}
    for entry in entries:
        match = matcher.match(entry.source)
        if entry.file is None or match is None:
            continue
        path = match.path or entry.source
        found.setdefault(path, Wanted(path, entry.file))
        above = entry.source.removesuffix(path)
        truths |= {name: name.removeprefix(above) for name in truth_names(match.truth)}
    if truths and catalog.source is not None:
        for file in catalog.source.files().files:
            listed = file.path if file.path in truths else f"{file.inside}/{file.path}"
            if listed in truths:
                found.setdefault(truths[listed], Wanted(truths[listed], file))
    return [found[path] for path in sorted(found)]


def _difference(target: Path, wanted: Wanted, record: Record) -> str | None:
    """Say how a file that is there differs from the source's; None if it does not."""
    file, known = wanted.file, record.files.get(wanted.path)
    if not target.is_file():
        return "it is no file"
    size = target.stat().st_size
    if size != file.size:
        return f"it has {size} bytes, and {file.size} at the source"
    same_version = known is not None and known.stamp == file.stamp and bool(file.stamp)
    if known is not None and same_version and known.untouched(target):
        return None
    crc, sha = sums(target)
    if file.crc is not None:
        return None if crc == file.crc else f"it has the CRC {crc}, and {file.crc} at the source"
    if wanted.listed is not None:
        algorithm, listed = wanted.listed
        has = sha if algorithm == "sha256" else sums(target, algorithm)[1]
        return None if has == listed else f"its {algorithm} is {has}, and {listed} in the list"
    if known is None:
        return None  # of the right size, and nothing says what its contents are to be
    if sha != known.sha256:
        return "it has changed since it was fetched"
    return None if same_version or not file.stamp else "the source has another version now"
