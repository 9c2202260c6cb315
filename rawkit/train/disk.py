"""A training from a store that holds only so many bytes of its frames.

Frames come from their raw files ahead of their windows, and go when they are needed last.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from rawkit.catalog import remembered_definition, scan_with_table
from rawkit.errors import UsageError
from rawkit.ingest import Refill
from rawkit.locations import location_of
from rawkit.progress import SILENT
from rawkit.store import (
    NO_TARGET,
    Store,
    evict_frames,
    frame_bytes,
    lock,
    lock_of,
    settle_evicted,
    staging_of,
)
from rawkit.stream import Keeper, RankShare, epoch_length, jobs, least_budget, shapes_of
from rawkit.train.data import plan_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rawkit.catalog import Catalog
    from rawkit.progress import Progress
    from rawkit.source import SourceSpec
    from rawkit.stream import Need, PairSource, PlanSettings
    from rawkit.train.plan import TrainPlan
    from rawkit.workspace import Workspace

_LIVE_SHARE = 2
"""Of the room, one part in so many is for pairs whose windows are being read; the rest is kept for
the epoch to come."""


class StoreShelf:
    """Frames of a store, evicted and made anew. The store's lock must be held.

    Parameters
    ----------
    store
        The store; what a death has left is settled at once.
    catalog
        Where the raw files are.
    staging
        Folder for shards under way, on the store's disk.
    """

    def __init__(self, store: Store, catalog: Catalog, staging: Path) -> None:
        self._store = store
        self._rows = {row.name: row for row in store.rows if row.duplicate_of is None}
        self._gone = settle_evicted(store)
        self._refill = Refill(store, catalog, staging)
        self.sizes: Mapping[str, int] = {
            name: self._gone.get(name) or frame_bytes(store, row)
            for name, row in self._rows.items()
        }
        """Bytes of the shards of each frame, evicted or not."""

    def held(self) -> set[str]:
        """Return the names of the frames that are there."""
        return self._rows.keys() - self._gone.keys()

    def bring(self, frame: str) -> int:
        """Make a frame anew; returns the bytes of its raw file as they came from the source."""
        self._refill.bring(self._rows[frame])
        self._gone.pop(frame, None)
        return self.cost(frame)

    def evict(self, frames: Sequence[str]) -> None:
        """Delete the shards of frames."""
        evict_frames(self._store, [self._rows[name] for name in frames])
        self._gone |= {name: self.sizes[name] for name in frames}

    def cost(self, frame: str) -> int:
        """Bytes of a frame's raw file as they come from the source."""
        return self._refill.cost(self._rows[frame])

    def frames_of(self, sources: Sequence[PairSource]) -> dict[str, Need]:
        """Return, by the name of each pair, the frames that its windows read."""
        by_file = self._by_file
        return {
            one.name: frozenset({by_file[one.packed.path], by_file[one.target.path]})
            for one in sources
        }

    @cached_property
    def _by_file(self) -> dict[object, str]:
        """Name of the frame of each shard."""
        found: dict[object, str] = {}
        for group in self._store.groups.values():
            for row in group.rows:
                found[group.shard("packed", row.index)] = row.name
                if row.target_index != NO_TARGET:
                    found[group.shard("target", row.target_index)] = row.name
        return found

    def close(self) -> None:
        """Remove what is under way."""
        self._refill.close()


@contextmanager
def open_shelf(store: Store, catalog: Catalog, staging: Path | None = None) -> Iterator[StoreShelf]:
    """Open a store whose frames come and go, and hold its lock.

    Raises
    ------
    StoreLockedError
        If another process is writing to it.
    UsageError
        If it is not on this machine.
    """
    if not isinstance(store.path, Path):
        raise UsageError("a store elsewhere with --disk", expected="one on this machine")
    with lock(lock_of(store.path)):
        shelf = StoreShelf(store, catalog, staging_of(store.path, staging))
        try:
            yield shelf
        finally:
            shelf.close()


