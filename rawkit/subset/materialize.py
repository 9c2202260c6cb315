"""A workspace of just a subset: its frames, their longs and targets, ready to be handed on.

Shards are copied byte for byte; everything else follows from the rows of the frames by the code
that writes any store. So the same subset gives the same bytes, and training from them the same
batches.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rawkit.errors import (
    OutputError,
    RawkitError,
    StoreDamagedError,
    StoreUnreachableError,
    UsageError,
)
from rawkit.files import output_errors
from rawkit.locations import Url
from rawkit.progress import SILENT
from rawkit.source import RangeFile
from rawkit.store import (
    FRAMES_TABLE,
    NO_TARGET,
    About,
    ObjectPlace,
    RemoteFile,
    check_shard,
    derived_files,
    encode_rows,
    in_parallel,
    lock,
    lock_of,
    open_place,
    profile_keys,
    read_rows,
    root_file,
    staging_of,
    stored_count,
    unreadable_shard,
    verify_store,
)
from rawkit.subset.archive import check_names, new_zip, read_member
from rawkit.subset.files import encode_subset, open_stores
from rawkit.subset.shards import Needs
from rawkit.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rawkit.locations import Location
    from rawkit.progress import Progress
    from rawkit.store import ArrayLayout, ArrayName, FrameRow, Place, Store, StoreFile
    from rawkit.subset.types import Subset

ZIP_SUFFIX = ".zip"
_ZIP_TAIL = 1 << 20
"""Bytes at the end of a zip elsewhere that are fetched at once: its directory."""


@dataclass(frozen=True, slots=True)
class ShardCopy:
    """A shard to be copied."""

    source: StoreFile
    """Where it lies."""
    key: str
    """Where it goes, within the new store."""
    layout: ArrayLayout
    """Geometry and codec."""
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class StoreCopy:
    """One store of the new workspace."""

    location: str
    """Where it goes, within the new workspace."""
    rows: tuple[FrameRow, ...]
    """Its rows, with their new positions."""
    about: About
    """What its table says beside them."""
    shards: tuple[ShardCopy, ...]
    """Its shards."""
    profiles: tuple[tuple[str, StoreFile], ...] = ()
    """Files of the cameras' profiles that travel with it: names, and where they lie."""

    def derived(self) -> Iterator[tuple[str, bytes]]:
        """Yield path and bytes of all files but the shards, in the order of a commit."""
        yield from derived_files(self.about, self.rows)
        yield FRAMES_TABLE, encode_rows(self.rows, self.about.as_dict())
        yield root_file(self.about)


@dataclass(frozen=True, slots=True)
class MaterializePlan:
    """All that a materialized subset consists of."""

    subset: Subset
    """The subset, with the positions its frames have in the new stores."""
    stores: tuple[StoreCopy, ...]
    """The new stores."""

    @property
    def frames(self) -> int:
        """Frames stored, longs included."""
        return sum(row.duplicate_of is None for store in self.stores for row in store.rows)

    @property
    def size(self) -> int:
        """Bytes of all shards; everything else is small."""
        return sum(shard.size for store in self.stores for shard in store.shards)


def plan_materialize(subset: Subset, workspace: Workspace) -> MaterializePlan:
    """Find out what a subset needs; reads tables, and of shards their size alone.

    Raises
    ------
    MissingError
        If a store is gone.
    StoreError
        If a store no longer holds a frame of the subset, or a shard is missing.
    """
    copies: list[StoreCopy] = []
    places: dict[tuple[str, str], int] = {}
    locations: dict[str, str] = {}
    for collection, store in open_stores(subset, workspace).items():
        needs = Needs(store)
        names = {
            row.name
            for frame in subset.frames if frame.collection == collection
            for row in needs.of(needs.row_of(frame))
        }  # fmt: skip
        if not names:
            continue
        location = str(Workspace(Path()).store(collection))
        copies.append(_store_copy(store, location, names))
        locations[collection] = location
        places |= {(collection, row.name): row.index for row in copies[-1].rows}
    frames = tuple(
        replace(frame, index=places[frame.collection, frame.name]) for frame in subset.frames
    )
    return MaterializePlan(replace(subset, frames=frames, stores=locations), tuple(copies))


