"""The training loop."""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING

import torch

from rawkit.errors import UsageError
from rawkit.interrupt import deferred_interrupt
from rawkit.models import encode_safetensors
from rawkit.progress import SILENT
from rawkit.stream import BatchStream, spread
from rawkit.train.astray import LeapWatch, diverged
from rawkit.train.checkpoint import (
    BEST,
    LAST,
    WEIGHTS,
    TrainState,
    encode_checkpoint,
    generator_states,
    keep_copies,
    set_generators,
)
from rawkit.train.clips import score_share
from rawkit.train.data import cameras_in, check_training, plan_settings
from rawkit.train.devices import make_fabric
from rawkit.train.feeding import feed_of
from rawkit.train.folder import RunFolder
from rawkit.train.identity import check_same
from rawkit.train.learner import Learner
from rawkit.train.mending import mender_of
from rawkit.train.meter import Meter
from rawkit.train.record import Record
from rawkit.train.report import TrainReport
from rawkit.train.schedule import rate_at
from rawkit.train.shorts import shorts_of
from rawkit.train.validate import Scores
from rawkit.workers import give_back, kept_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lightning_fabric import Fabric
    from torch import nn

    from rawkit.locations import Location
    from rawkit.models import SeenCamera
    from rawkit.progress import Progress
    from rawkit.stream import ChunkCache, Keeper
    from rawkit.train.data import TrainData
    from rawkit.train.live import Live
    from rawkit.train.settings import TrainSettings

SETTINGS = "settings.json"
KEEP = 3
"""Checkpoints kept beside the best one."""
LOG_EVERY = 100
"""Steps between lines of metrics that tell of training alone."""
_CHECKPOINT_SECONDS = 60.0
"""Work that a crash may cost."""


