"""An adaptation from pairs to weights: ingest, compare, fine-tune, measure, keep what is better."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rawkit.adapt.darks import make_darks
from rawkit.adapt.plan import COLLECTION, MAX_RAM, AdaptPlan
from rawkit.adapt.report import REPORT, WEIGHTS, AdaptReport, Colours, Figures
from rawkit.adapt.tune import RUN, tune
from rawkit.catalog import LeftOut, load_definition, selection_of
from rawkit.errors import SelectionError, UsageError
from rawkit.evaluate import plan_evaluation, protocol, run_evaluation, subject
from rawkit.files import write_atomically
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.pairing import verify_pairs
from rawkit.progress import SILENT
from rawkit.store import Store, lock
from rawkit.subset import make_subset
from rawkit.train import BEST, LAST, FrameChoice, camera_profile, load_checkpoint
from rawkit.train import WEIGHTS as TRAINED
from rawkit.workers import Resources

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from rawkit.catalog import Selection
    from rawkit.progress import Progress
    from rawkit.train import TrainReport
    from rawkit.workspace import Workspace

PAIRS = "pairs.toml"
"""The pairs as the definition of a collection, in the folder of an adaptation."""
_LOCK = "adapt.lock"


@dataclass(frozen=True, slots=True)
class _Data:
    """Pairs in a store, those that do not fit left out."""

    chosen: FrameChoice
    """What is trained on, and measured on."""
    counts: tuple[tuple[int, int], tuple[int, int]]
    """Scenes to train on and held back, and pairs likewise."""
    left_out: tuple[LeftOut, ...]
    """What is not used, and why."""
    amplification: str
    """How frames are amplified: by the ratio to the long, or where that is unknown as estimated."""


def run_adaptation(
    plan: AdaptPlan,
    *,
    minutes: float = 10.0,
    settings: Mapping[str, Any] | None = None,
    device: str = "auto",
    threads: int = 2,
    workers: int | None = None,
    max_ram: int = MAX_RAM,
    progress: Progress = SILENT,
    told: Callable[[str], None] | None = None,
) -> AdaptReport | None:
    """Do what is planned; can be stopped at any moment, and called again to go on.

    Parameters
    ----------
    plan
        Of `plan_adaptation`.
    minutes
        Time to train for, validations included; over all calls.
    settings
        Fields of `rawkit.train.TrainSettings` that are not to have their defaults.
    device
        ``auto``, ``cpu`` or ``cuda``.
    threads
        Threads that read.
    workers
        Processes that ingest; as many as suit if None, 0 for none.
    max_ram
        Bytes that each part of it may take.
    progress, told
        Told of what goes on, and in words of what it waits for.

    Returns
    -------
    AdaptReport or None
        None where it was stopped before there was anything to report.

    Raises
    ------
    UsageError
        If the time makes no sense.
    SelectionError
        If too few pairs are left of those found.
    RawkitError
        As `run_ingest`, `run_training` and `run_evaluation` do.
    """
    if not 0 < minutes < math.inf:
        raise UsageError(f"{minutes} minutes", expected="a number above 0")
    home = plan.workspace
    with lock(home.root / _LOCK):
        write_atomically(home.root / PAIRS, plan.definition.encode())
        resources = Resources(workers, max_ram)
        data = _ingested(plan, resources, progress)
        if data is None:
            return None
        start = str(plan.weights)
        sensor = _measured(home, start, "sensor", data, plan, progress)
        network = _measured(home, start, "network", data, plan, progress)
        asked = {"init": start, **dict(settings or {})}
        if not plan.trained:
            asked.setdefault("amplification", data.amplification)
        if plan.balance:
            asked.setdefault("balance", True)
        if plan.profile is not None:
            asked |= {"shorts": "synthetic", "profile": str(plan.profile)}
        report, seconds = tune(
            home, data.chosen, asked, 60 * minutes, device=device, threads=threads,
            max_ram=max_ram, progress=progress, told=told,
        )  # fmt: skip
        if not (home.root / "runs" / RUN / BEST).is_file():
            return None
        best = home.root / "runs" / RUN / TRAINED
        own = _measured(home, str(best), "network", data, plan, progress)
        other = _measured(home, str(best), "sensor", data, plan, progress)
        after: tuple[Figures, Colours]
        after = (own, "network") if own.psnr >= other.psnr else (other, "sensor")
        return _kept(plan, data, (sensor, network), after, report, seconds)


def _ingested(plan: AdaptPlan, resources: Resources, progress: Progress) -> _Data | None:
    """Put the pairs into the store, and compare them closely; None where it was stopped."""
    home = plan.workspace
    definition = load_definition(str(home.root / PAIRS))
    write_atomically(home.definition(COLLECTION), plan.definition.encode())
    source: tuple[Path, ...] = (plan.photos,)
    if plan.profile is not None:
        make_darks(plan.darks, plan.photos, plan.made, camera_profile(plan.profile),
                   max_ram=resources.max_ram, progress=progress)  # fmt: skip
        source = (plan.photos, plan.made)
    wanted = plan_ingest(
        definition, source, home.store(COLLECTION), selection_of(definition=definition),
        progress, table=home.catalog(COLLECTION),
    )  # fmt: skip
    done = run_ingest(wanted, resources=resources, staging=home.staging, progress=progress)
    if done.interrupted:
        return None
    store = Store(home.store(COLLECTION))
    pairs = verify_pairs(store, home.bad_pairs(COLLECTION), workers=1, progress=progress)
    selection = selection_of(
        without_excluded=True, definition=definition, bad_pairs=[home.bad_pairs(COLLECTION)]
    )
    left = (*plan.found.left_out, *done.left_out, *(
        LeftOut(one.pair.short.name, "pair", one.verdict.text) for one in pairs.bad()
    ))  # fmt: skip
    counts = _counts(home, store, selection, left, made=plan.profile is not None)
    known = all(math.isfinite(one.pair.gain_ratio) for one in pairs.pairs)
    chosen = FrameChoice((home.store(COLLECTION),), 1.0, selection)
    return _Data(chosen, counts, left, "ratio" if known else "auto")


def _counts(
    home: Workspace,
    store: Store,
    selection: Selection,
    left: tuple[LeftOut, ...],
    *,
    made: bool,
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Count scenes and pairs of both splits; where dark photos are made, longs to train on.

    Raises
    ------
    SelectionError
        If there are none to train on, or none to measure on.
    """
    found: dict[str, list[str]] = {"train": [], "val": []}
    try:
        subset = make_subset(home, [store.path], fraction=1.0, selection=selection, save=False)[0]
    except SelectionError:
        pass
    else:
        for frame in subset.frames:
            role = "long" if made and frame.split == "train" else "short"
            if frame.role == role and frame.split in found:
                found[frame.split].append(frame.scene)
    if not all(found.values()):
        raise SelectionError(
            "no pair left to "
            + ("train on" if not found["train"] else "measure on")
            + ": "
            + "; ".join(f"{one.name}: {one.reason}" for one in left if one.kind == "pair"),
            expected="pairs that fit, of two scenes at least",
            where=home.root,
            fix="Take more scenes, from a tripod that stays where it is.",
        )
    train, val = found["train"], found["val"]
    return (len(set(train)), len(set(val))), (len(train), len(val))


