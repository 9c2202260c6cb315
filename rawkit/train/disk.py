"""A training from a store that holds only so many bytes of its frames.

Frames come from their raw files ahead of their windows, and go when they are needed last.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rawkit.catalog import remembered_definition, scan_with_table
from rawkit.errors import UsageError
from rawkit.ingest import open_shelf
from rawkit.locations import location_of
from rawkit.progress import SILENT
from rawkit.store import NO_TARGET, Store, lock, lock_of
from rawkit.stream import (
    Ahead,
    Keeper,
    RankShare,
    Room,
    SameSources,
    belady,
    epoch_length,
    least_budget,
    shapes_of,
)
from rawkit.supply import check_alone
from rawkit.train.data import plan_settings
from rawkit.train.mending import refuse_mending
from rawkit.train.plan import run_training
from rawkit.train.shorts import refuse_shorts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rawkit.ingest import StoreShelf
    from rawkit.progress import Progress
    from rawkit.source import SourceSpec
    from rawkit.stream import EpochSources, Need, PairSource, PlanSettings
    from rawkit.train.plan import TrainPlan
    from rawkit.train.report import TrainReport
    from rawkit.workspace import Workspace

FETCHING = 520 * 10**6
"""Bytes of memory that frames take which come again: one of 12 MP that is decoded, and the files of
those on their way."""
_LIVE_SHARE = 2
"""Of the room, one part in so many is for pairs whose windows are being read; the rest is kept for
the epoch to come."""


def frames_of(store: Store) -> Callable[[PairSource], Need]:
    """Return what says which frames of a store hold the shards of a pair."""
    by_file: dict[object, str] = {}
    for group in store.groups.values():
        for row in group.rows:
            by_file[group.shard("packed", row.index)] = row.name
            if row.target_index != NO_TARGET:
                by_file[group.shard("target", row.target_index)] = row.name
    return lambda one: frozenset({by_file[one.packed.path], by_file[one.target.path]})


class DiskPlan:
    """What a budget comes to: which frames stay, how near pairs are read, what it costs.

    Parameters
    ----------
    shelf
        The store's frames.
    frames
        Says which of them a pair reads, see `frames_of`.
    train, val
        Pairs to train on, and those validated on, which stay all the time.
    budget
        Bytes that the shards of all frames may take, those being written among them.

    Raises
    ------
    UsageError
        If the budget is too small; the text names the smallest that works.
    """

    def __init__(
        self,
        shelf: StoreShelf,
        frames: Callable[[PairSource], Need],
        train: Sequence[PairSource],
        val: Sequence[PairSource],
        budget: int,
    ) -> None:
        self._shelf, self._train, self._budget = shelf, train, budget
        self.frames = frames
        """Says which frames a pair reads."""
        needs = [frames(one) for one in train]
        self.kept: Need = frozenset().union(*map(frames, val))
        """Frames that stay: those of the validation."""
        needed = frozenset().union(*needs)
        self.sizes = {
            name: 0 if name in self.kept else shelf.size(name) for name in needed | self.kept
        }
        """Bytes of the frames that come and go; 0 for those that stay."""
        self.room = budget - sum(map(shelf.size, self.kept))
        """Bytes for the frames of the pairs to train on."""
        least = least_budget(needs, self.sizes)
        if self.room < least:
            raise UsageError(
                f"--disk of {budget} bytes",
                expected=f"at least {budget - self.room + least}: {len(self.kept)} frames to "
                "validate on, and one pair",
                fix="Give more, or choose fewer or smaller frames.",
            )
        whole = sum(self.sizes[name] for name in needed)
        self.group = group_for(len(train), whole, self.room)
        """Pairs that windows are shuffled among at any time; None where all have room."""

    def settings(self, settings: PlanSettings) -> PlanSettings:
        """Return the settings of the samples with the locality that the budget asks for."""
        return replace(settings, group=self.group)

    def keeper(self, batches: int | None) -> Keeper:
        """Return what keeps the store within its budget; `batches` are those of all training."""
        room = Room(self._budget, self._shelf.held())
        return Keeper(self._shelf, room, self.frames, kept=self.kept, batches=batches)

    def cost(self, frame: str) -> int:
        """Bytes of a frame's raw file as they come from the source."""
        return self._shelf.cost(frame)

    def least(
        self,
        settings: PlanSettings,
        batch_size: int,
        batches: int,
        epochs: EpochSources | None = None,
    ) -> float:
        """Return the least bytes that so many batches can be had with from an empty store."""
        ahead = Ahead(
            epochs or SameSources(self._train), settings, RankShare(batch_size), 0, batches
        )  # fmt: skip
        return least_bytes(ahead, self.frames, self.sizes, self.room, self.cost)

    def least_of_epochs(
        self, settings: PlanSettings, batch_size: int, epochs: int
    ) -> tuple[float, int]:
        """Return the least bytes of so many epochs, and the bytes of all frames, each once."""
        shapes = shapes_of(self._train)
        samples = epochs * epoch_length(shapes, settings)
        names = frozenset().union(*map(self.frames, self._train))
        whole = sum(self.cost(name) for name in names)
        return self.least(settings, batch_size, -(-samples // batch_size)), whole


def group_for(pairs: int, whole: int, room: int) -> int | None:
    """Return how many pairs windows are shuffled among, of so many that take `whole` bytes."""
    return None if whole <= room else max(1, pairs * room // (_LIVE_SHARE * whole))


def least_bytes(
    ahead: Ahead,
    frames: Callable[[PairSource], Need],
    sizes: Mapping[str, int],
    room: int,
    cost: Callable[[str], int],
) -> float:
    """Return the least bytes that all windows ahead can be had with from an empty store."""
    needs: list[Need] = []
    while ahead.knows:
        needs += (frozenset().union(*map(frames, window)) for window in ahead.take())
    costs = {name: cost(name) for name in frozenset().union(*needs)}
    return belady(needs, sizes, room, costs)


@dataclass(frozen=True, slots=True)
class DiskTraining:
    """A training from a store that holds a part."""

    plan: TrainPlan
    """The training, its windows as near to each other as the budget asks for."""
    disk: DiskPlan
    """What the budget comes to."""

    def keeper(self) -> Keeper:
        """Return what keeps the store within its budget; see `DiskPlan.keeper`."""
        return self.disk.keeper(self.plan.settings.steps)

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
    away: Callable[[str], None] = lambda _: None,
) -> Iterator[DiskTraining]:
    """Have a training keep its store within a budget of bytes; holds the store's lock.

    Raw files are looked for in `source`, or where the workspace has the collection's. A run that
    is resumed, or replayed, keeps the order that it was begun with. `away` is told what a frame
    waits for.

    Raises
    ------
    UsageError
        If there are several processes or stores, the store is not on this machine, or the budget
        is too small.
    MissingError
        If the raw files are not there.
    StoreLockedError
        If another process is writing to the store.
    """
    check_alone()
    if plan.settings.target == "raw":
        raise UsageError("--disk with --target raw", expected="a store that holds all")
    refuse_shorts(made=plan.settings.makes_shorts, what="of longs that come and go")
    refuse_mending(asked=plan.settings.mends, what="on frames that come and go")
    train, val = plan.data.train, plan.data.val
    if plan.live is not None:
        train, val = plan.live.noted()
    places = sorted({one.store for one in (*train, *val)})
    if len(places) > 1:
        raise UsageError(f"--disk with {len(places)} stores", expected="frames of one store")
    store = Store(location_of(places[0]))
    name = store.collection
    found = scan_with_table(
        remembered_definition(name, workspace.definition(name)),
        source or workspace.data(name), workspace.catalog(name), progress,
        names=frozenset(store.frames.texts("name")), save=False,
    )  # fmt: skip
    with lock(lock_of(store.path)), open_shelf(store, found.catalog, away=away) as shelf:
        disk = DiskPlan(shelf, frames_of(store), train, val, budget)
        is_new = plan.state is None and plan.live is None
        group = disk.group if is_new else plan.settings.group
        yield DiskTraining(replace(plan, settings=replace(plan.settings, group=group)), disk)


def run_on_disk(
    plan: TrainPlan,
    workspace: Workspace,
    budget: int,
    source: SourceSpec | None = None,
    *,
    progress: Progress = SILENT,
    **options: Any,
) -> TrainReport:
    """Train as planned within a budget of bytes; options are those of `run_training`.

    Raises
    ------
    RawkitError
        As `disk_training` and `run_training` do.
    """
    with disk_training(plan, workspace, budget, source, progress) as found:
        keeper = found.keeper()
        try:
            return run_training(found.plan, keeper=keeper, progress=progress, **options)
        finally:
            keeper.close()