class Trainer:
    """A network that learns from a stream, and where both stand.

    Parameters
    ----------
    settings
        What decides the training, besides the data.
    data
        The pairs.
    folder
        Where checkpoints and metrics go, a path or a URL; the first process alone writes.
    threads
        Threads that read and decode.
    fabric
        Device, processes and precision; one device, the GPU where there is one, if None.
    keep
        Checkpoints kept beside the best one: the last, and those of the validations before it.
    board
        Whether metrics are written for TensorBoard too.
    cache
        Where chunks of stores that lie elsewhere are kept on this machine.
    keeper
        What fetches frames ahead of their windows, where the store cannot hold all.
    live
        What lands beside the training: it says what each epoch draws from, and what is validated
        on.
    told
        Told in words when the server of a folder elsewhere does not take a file at once, when the
        loss has leapt, and when a critic has been of no use for long.

    Raises
    ------
    UsageError
        If the crops do not fit, the batch cannot be shared by the processes, or planes are to be
        balanced whose balance is not known.
    MissingError, WeightsError
        If a perceptual loss is wanted and the weights of VGG cannot be used.
    """

    def __init__(
        self,
        settings: TrainSettings,
        data: TrainData,
        folder: Location,
        *,
        threads: int = 2,
        fabric: Fabric | None = None,
        keep: int = KEEP,
        board: bool = False,
        cache: ChunkCache | None = None,
        keeper: Keeper | None = None,
        live: Live | None = None,
        told: Callable[[str], None] | None = None,
    ) -> None:
        self.settings, self._data, self._folder = settings, data, RunFolder(folder, told)
        self._live, self._all_cameras = live, cameras_in(data.train)
        self._fabric = fabric or make_fabric(precision=settings.precision)
        if keeper is not None and self._fabric.world_size > 1:
            raise UsageError(
                f"--disk with {self._fabric.world_size} processes", expected="one process"
            )
        self._keeper = keeper
        self._keep, self._board = keep, board
        self._record: Record | None = None
        ranks = self._fabric.world_size
        check_training(data, settings, ranks)
        shorts = shorts_of(settings)
        self._stream = BatchStream(
            data.train,
            plan_settings(settings),
            batch_size=settings.batch_size,
            threads=threads,
            rank=self._fabric.global_rank,
            ranks=ranks,
            in_bursts=self._fabric.device.type == "cpu",
            pinned=self._fabric.device.type == "cuda",
            cache=cache,
            keeper=keeper,
            shorts=shorts,
            epochs=None if live is None else live.epochs,
        )
        self._mender = mender_of(settings, data)
        self._feed = feed_of(
            self._stream, settings, data, self._fabric.device, shorts, self._mender,
            whole=live is None and keeper is None,
        )  # fmt: skip
        self._learner, self._leap = Learner(settings, self._fabric), LeapWatch()
        self.step = 0
        """Optimizer steps done."""
        self._position = 0
        self._best = -math.inf
        self._begun = False
        self._whole = True
        """Whether weights, step and position belong together."""
        self._saved_at = time.monotonic()

    @property
    def net(self) -> nn.Module:
        """The network that is trained."""
        return self._learner.net

    def resume(self, state: TrainState) -> None:
        """Go on where a checkpoint stands.

        Raises
        ------
        TrainingError
            If it was written on other data; the text says what differs.
        """
        check_same(state.data, self._data.identity, self._folder.location)
        self._learner.load(state)
        set_generators(state.generators)
        self._begun = True
        self.step, self._position, self._best = state.step, state.position, state.best_psnr

    def run(
        self,
        *,
        validate_every: int | None = None,
        max_seconds: float | None = None,
        progress: Progress = SILENT,
    ) -> TrainReport:
        """Train to the last step, or for so long; Ctrl-C ends the step, saves and returns.

        Raises
        ------
        TrainingError
            If the loss is no longer a number; the last checkpoint is intact.
        OutputError, StoreUnreachableError
            If a checkpoint cannot be written; the one before it is intact.
        """
        settings = self.settings
        if not self._begun:
            self._learner.begin()
        self._begun = True
        record = self._record = self._open_record()
        meter, interrupted = Meter(self._stream, self._beside()), False
        with (
            kept_memory(wanted=not settings.recompute),  # which costs memory
            deferred_interrupt(insistent=self._fabric.world_size == 1) as wished,
            progress.stage("Training", settings.steps, "steps") as advance,
            meter.watched(advance),
        ):
            if self._live and not self._folder.exists(LAST):
                self._save(LAST)  # what has been settled on the pairs of a batch must stand
            advance(self.step, "")
            try:
                for loss in self._steps(max_seconds):
                    meter.update(loss, settings.batch_size, advance)
                    if self._agreed(wish=wished()) and self.step < settings.steps:
                        interrupted = True
                        break
                    due = validate_every and self.step % validate_every == 0
                    if due and self.step < settings.steps:
                        with meter.paused():
                            self._validate(meter, record, progress, wished)
                    elif record is not None and self.step % LOG_EVERY == 0:
                        self._note(meter, record, None)
            except KeyboardInterrupt:
                interrupted = True
        with meter.paused():
            if interrupted and self._whole:
                self._save(LAST)
            scores = None if interrupted else self._validate(meter, record, progress)
        if record is not None:
            record.close()
        return TrainReport(
            self.step, meter.loss, meter.crops_per_second, meter.waiting, scores, interrupted,
            "" if self._live is None else self._live.missing(),
        )  # fmt: skip

    def _beside(self) -> Callable[[], str] | None:
        """Return what says what goes on beside the training."""
        parts = [
            *([] if self._keeper is None else [self._keeper.text]),
            *([] if self._live is None else [self._live.text]),
        ]
        return None if not parts else lambda: "; ".join(filter(None, (one() for one in parts)))

    def _steps(self, max_seconds: float | None) -> Iterator[float]:
        """Do steps until enough; yields the loss of each, over all processes."""
        started = time.monotonic()
        if self.step >= self.settings.steps:
            return
        for batch in self._feed.batches(self._position):
            loss = self._mean(self._learner.gradients(batch, self.step))
            wrong = self._learner.wrong(loss)
            if wrong:
                raise diverged(f"{wrong} at step {self.step + 1}", self._folder)
            if time.monotonic() - self._saved_at > _CHECKPOINT_SECONDS:
                self._save(LAST)  # weights that have just given a finite loss
            self._whole = False
            self._learner.update(self.step + 1)
            self.step, self._position = self.step + 1, batch.position
            self._whole = True
            self._warn(loss)
            yield loss
            enough = max_seconds is not None and time.monotonic() - started >= max_seconds
            if self._agreed(wish=enough) or self.step >= self.settings.steps:
                return

    def _warn(self, loss: float) -> None:
        """Say what is not wrong enough to stop, once it is."""
        told = self._folder.told
        for warning in (self._leap.see(loss, self.step), self._learner.warning()):
            if warning and told is not None:
                told(warning)

    def _mean(self, value: float) -> float:
        """Mean of a value over all processes."""
        if self._fabric.world_size == 1:
            return value
        mine = torch.tensor(value, dtype=torch.float64, device=self._fabric.device)
        mean = self._fabric.all_reduce(mine, reduce_op="mean")
        assert isinstance(mean, torch.Tensor)  # noqa: S101 - as what went in
        return float(mean)

    def _agreed(self, *, wish: bool) -> bool:
        """Tell whether any of the processes wishes for something; all get the same answer."""
        return self._mean(float(wish)) > 0

    def _validate(
        self,
        meter: Meter,
        record: Record | None,
        progress: Progress,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Scores | None:
        """Validate, keep the best weights, write down the metrics, and save.

        The last checkpoint comes last: a run that is stopped in between does these steps again, and
        finds the best weights and the metrics that belong to it or ones that it will replace.
        """
        scores = self._scores(progress, stopped)
        best = scores is not None and scores.psnr > self._best
        if scores is not None and best:
            self._best = scores.psnr
        if record is not None:
            if best:
                self._save(BEST)
            if best or scores is None:
                self._save_weights()
            self._note(meter, record, scores)
        self._save(LAST)
        if record is not None:
            keep_copies(self._folder, self.step, self._keep)
        return scores

    def _scores(self, progress: Progress, stopped: Callable[[], bool]) -> Scores | None:
        """Scores on the val split, if any, each process its share; bad weights are not saved."""
        live, fabric = self._live, self._fabric
        try:
            frames = spread(self._data.val) if live is None else live.validation(progress, stopped)
            if not frames:
                return None
            if self._keeper is not None:
                self._keeper.wait_for_kept()
            net = self._learner.best_net()
            give_back()  # whole frames would come on top of what a step has kept
            mine = slice(fabric.global_rank, None, fabric.world_size)
            sums, count, many = score_share(net, self.settings, frames, self._data.val, mine,
                                            self._mender)  # fmt: skip
        except KeyboardInterrupt:
            self._save(LAST)
            raise
        give_back()
        psnr, ssim = (self._mean(one) * fabric.world_size / count for one in sums)
        if math.isnan(psnr):
            raise diverged(f"pictures that are no numbers after step {self.step}", self._folder)
        return Scores(psnr, ssim, many)

    def _open_record(self) -> Record | None:
        """Open what the first process writes; the others write nothing."""
        if not self._fabric.is_global_zero:
            return None
        text = json.dumps(self.settings.as_dict(), indent=2) + "\n"
        # Nothing is lost yet: a folder that cannot be written to is told of at once.
        self._folder.write(SETTINGS, text.encode(), patient=False)
        self._folder.sweep()
        return Record(self._folder, self.step, board=self._board)

    def _note(self, meter: Meter, record: Record, scores: Scores | None) -> None:
        record.add(
            {
                "step": self.step,
                "samples": self._position,
                "loss": meter.loss if math.isfinite(meter.loss) else None,
                "rate": rate_at(self.settings, max(0, self.step - 1)),
                "crops_per_second": meter.crops_per_second,
                "waiting": meter.waiting,
                "psnr": None if scores is None else scores.psnr,
                "ssim": None if scores is None else scores.ssim,
                "leapt": self._leap.since,
                **self._learner.metrics(),
                **({} if self._keeper is None else {"fetched": self._keeper.fetched}),
                **({} if self._live is None else self._live.metrics(self._position)),
            }
        )

    def _cameras(self) -> dict[str, SeenCamera]:
        """Return the cameras of the pairs that are drawn from, those so far where more land."""
        if self._live is None:
            return self._all_cameras
        return cameras_in(self._live.epochs.at(max(0, self._position - 1)))

    def _save(self, name: str) -> None:
        if not self._learner.is_finite():
            raise diverged(f"weights that are not finite after step {self.step}", self._folder)
        self._saved_at = time.monotonic()
        if not self._fabric.is_global_zero:
            return
        learner = self._learner
        state = TrainState(
            settings=self.settings,
            model=learner.weights(),
            optimizer=learner.optimizer_state(),
            step=self.step,
            position=self._position,
            best_psnr=self._best,
            average=None if learner.average is None else learner.best_weights(),
            scaler=learner.scaler_state(),
            critic=learner.critic_state(),
            generators=generator_states(),
            data=self._data.identity,
            cameras=self._cameras(),
        )
        if self._record is not None:
            self._record.sync()
        self._folder.write(name, encode_checkpoint(state))

    def _save_weights(self) -> None:
        weights = encode_safetensors(
            self.settings.network,
            self._learner.best_weights(),
            self.settings.as_dict(),
            cameras=self._cameras(),
            neutral=self.settings.neutral,
            licence=self.settings.licence,
            where=self._folder.where(WEIGHTS),
        )
        self._folder.write(WEIGHTS, weights)
