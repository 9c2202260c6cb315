"""A training whose frames land while it goes on: what it draws from, and what it waits for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rawkit.errors import MissingError, SelectionError, UsageError
from rawkit.progress import SILENT
from rawkit.sensor import BAYER, neutral_of
from rawkit.stream import Keeper
from rawkit.supply import Generations, StorePairs, located

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from lightning_fabric import Fabric

    from rawkit.locations import Location
    from rawkit.progress import Progress
    from rawkit.stream import Need, PairSource, PlanSettings
    from rawkit.supply import Notes, Pair, Record, Supply
    from rawkit.train.settings import TrainSettings

PATIENCE = 600.0
"""Seconds that a training which cannot begin waits for something that is away."""
VALIDATION_PATIENCE = 60.0
"""Seconds that a validation waits for it."""
_LOOK_SECONDS = 0.5


class Live:
    """The pairs of a training that land beside it, or that a run before it has noted.

    Parameters
    ----------
    folder
        The run's folder.
    record
        What is asked for.
    notes
        What has been drawn from so far.
    store
        Where frames land.
    supply
        The ingest beside the training; None where nothing lands, and in all processes but the
        first.
    say
        Told of what people must know at once, a line each.
    """

    def __init__(
        self,
        folder: Path,
        record: Record,
        notes: Notes,
        store: Location,
        supply: Supply | None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.folder, self.record, self.notes, self.supply = folder, record, notes, supply
        self._say = say
        self._pairs = StorePairs(store)
        self._commits = -1
        self._settings: TrainSettings | None = None
        self._fabric: Fabric | None = None
        self._unfit: set[str] = set()
        self._epochs: Generations | None = None
        self.keeper: Keeper | None = None
        """What has frames come and go, where the store holds only so much; see `keep_within`."""

    @property
    def epochs(self) -> Generations:
        """What each epoch draws from; there once `begin` has been called."""
        if self._epochs is None:
            raise AssertionError("not begun")
        return self._epochs

    def begin(self, settings: TrainSettings, plan: PlanSettings, fabric: Fabric | None) -> None:
        """Take what has been settled; epochs can be drawn from after it."""
        self._settings = settings
        self._fabric = fabric if fabric is not None and fabric.world_size > 1 else None
        replays = bool(self.record.replay)
        self._epochs = Generations(
            self.notes, self.find, None if replays else self._agreed_there, plan
        )

    def keep_within(self, batches: int) -> Keeper | None:
        """Have the frames come and go from now on, for so many batches, if there is a budget."""
        supply = self.supply
        if supply is None or supply.room is None:
            return None
        room = supply.room
        drawn = self.notes.generations[-1].digests
        known = self._pairs.find(drawn, also=drawn)
        needed = frozenset().union(*(pair.frames for pair in known.values()))
        with room.changed:  # what has landed in an earlier process is still to be drawn from
            for name, pair in self.there().items():
                if name not in drawn:
                    room.new |= dict.fromkeys(
                        (one for one in pair.frames - needed if one in room.here), 0
                    )
        kept = self._validated() if self.notes.validation is None else self.frames_of(
            located(self.notes.validation, self.find, str(self.notes.path))
        )  # fmt: skip
        self.keeper = Keeper(
            supply, room, self._frames_of, kept=kept, batches=batches, expected=supply.expected
        )  # fmt: skip
        return self.keeper

    def _validated(self) -> set[str]:
        """Names of the frames that will be validated on, as far as the scan says."""
        wanted = None if self.supply is None else self.supply.wanted
        longs = {} if wanted is None else wanted.longs
        return {one for name in self.record.val for one in (name, longs.get(name, name))}

    def frames_of(self, sources: Sequence[PairSource]) -> Need:
        """Names of the frames that hold the shards of pairs."""
        return frozenset().union(*map(self._frames_of, sources))

    def _frames_of(self, source: PairSource) -> Need:
        name = source.name.removeprefix(f"{self.record.collection}/")
        return self._pairs.find([name], also=[name])[name].frames

    def noted(self) -> tuple[list[PairSource], list[PairSource]]:
        """Return all pairs that the notes name: those to train on, and those validated on."""
        where = str(self.notes.path)
        digests = {name: one for each in self.notes.generations for name, one in
                   each.digests.items()}  # fmt: skip
        val = self.notes.validation or {}
        return list(located(digests, self.find, where)), list(located(val, self.find, where))

    def agree(self, found: Any) -> Any:
        """Return the first process's answer in all."""
        return found if self._fabric is None else self._fabric.broadcast(found, src=0)

    def find(self, names: Sequence[str]) -> Mapping[str, Pair]:
        """Return those of some pairs that are in the store now, by name."""
        self._look()
        found = self._pairs.find(names, also=names)
        if len(found) < len(names):  # what another process has committed since
            self._pairs.refresh()
            found = self._pairs.find(names, also=names)
        return found

    def there(self) -> dict[str, Pair]:
        """Return all pairs that may be trained on now, by name."""
        self._look()
        known = self.notes.generations[-1].digests if self.notes.generations else {}
        found = self._pairs.find({*self.record.train, *known})
        fitting = {name: pair for name, pair in found.items() if self._fits(name, pair)}
        noted = self._pairs.find(known, also=known)
        return {**fitting, **noted}

    def _agreed_there(self) -> dict[str, str]:
        """Return digests of all pairs that may be trained on now; all processes say the same."""
        leads = self._fabric is None or self._fabric.is_global_zero
        mine = {name: pair.digest for name, pair in self.there().items()} if leads else {}
        return dict(self.agree(mine))

    def wait_for_first(self, progress: Progress = SILENT) -> dict[str, str]:
        """Wait until as many pairs have landed as a batch has samples; returns their digests.

        Of a run that has noted some already, until those are there.

        Raises
        ------
        RawkitError
            What ended the ingest before that, or is still away after ten minutes.
        """
        noted = list(self.notes.generations[-1].digests) if self.notes.generations else []
        asked = self.record.train
        if not noted and not asked:
            raise SelectionError(
                f"no pair of the train split among those selected of {self.record.collection}",
                expected="dark frames with their long exposure",
                fix="Allow more with the filters.",
            )

        def ready() -> bool:
            if noted:
                return len(self.find(noted)) == len(noted)
            unusable = self.supply.bad if self.supply is not None else {}
            possible = sum(name not in unusable and name not in self._unfit for name in asked)
            here = len(self.there())
            if self._full() and (here or not self._pair_comes()):
                return True
            return here >= max(1, min(self.record.batch, possible))

        count = len(noted) or min(self.record.batch, len(asked))
        self._wait(ready, f"Waiting for {count} pairs", progress, PATIENCE)
        if noted and not ready():
            return dict(self.notes.generations[-1].digests)  # `located` says which is missing
        found = {name: pair.digest for name, pair in self.there().items()}
        if not found:
            raise self._nothing()
        return found

    def _pair_comes(self) -> bool:
        """Tell whether a pair has landed, and only waits for its commit."""
        supply = self.supply
        if supply is None or supply.room is None or supply.wanted is None:
            return False
        here, longs = supply.room.here, supply.wanted.longs
        return any(name in here and longs[name] in here for name in self.record.train)

    def _full(self) -> bool:
        """Tell whether no more frames have room before training begins."""
        room = None if self.supply is None else self.supply.room
        return room is not None and room.stuck

    def validation(
        self, progress: Progress = SILENT, stopped: Callable[[], bool] = lambda: False
    ) -> list[PairSource]:
        """Return what is validated on, once it has landed; the same ones ever after.

        Raises
        ------
        KeyboardInterrupt
            In all processes, if waiting for it was `stopped` in the first.
        """
        if self.notes.validation is None:
            self._settle_validation(progress, stopped)
        if self.notes.validation is None:
            return []
        found = list(located(self.notes.validation, self.find, str(self.notes.path)))
        if self.keeper is not None:
            self.keeper.keep(self.frames_of(found))
        return found

    def _settle_validation(self, progress: Progress, stopped: Callable[[], bool]) -> None:
        wanted, supply = self.record.val, self.supply
        if not wanted or self.record.replay:
            return
        found: Mapping[str, Pair] | None = {}
        if supply is not None:

            def ready() -> bool:
                return self.find(wanted).keys() | supply.bad.keys() >= set(wanted)

            self._wait(ready, "Waiting for the frames to validate on", progress,
                       VALIDATION_PATIENCE, stopped)  # fmt: skip
        if self._fabric is None or self._fabric.is_global_zero:
            found = None if stopped() else self.find(wanted)
        mine = None if found is None else {
            name: found[name].digest for name in wanted
            if name in found and self._fits(name, found[name])
        }  # fmt: skip
        digests = self.agree(mine)
        if digests is None:
            raise KeyboardInterrupt
        missing = len(wanted) - len(digests)
        if missing and supply is not None:
            self._say(f"{missing} of {len(wanted)} frames to validate on have not landed")
        if digests:
            self.notes.settle_validation(digests)

    def text(self) -> str:
        """Say in a few words where the ingest stands; empty where there is none."""
        if self.supply is None:
            return ""
        return self.supply.text()

    def metrics(self, position: int) -> dict[str, int | None]:
        """Return what belongs into the metrics: what is drawn from, and what has landed."""
        supply = self.supply
        return {
            "pairs": len(self.epochs.at(max(0, position - 1))),
            "epoch": self.epochs.epoch_at(max(0, position - 1)),
            "landed": None if supply is None else supply.landed,
            "landed_bytes": None if supply is None else supply.landed_bytes,
            "fetched_bytes": None if supply is None else supply.fetched,
            **({} if self.keeper is None else {"evicted": self.keeper.evicted}),
        }

    def missing(self) -> str:
        """Say how many frames have not landed because something is wrong; empty where all is well.

        An ingest that is only slower than the training is well: what is left comes with the next.
        """
        supply = self.supply
        if supply is None or (supply.error is None and not supply.away):
            return ""
        why = supply.error.reason if supply.error is not None else supply.away
        count = f"{supply.missing} frames" if supply.wanted is not None else "frames"
        return f"{count} that were asked for have not landed: {why}"

    def left(self) -> int:
        """Return how many frames are still to land."""
        return 0 if self.supply is None else self.supply.missing

    def close(self) -> None:
        """End the ingest, if it still goes on."""
        if self.keeper is not None:
            self.keeper.close()
        if self.supply is not None:
            self.supply.close()

    def _look(self) -> None:
        """See what has been committed since the last time."""
        commits = 0 if self.supply is None else self.supply.commits
        if commits != self._commits:
            self._commits = commits
            self._pairs.refresh()

    def _fits(self, name: str, pair: Pair) -> bool:
        """Tell whether a pair can be trained on with the settings; say once why not."""
        reason = unfit(pair.source, self._settings)
        if reason and name not in self._unfit:
            self._unfit.add(name)
            self._say(f"left out: {name}: {reason}")
        return not reason

    def _wait(
        self,
        ready: Callable[[], bool],
        label: str,
        progress: Progress,
        patience: float,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """Wait with a word, until it is so or cannot become so any more."""
        if ready():
            return
        supply = self.supply
        if supply is None:
            return
        self._say(f"{label[0].lower()}{label[1:]}: {supply.text()}")
        with progress.stage(label, None, "bytes") as advance:
            shown, commits = supply.fetched, -1
            while supply.lands and supply.away_seconds < patience and not stopped():
                supply.wait(lambda: not supply.lands, _LOOK_SECONDS / 5)
                advance(supply.fetched - shown, supply.text())
                shown = supply.fetched
                if supply.commits != commits or self._full():
                    commits = supply.commits
                    if ready():
                        return

    def _nothing(self) -> Exception:
        supply = self.supply
        if supply is not None and supply.room is not None and supply.room.stuck:
            room = supply.room
            return UsageError(
                f"--disk of {room.budget} bytes",
                expected=f"about {room.budget - room.free + room.asks[0].size} at least: one pair",
                fix="Give more, or choose fewer or smaller frames.",
            )
        if supply is not None and supply.error is not None:
            return supply.error
        if supply is not None and supply.away:
            return MissingError(
                f"no pair has landed: {supply.away}",
                expected="at least one to begin with",
                fix="`rawkit train --resume` tries again.",
            )
        reasons = list(supply.bad.items())[:1] if supply is not None else []
        more = "".join(f", such as {name} ({reason})" for name, reason in reasons)
        return SelectionError(
            f"none of the {len(self.record.train)} pairs can be used{more}",
            expected="dark frames with their long exposure",
        )


def unfit(source: PairSource, settings: TrainSettings | None) -> str:
    """Say why a pair cannot be trained on with the settings; nothing where it can."""
    if settings is None:
        return ""
    need = settings.crop // 2 + int(settings.augment)
    shape = source.shape
    if min(shape.height, shape.width) < need:
        return f"its frame of {2 * shape.height} x {2 * shape.width} is smaller than a crop"
    if settings.balance:
        try:
            neutral_of(source.white_balance.tolist(), BAYER.colours)
        except UsageError:
            return "the white balance of its target is not known"
    base = np.float32(source.amplification_base)
    ratios = (
        np.array([one], np.float32) for one in (base, source.gain_ratio, source.exposure_ratio)
    )
    try:
        settings.amplifier().factors(*ratios)
    except UsageError as error:
        return error.reason
    return ""


def wait_for_scan(supply: Supply, record: Record, progress: Progress) -> Record:
    """Wait until it is known what there is; returns the record with the names.

    Raises
    ------
    RawkitError
        What is wrong with the source or the selection, or what is still away after ten minutes.
    """
    with progress.stage("Scanning", None, "files") as advance:
        while supply.wanted is None and supply.ended is None:
            if supply.away_seconds > PATIENCE:
                raise MissingError(
                    f"the source cannot be listed: {supply.away}",
                    fix="`rawkit train --resume` tries again.",
                )
            supply.wait(lambda: supply.wanted is not None or supply.ended is not None,
                        _LOOK_SECONDS)  # fmt: skip
            advance(0, supply.text())
    wanted = supply.wanted
    if wanted is None:
        raise supply.error or MissingError("the ingest has ended before it began")
    return replace(
        record,
        train=wanted.train,
        val=wanted.val,
        longs=len({wanted.longs[name] for name in wanted.train}),
        val_longs=len({wanted.longs[name] for name in wanted.val}),
    )