def _store_copy(store: Store, location: str, names: set[str]) -> StoreCopy:
    """Give the rows that are kept new positions, in the order of the old ones."""
    kept = [row for row in store.rows if row.name in names]
    stored = [row for row in kept if row.duplicate_of is None]
    moved: dict[tuple[str, ArrayName, int], int] = {}
    counts: dict[tuple[str, ArrayName], int] = {}
    old = {(row.group, "packed", row.index) for row in stored}
    old |= {
        (row.group, "target", row.target_index) for row in stored if row.target_index != NO_TARGET
    }
    shards = []
    for group, name, index in sorted(old):
        array: ArrayName = "packed" if name == "packed" else "target"
        place = counts.get((group, array), 0)
        moved[group, array, index], counts[group, array] = place, place + 1
        layout = store.about.layouts[group, array]
        path, old_key = store.groups[group].shard(array, index), f"{group}/{layout.key(index)}"
        size = store.size(old_key)
        shards.append(ShardCopy(path, f"{group}/{layout.key(place)}", layout, size))
    rows = tuple(
        replace(
            row,
            index=moved[row.group, "packed", row.index],
            target_index=moved.get((row.group, "target", row.target_index), NO_TARGET),
        )
        for row in kept
    )
    layouts = {
        key: replace(layout, count=stored_count(rows, *key))
        for key, layout in store.about.layouts.items()
        if key in counts
    }
    about = replace(store.about, layouts=layouts)
    profiles = tuple((key, store.place.file(key)) for key in profile_keys(store.attributes))
    return StoreCopy(location, rows, about, tuple(shards), profiles)


def materialize(
    plan: MaterializePlan,
    workspace: Workspace,
    destination: Location,
    progress: Progress = SILENT,
) -> int:
    """Write a workspace of a subset into a folder, or into one zip if it is named so.

    Either may be elsewhere; a zip is made in the workspace's staging folder then, and uploaded.
    What an interrupted run has left is kept if it is whole. A zip appears when it is complete.
    Everything is read back in the end. Returns the number of shards written; 0
    if all were there.

    Raises
    ------
    UsageError
        If the destination is the workspace itself.
    OutputError, StoreUnreachableError
        If something else is there, or it cannot be written.
    StoreDamagedError
        If a shard is damaged, here or there.
    StoreLockedError
        If another process is writing there.
    """
    if isinstance(destination, Path) and destination.resolve() == workspace.root.resolve():
        raise UsageError(
            "the workspace that the subset is of", expected="another folder, or a zip",
            where=destination,
        )  # fmt: skip
    if destination.suffix.lower() == ZIP_SUFFIX:
        with lock(lock_of(destination)):
            if isinstance(destination, Url):
                return _send_zip(plan, destination, workspace.staging, progress)
            return _write_zip(plan, destination, progress)
    written = 0
    if isinstance(destination, Path):
        with output_errors(destination):
            destination.mkdir(parents=True, exist_ok=True)
    for copy in plan.stores:
        store = destination / copy.location
        with lock(lock_of(store)):
            written += _write_store(copy, store, progress)
    open_place(destination).write(_subset_key(plan), encode_subset(plan.subset))
    return written


def _subset_key(plan: MaterializePlan) -> str:
    return Workspace(Path()).subset(plan.subset.name).as_posix()


def _write_store(copy: StoreCopy, store: Location, progress: Progress) -> int:
    """Write one store, the table first: it tells the next run whose shards these are."""
    place, table = open_place(store), FRAMES_TABLE
    if not _is_begun(copy, place):
        place.write(table, encode_rows(copy.rows, copy.about.as_dict()))

    def write(shard: ShardCopy) -> bool:
        if _is_there(place, shard):
            return False
        place.write(shard.key, _read(shard))
        return True

    written = 0
    with progress.stage(f"Copying to {store.name}", len(copy.shards), "shards") as advance:
        for is_new in in_parallel(write, copy.shards, place.transfers):
            written += is_new
            advance(1)
    *others, root = [(name, data) for name, data in copy.derived() if name != table]
    profiles = {key: file.read_bytes() for key, file in copy.profiles}
    place.write_stages([profiles, dict(others), dict([root])])
    damage, _ = verify_store(store, progress=progress)
    if damage:
        raise StoreDamagedError(
            f"{len(damage)} files are not what was written, such as {damage[0].reason}",
            where=damage[0].path, fix="Run the same command again.",
        )  # fmt: skip
    return written


def _is_begun(copy: StoreCopy, place: Place) -> bool:
    """Tell whether an earlier run has begun this store; refuse the place if it was another."""
    if isinstance(place.location, Path):
        for left in place.location.rglob("*.part"):
            with suppress(OSError):
                left.unlink()
    if not place.sizes():
        return False
    try:
        rows, about = read_rows(place.file(FRAMES_TABLE))
        told = json.loads(json.dumps(copy.about.as_dict()))
        begun = (tuple(rows), about) == (copy.rows, told)
    except StoreUnreachableError:
        raise
    except RawkitError:
        begun = False
    if begun:
        return True
    raise OutputError(
        "something else is there", expected="nothing, or what an earlier run of this has written",
        where=place.location, fix="Choose another place, or remove what is there.",
    )  # fmt: skip