def _measured(
    home: Workspace,
    weights: str,
    colour: Colours,
    data: _Data,
    plan: AdaptPlan,
    progress: Progress,
) -> Figures:
    """Measure weights on what is held back; what was measured before is not done again."""
    changes = {} if plan.trained else {"amplification": data.amplification}
    planned = plan_evaluation(
        home, subject(home, weights=weights, colour=colour),
        protocol("all", splits=("val",), **changes),
        stores=[COLLECTION], selection=data.chosen.selection,
    )  # fmt: skip
    means = run_evaluation(planned, progress).evaluation.groups[0].means
    psnr, ssim = means["psnr"].mean, means["ssim"].mean
    assert psnr is not None  # noqa: S101 - of one picture at least
    return Figures(psnr, ssim if ssim is not None else math.nan)


def _kept(
    plan: AdaptPlan,
    data: _Data,
    before: tuple[Figures, Figures],
    best: tuple[Figures, Colours],
    trained: TrainReport | None,
    seconds: float,
) -> AdaptReport:
    """Keep the adapted weights where they are better, and write the report."""
    root = plan.workspace.root
    (sensor, network), (after, colour) = before, best
    better = after.psnr > max(sensor.psnr, network.psnr)
    kept = root / WEIGHTS
    if better:
        write_atomically(kept, (root / "runs" / RUN / TRAINED).read_bytes())
    else:
        kept.unlink(missing_ok=True)
    report = AdaptReport(
        weights=kept if better else plan.weights,
        adapted=better,
        sensor=sensor,
        network=network,
        after=after,
        colour=colour,
        scenes=data.counts[0],
        pairs=data.counts[1],
        steps=_steps(root) if trained is None else trained.steps,
        seconds=seconds,
        licence=plan.licence,
        left_out=data.left_out,
        folder=root,
        made=plan.profile is not None,
        interrupted=trained is not None and trained.interrupted,
    )
    write_atomically(root / REPORT, report.as_json())
    return report


def _steps(root: Path) -> int:
    """Count the steps that the run has done."""
    return load_checkpoint(root / "runs" / RUN / LAST).step
