"""A workspace of just a subset: its frames, their longs and targets, ready to be handed on.

Shards are copied byte for byte; everything else follows from the rows of the frames by the code
that writes any store. So the same subset gives the same bytes, and training from them the same
batches.
"""

from __future__ import annotations

import json
import zipfile
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rawkit.errors import OutputError, RawkitError, StoreDamagedError, UsageError
from rawkit.progress import SILENT
from rawkit.store import output_errors, write_atomically
from rawkit.store.coordinates import NO_TARGET
from rawkit.store.files import lock
from rawkit.store.layout import FRAMES_TABLE
from rawkit.store.manifest import About, derived_files, root_file, stored_count
from rawkit.store.rows import encode_rows, read_rows
from rawkit.store.verify import check_shard, verify_store
from rawkit.subset.archive import check_names, new_zip, read_member
from rawkit.subset.files import encode_subset, open_stores
from rawkit.subset.shards import Needs
from rawkit.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rawkit.progress import Progress
    from rawkit.store import ArrayLayout, FrameRow, Store
    from rawkit.store.layout import ArrayName
    from rawkit.subset.types import Subset

ZIP_SUFFIX = ".zip"


@dataclass(frozen=True, slots=True)
class ShardCopy:
    """A shard to be copied."""

    source: Path
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
        location = Workspace(Path()).store(collection).as_posix()
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
        path = store.groups[group].shard(array, index)
        shards.append(ShardCopy(path, f"{group}/{layout.key(place)}", layout, _size(path)))
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
    return StoreCopy(location, rows, about, tuple(shards))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise StoreDamagedError(
            f"a shard that cannot be read ({error.strerror})", where=path,
            fix="`rawkit verify --repair` makes it anew from the raw file.",
        ) from error  # fmt: skip


def materialize(
    plan: MaterializePlan, workspace: Workspace, destination: Path, progress: Progress = SILENT
) -> int:
    """Write a workspace of a subset into a folder, or into one zip if it is named so.

    What an interrupted run has left is kept if it is whole. A zip appears when it is complete.
    Everything is read back in the end. Returns the number of shards written; 0
    if all were there.

    Raises
    ------
    UsageError
        If the destination is the workspace itself.
    OutputError
        If something else is there, or it cannot be written.
    StoreDamagedError
        If a shard is damaged, here or there.
    StoreLockedError
        If another process is writing there.
    """
    if destination.resolve() == workspace.root.resolve():
        raise UsageError(
            "the workspace that the subset is of", expected="another folder, or a zip",
            where=destination,
        )  # fmt: skip
    if destination.suffix.lower() == ZIP_SUFFIX:
        with lock(destination.with_name(destination.name + ".lock")):
            return _write_zip(plan, destination, progress)
    written = 0
    with output_errors(destination):
        destination.mkdir(parents=True, exist_ok=True)
    for copy in plan.stores:
        store = destination / copy.location
        with lock(store.with_name(store.name + ".lock")):
            written += _write_store(copy, store, progress)
    path = Workspace(destination).subset(plan.subset.name)
    write_atomically(path, encode_subset(plan.subset))
    return written


def _write_store(copy: StoreCopy, store: Path, progress: Progress) -> int:
    """Write one store, the table first: it tells the next run whose shards these are."""
    begun = _is_begun(copy, store)
    table = FRAMES_TABLE
    if not begun:
        write_atomically(store / table, encode_rows(copy.rows, copy.about.as_dict()))
    written = 0
    with progress.stage(f"Copying to {store.name}", len(copy.shards), "shards") as advance:
        for shard in copy.shards:
            path = store / shard.key
            if not _is_there(path, shard):
                data = _read(shard)
                write_atomically(path, data)
                written += 1
            advance(1)
    for name, data in copy.derived():
        if name != table:
            write_atomically(store / name, data)
    damage, _ = verify_store(store, progress=progress)
    if damage:
        raise StoreDamagedError(
            f"{len(damage)} files are not what was written, such as {damage[0].reason}",
            where=damage[0].path, fix="Run the same command again.",
        )  # fmt: skip
    return written


def _is_begun(copy: StoreCopy, store: Path) -> bool:
    """Tell whether an earlier run has begun this store; refuse the place if it was another."""
    if not store.exists():
        return False
    for left in store.rglob("*.part"):
        with suppress(OSError):
            left.unlink()
    if not any(path.is_file() for path in store.rglob("*")):
        return False
    try:
        rows, about = read_rows(store / FRAMES_TABLE)
    except RawkitError:
        rows, about = [], {}
    if (tuple(rows), about) == (copy.rows, json.loads(json.dumps(copy.about.as_dict()))):
        return True
    raise OutputError(
        "something else is there", expected="nothing, or what an earlier run of this has written",
        where=store, fix="Choose another place, or remove what is there.",
    )  # fmt: skip


def _is_there(path: Path, shard: ShardCopy) -> bool:
    """Tell whether a shard was copied before and is whole."""
    try:
        if path.stat().st_size != shard.size:
            return False
        check_shard(memoryview(path.read_bytes()), shard.layout, path)
    except (OSError, StoreDamagedError):
        return False
    return True


def _read(shard: ShardCopy) -> bytes:
    """Read a shard, every checksum checked: damage is not handed on."""
    try:
        data = shard.source.read_bytes()
    except OSError as error:
        raise StoreDamagedError(
            f"a shard that cannot be read ({error.strerror})", where=shard.source
        ) from error
    check_shard(memoryview(data), shard.layout, shard.source)
    return data


def _write_zip(plan: MaterializePlan, destination: Path, progress: Progress) -> int:
    members = _members(plan)
    if destination.exists():
        try:
            with zipfile.ZipFile(destination) as archive:
                _check_zip(archive, members, progress)
        except (OSError, zipfile.BadZipFile) as error:
            raise OutputError(
                f"something else is there ({error})", expected="nothing, or this subset",
                where=destination, fix="Choose another place, or remove what is there.",
            ) from error  # fmt: skip
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


def _members(plan: MaterializePlan) -> list[tuple[str, bytes | ShardCopy]]:
    """Every file of the workspace, shards as where they come from."""
    members: list[tuple[str, bytes | ShardCopy]] = []
    for copy in plan.stores:
        members += [(f"{copy.location}/{shard.key}", shard) for shard in copy.shards]
        members += [(f"{copy.location}/{name}", data) for name, data in copy.derived()]
    path = Workspace(Path()).subset(plan.subset.name).as_posix()
    # Groups of one camera share the metadata of that camera.
    return list(dict([*members, (path, encode_subset(plan.subset))]).items())


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