class DiskPlan:
    """What a budget comes to: which frames stay, how near pairs are read, what it costs.

    Parameters
    ----------
    shelf
        The store.
    train, val
        Pairs to train on, and those validated on, which stay all the time.
    budget
        Bytes that the shards of all frames may take, the one under way among them.

    Raises
    ------
    UsageError
        If the budget is too small; the text names the smallest that works.
    """

    def __init__(
        self,
        shelf: StoreShelf,
        train: Sequence[PairSource],
        val: Sequence[PairSource],
        budget: int,
    ) -> None:
        self._shelf, self._train = shelf, train
        self._frames = shelf.frames_of(train)
        kept: Need = frozenset().union(*shelf.frames_of(val).values())
        self.kept = kept
        """Frames that stay: those of the validation."""
        needed = frozenset().union(*self._frames.values())
        sizes = shelf.sizes
        self._sizes = {name: 0 if name in kept else size for name, size in sizes.items()}
        self.room = budget - sum(sizes[name] for name in kept)
        """Bytes for the frames of the pairs to train on."""
        least = least_budget(list(self._frames.values()), self._sizes)
        if self.room < least:
            raise UsageError(
                f"--disk of {budget} bytes",
                expected=f"at least {budget - self.room + least}: {len(kept)} frames to validate "
                "on, and one pair",
                fix="Give more, or choose fewer or smaller frames.",
            )
        whole = sum(self._sizes[name] for name in needed)
        self.group = (
            None
            if whole <= self.room
            else max(1, len(self._train) * self.room // (_LIVE_SHARE * whole))
        )
        """Pairs that windows are shuffled among at any time; None where all have room."""

    def settings(self, settings: PlanSettings) -> PlanSettings:
        """Return the settings of the samples with the locality that the budget asks for."""
        return replace(settings, group=self.group)

    def keeper(self, settings: PlanSettings, batch_size: int, batches: int | None) -> Keeper:
        """Return what keeps the store within its budget, after what has no place has been evicted.

        `settings` are those of the samples, `batches` those of the whole training.
        """
        share, shapes = RankShare(batch_size), shapes_of(self._train)
        windows = epoch_length(shapes, settings) // settings.crops_per_window
        keeper = Keeper(
            _Kept(self._shelf, self.kept), self._train, self._frames, self._sizes, self.room,
            windows, batches,
        )  # fmt: skip
        self._make_room(keeper.needs(jobs(lambda _: shapes, settings, share, 0), batches), windows)
        for name in sorted(self.kept - self._shelf.held()):
            self._shelf.bring(name)
        return keeper

    def _make_room(self, needs: Iterator[Need], windows: int) -> None:
        """Evict what is needed last, and what nobody needs, until the rest has room."""
        order: dict[str, None] = {}
        for _, need in zip(range(windows), needs, strict=False):
            order |= dict.fromkeys(sorted(need))
        held = self._shelf.held() - self.kept
        stay, room = set(), self.room
        for name in order:
            if name in held and self._sizes[name] <= room:
                stay.add(name)
                room -= self._sizes[name]
        whole = sum(self._sizes[name] for name in held)
        if whole > self.room:
            self._shelf.evict(sorted(held - stay))

    def least(self, settings: PlanSettings, batch_size: int, batches: int) -> float:
        """Return the least bytes that so many batches can be had with from an empty store."""
        shapes = shapes_of(self._train)
        keeper = Keeper(
            self._shelf, self._train, self._frames, self._sizes, self.room, 1, batches
        )  # fmt: skip
        order = jobs(lambda _: shapes, settings, RankShare(batch_size), 0)
        costs = {name: self._shelf.cost(name) for need in self._frames.values() for name in need}
        return keeper.least(order, batches, costs)

    def least_of_epochs(
        self, settings: PlanSettings, batch_size: int, epochs: int
    ) -> tuple[float, int]:
        """Return the least bytes of so many epochs, and the bytes of all frames, each once."""
        shapes = shapes_of(self._train)
        samples = epochs * epoch_length(shapes, settings)
        names = frozenset().union(*self._frames.values())
        whole = sum(self._shelf.cost(name) for name in names)
        return self.least(settings, batch_size, -(-samples // batch_size)), whole


@dataclass(frozen=True, slots=True)
class DiskTraining:
    """A training from a store that holds a part."""

    plan: TrainPlan
    """The training, its windows as near to each other as the budget asks for."""
    disk: DiskPlan
    """What the budget comes to."""

    def keeper(self) -> Keeper:
        """Return what keeps the store within its budget; see `DiskPlan.keeper`."""
        settings = self.plan.settings
        return self.disk.keeper(plan_settings(settings), settings.batch_size, settings.steps)

    def epochs(self, count: int) -> tuple[float, int]:
        """Return the least bytes of so many epochs from an empty store, and those of one of all."""
        settings = self.plan.settings
        return self.disk.least_of_epochs(plan_settings(settings), settings.batch_size, count)


@contextmanager
def disk_training(
    plan: TrainPlan,
    workspace: Workspace,
    budget: int,
    source: SourceSpec | None = None,
    progress: Progress = SILENT,
) -> Iterator[DiskTraining]:
    """Have a training keep its store within a budget of bytes; holds the store's lock.

    Raw files are looked for in `source`, or where the workspace has the collection's. A run that
    is resumed keeps the order that it was begun with.

    Raises
    ------
    UsageError
        If there is more than one store, it is not on this machine, or the budget is too small.
    MissingError
        If the raw files are not there.
    StoreLockedError
        If another process is writing to the store.
    """
    places = sorted({one.store for one in (*plan.data.train, *plan.data.val)})
    if len(places) > 1:
        raise UsageError(f"--disk with {len(places)} stores", expected="frames of one store")
    store = Store(location_of(places[0]))
    name = store.collection
    found = scan_with_table(
        remembered_definition(name, workspace.definition(name)),
        source or workspace.data(name), workspace.catalog(name), progress,
        names=frozenset(store.frames.texts("name")), save=False,
    )  # fmt: skip
    with open_shelf(store, found.catalog, workspace.staging) as shelf:
        disk = DiskPlan(shelf, plan.data.train, plan.data.val, budget)
        group = disk.group if plan.state is None else plan.settings.group
        yield DiskTraining(replace(plan, settings=replace(plan.settings, group=group)), disk)


class _Kept:
    """A shelf of which some frames are not told of: they stay."""

    def __init__(self, shelf: StoreShelf, kept: Need) -> None:
        self._shelf, self._kept = shelf, kept

    def held(self) -> set[str]:
        """Return the names of all frames that are there; those that stay count as nothing."""
        return self._shelf.held()

    def bring(self, frame: str) -> int:
        """Fetch a frame."""
        return self._shelf.bring(frame)

    def evict(self, frames: Sequence[str]) -> None:
        """Evict frames, but never those that stay."""
        gone = [name for name in frames if name not in self._kept]
        if gone:
            self._shelf.evict(gone)