def _is_there(place: Place, shard: ShardCopy) -> bool:
    """Tell whether a shard was copied before and is whole."""
    try:
        if place.size(shard.key) != shard.size:
            return False
        check_shard(memoryview(place.read(shard.key)), shard.layout, place.file(shard.key))
    except (OSError, StoreDamagedError):
        return False
    return True


def _read(shard: ShardCopy) -> bytes:
    """Read a shard, every checksum checked: damage is not handed on."""
    try:
        data = shard.source.read_bytes()
    except OSError as error:
        raise unreadable_shard(shard.source, error) from error
    check_shard(memoryview(data), shard.layout, shard.source)
    return data


def _send_zip(plan: MaterializePlan, destination: Url, staging: Path, progress: Progress) -> int:
    """Make the zip here, upload it, and read it back."""
    place = ObjectPlace(destination.parent)
    file = place.file(destination.name)
    if file.exists():
        _check_there(file, _members(plan), progress)
        return 0
    folder = staging_of(destination, staging)
    made = folder / destination.name
    shards = _write_zip(plan, made, progress)
    with progress.stage(f"Sending {destination.name}", 1, "files") as advance:
        place.take(made, file.key)
        advance(1)
    _check_there(file, _members(plan), progress)
    shutil.rmtree(folder, ignore_errors=True)
    return shards


def _write_zip(plan: MaterializePlan, destination: Path, progress: Progress) -> int:
    members = _members(plan)
    if destination.exists():
        _check_there(destination, members, progress)
        return 0

    def verify(archive: zipfile.ZipFile) -> None:
        _check_zip(archive, members, progress)

    contents = dict(members)

    def intact(name: str, data: bytes) -> bool:
        content = contents[name]
        if isinstance(content, bytes):
            return data == content
        return data == _read(content)  # another subset's shard may have the same size

    shards = 0
    with (
        new_zip(destination, list(contents), intact, verify) as writer,
        progress.stage(f"Writing {destination.name}", len(members), "files") as advance,
    ):
        for name, content in members:
            if not writer.has(name):
                writer.add(name, content if isinstance(content, bytes) else _read(content))
                shards += not isinstance(content, bytes)
            advance(1)
    return shards


def _check_there(
    file: StoreFile, members: Sequence[tuple[str, bytes | ShardCopy]], progress: Progress
) -> None:
    """Read a zip that is there; refuse another one."""
    try:
        opened = RangeFile(file, _ZIP_TAIL) if isinstance(file, RemoteFile) else file
        with zipfile.ZipFile(opened) as archive:
            _check_zip(archive, members, progress)
    except (OSError, zipfile.BadZipFile) as error:
        raise OutputError(
            f"something else is there ({error})", expected="nothing, or this subset",
            where=file, fix="Choose another place, or remove what is there.",
        ) from error  # fmt: skip


def _members(plan: MaterializePlan) -> list[tuple[str, bytes | ShardCopy]]:
    """Every file of the workspace, shards as where they come from."""
    members: list[tuple[str, bytes | ShardCopy]] = []
    for copy in plan.stores:
        members += [(f"{copy.location}/{shard.key}", shard) for shard in copy.shards]
        members += [(f"{copy.location}/{key}", file.read_bytes()) for key, file in copy.profiles]
        members += [(f"{copy.location}/{name}", data) for name, data in copy.derived()]
    # Groups of one camera share the metadata of that camera.
    return list(dict([*members, (_subset_key(plan), encode_subset(plan.subset))]).items())


def _check_zip(
    archive: zipfile.ZipFile, members: Sequence[tuple[str, bytes | ShardCopy]], progress: Progress
) -> None:
    """Read every member back."""
    check_names(archive, [name for name, _ in members])
    with progress.stage("Reading back", len(members), "files") as advance:
        for name, content in members:
            if isinstance(content, ShardCopy):
                data = read_member(archive, name, content.size)
                check_shard(memoryview(data), content.layout, Path(archive.filename or "") / name)
            elif read_member(archive, name, len(content)) != content:
                raise OutputError(
                    f"{name} has other bytes", where=archive.filename,
                    fix="Choose another place, or remove what is there.",
                )  # fmt: skip
            advance(1)
