"""Names of the front door that are about batches, trainings and pictures."""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rawkit.bars import progress_here
from rawkit.errors import UsageError
from rawkit.notebook import (
    Epochs,
    Frames,
    OpenStore,
    Picture,
    Shot,
    StoredPair,
    restore_input,
    stream_chosen,
)
from rawkit.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from numpy.typing import NDArray

    from rawkit.adapt import AdaptPlan, AdaptReport
    from rawkit.colour import ColourMode
    from rawkit.evaluate import Evaluation
    from rawkit.restore import Restorer
    from rawkit.stream import Batch, TensorBatch
    from rawkit.train import TrainReport

Anywhere = str | PathLike[str]
Chosen = Frames | OpenStore | str
"""Frames of `select`, a whole store (of which the train split counts), or a subset's name."""


def stream(frames: Chosen, *, batch_size: int = 8, crop: int | None = None, position: int = 0,
           workspace: Anywhere = ".", **options: Any) -> Epochs[Batch]:  # fmt: skip
    """Stream batches of random crops, as integers in numpy; one loop is one epoch.

    `crop` is the side in pixels of the mosaic, even; as large as fits, up to 512, if None. Options
    are those of `rawkit.stream.open_stream`: augment, seed, threads, cache and more.

    Raises
    ------
    SelectionError
        If there is no pair of a dark frame and its truth.
    UsageError
        If the crop does not fit into every frame, or an option makes no sense.
    """
    opened, about = stream_chosen(frames, batch_size, crop, Path(workspace), options)
    return Epochs(opened.batches, opened.epoch_length, batch_size, about, position)


def torch_stream(frames: Chosen, *, batch_size: int = 8, crop: int | None = None, position: int = 0,
                 m: float = 1.0, device: str = "cpu", workspace: Anywhere = ".",
                 **options: Any) -> Epochs[TensorBatch]:  # fmt: skip
    """Stream batches as torch tensors, normalised, amplified by `m` times the estimate.

    Otherwise as `stream`. ``state_dict()`` and ``load_state_dict()`` resume it exactly.

    Raises
    ------
    SelectionError, UsageError
        As `stream`.
    """
    from rawkit.sensor import Amplification
    from rawkit.stream import Feed

    pinned = device.startswith("cuda")
    opened, about = stream_chosen(
        frames, batch_size, crop, Path(workspace), options | {"pinned": pinned}
    )
    feed = Feed(opened, Amplification("auto", m), device)

    def batches(start: int) -> Generator[TensorBatch, None, None]:
        yield from feed.batches(start)

    return Epochs(batches, opened.epoch_length, batch_size, about, position)


def train(frames: str | None = None, *, source: Anywhere | Sequence[str] | None = None,
          filters: Mapping[str, Any] | None = None, replay: str | None = None,
          recipe: str | None = None, name: str | None = None,
          resume: bool = False, disk: int | None = None,
          max_ram: int = 3 * 10**9, workspace: Anywhere = ".",
          minutes: float | None = None, device: str = "auto", threads: int = 2,
          progress: bool = True, **settings: Any) -> TrainReport:  # fmt: skip
    """Train a network on a subset, as ``rawkit train`` does; interrupted, it saves what it has.

    `frames` is a subset's name; the newest, or all there is, if None. With a `source` it is a
    collection, whose frames, those that pass `filters` as of `ingest`, land beside the training;
    `replay` names such a run, to draw from the finished store what it has drawn. Settings are
    fields of `rawkit.train.TrainSettings` (steps, crop, batch_size, network, ...) and `m`.

    With `disk` the frames of the store take no more than so many bytes: others come from their raw
    files ahead of need. Those of a `replay`, or of a subset, are where the workspace has them, or
    in `source`, without `frames`.

    Raises
    ------
    RawkitError
        If data or settings cannot be used, or do not fit into `max_ram` or `disk`.
    """
    from rawkit.notebook import plan_beside

    place, shown = Workspace(Path(workspace)), progress_here(shown=progress)
    plan = plan_beside(
        place, frames, settings, source=source, filters=filters, replay=replay, resume=resume,
        recipe=recipe, name=name, disk=disk, max_ram=max_ram, device=device, progress=shown,
    )  # fmt: skip
    from rawkit.train import FETCHING, plan_training, resume_training, run_on_disk, run_training

    planned: dict[str, Any] = {"recipe": recipe, "max_ram": max_ram - (FETCHING if disk else 0)}
    if plan is None and resume:
        plan = resume_training(place, name, settings, subset=frames, **planned)
    plan = plan or plan_training(place, frames, settings, name=name, **planned)
    options: dict[str, Any] = {
        "device": device, "threads": threads, "progress": shown,
        "max_seconds": minutes and 60 * minutes,
    }  # fmt: skip
    if disk is None or plan.keeper is not None:
        return run_training(plan, **options)
    given = fspath(source) if isinstance(source, PathLike) else source
    return run_on_disk(plan, place, disk, given, **options)


def adapt(photos: Anywhere, weights: Anywhere | None = None, *, minutes: float = 10.0,
          profile: Anywhere | None = None, dry_run: bool = False, device: str = "auto",
          threads: int = 2, workers: int | None = None, max_ram: int = 3 * 10**9,
          workspace: Anywhere = ".", progress: bool = True,
          **settings: Any) -> AdaptReport | AdaptPlan | None:  # fmt: skip
    """Make weights better for the camera of a folder of photos, as ``rawkit adapt`` does.

    `weights` are published ones, a checkpoint or a run's name. With `dry_run` the plan with its
    pairs is returned; None where it was stopped early. Settings are `rawkit.train.TrainSettings`'.

    Raises
    ------
    RawkitError
        If weights or photos cannot be used, or there are too few pairs.
    """
    from rawkit.adapt import plan_adaptation, run_adaptation

    shown = progress_here(shown=progress)
    plan = plan_adaptation(
        Workspace(Path(workspace)), Path(photos), None if weights is None else fspath(weights),
        profile=profile, max_ram=max_ram, progress=shown)  # fmt: skip
    return plan if dry_run else run_adaptation(
        plan, minutes=minutes, settings=settings, device=device, threads=threads,
        workers=workers, max_ram=max_ram, progress=shown)  # fmt: skip


def restore(what: Anywhere | bytes | Shot | StoredPair | NDArray[Any], *,
            weights: Anywhere | Restorer | None = None, colour: ColourMode = "auto",
            m: float | Literal["auto"] | None = None,
            amplification: float | None = None, pattern: str | None = None,
            black: float | Sequence[float] | None = None, white: float | None = None,
            white_balance: Sequence[float] | None = None, profile: Anywhere | None = None,
            workspace: Anywhere = ".", max_ram: int | None = None) -> Picture:  # fmt: skip
    """Restore one raw file, one frame of a store, or a mosaic of one's own; upright, (H, W, 3).

    `weights` are published ones or a checkpoint (the newest run's best if None), or what
    `rawkit.restore.load_restorer` gave for many pictures. `colour` says whose colours the picture
    has: the network's own (``network``), the sensor's under the network's detail (``sensor``), or
    the network's for a camera it was trained on and else the sensor's (``auto``). `m` multiplies
    the estimated amplification (``"auto"``: as bright as a photographer expects), `amplification`
    takes its place. An array needs `pattern`, `black` and `white`;
    for a raw file `black` and `white` override its own levels. By a camera's `profile` dark shading
    is subtracted, hot pixels are mended, and a network that is told the noise is told it.

    Raises
    ------
    MissingError, WeightsError
        If there is no such file, or it holds no weights of a known network.
    RawFileError, ProfileError
        If the raw file, or the profile for it, cannot be used.
    UsageError
        If what is given makes no sense together.
    """
    from rawkit.restore import (
        Brightness,
        Compute,
        backend_of,
        decode_single,
        load_restorer,
        mending_of,
        restore_single,
    )
    from rawkit.restore import Restorer as Loaded
    from rawkit.train import newest_weights

    if m is not None and amplification is not None:
        raise UsageError("m and amplification", expected="one of them")
    if isinstance(weights, Loaded):
        restorer = weights
    else:
        found = newest_weights(Workspace(Path(workspace))) if weights is None else Path(weights)
        restorer = load_restorer(found, Compute(found, backend_of(found), max_ram=max_ram))
    brightness = (
        Brightness("number", (amplification,)) if amplification is not None
        else Brightness() if m is None
        else Brightness("expected") if m == "auto" else Brightness("auto", (m,))
    )  # fmt: skip
    mending = None if profile is None else mending_of([Path(profile)])
    single = decode_single(*restore_input(what, pattern, black, white, white_balance), mending)
    return Picture.of(restore_single(single, restorer, brightness, colour))


def evaluate(weights: Anywhere | None = None, *, run: str | None = None,
             protocol: str = "all", split: str | None = None, colour: ColourMode = "network",
             workspace: Anywhere = ".", subset: str | None = None,
             stores: Sequence[str] | None = None, limit: int | None = None,
             max_ram: int = 2 * 10**9, progress: bool = True,
             **filters: Any) -> Evaluation:  # fmt: skip
    """Measure a run, weights or ``"plain"`` against the truth, as ``rawkit evaluate`` does.

    `colour` says whose colours the pictures have, see `restore`. `split` takes the place of the
    protocol's: ``train``, ``val``, ``test``, several separated by commas, or ``all``.

    Raises
    ------
    RawkitError
        If there is nothing to evaluate, or it does not fit into `max_ram`.
    """
    from rawkit.catalog import selection_of
    from rawkit.evaluate import listed_splits, plan_evaluation, run_evaluation, subject
    from rawkit.evaluate import protocol as protocol_named

    place = Workspace(Path(workspace))
    changes = {} if split is None else {"splits": listed_splits(split)}
    chosen = subject(place, run=run, weights=None if weights is None else fspath(weights),
                     colour=colour)  # fmt: skip
    plan = plan_evaluation(
        place,
        chosen,
        protocol_named(protocol, **changes),
        stores=stores,
        subset=subset,
        selection=selection_of(**filters, bad_pairs=place.bad_pair_lists()),
        limit=limit,
        max_ram=max_ram,
    )
    return run_evaluation(plan, progress_here(shown=progress)).evaluation
