"""The training loop."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from rawkit.errors import OutputError, TrainingError, UsageError
from rawkit.models import build
from rawkit.progress import SILENT
from rawkit.store import output_errors, write_atomically
from rawkit.stream import BatchStream, PlanSettings
from rawkit.stream.dataset import tensors_of
from rawkit.train.checkpoint import TrainState, save_checkpoint
from rawkit.train.interrupt import deferred_interrupt
from rawkit.train.losses import loss_of
from rawkit.train.validate import Scores, spread, validate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from torch import nn

    from rawkit.progress import Advance, Progress
    from rawkit.stream import PairSource
    from rawkit.train.settings import TrainSettings

LAST, BEST, METRICS, SETTINGS = "last.pt", "best.pt", "metrics.jsonl", "settings.json"
_CHECKPOINT_SECONDS = 60.0
"""Work that a crash may cost."""
_SMOOTH = 0.95
_NOTE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class TrainData:
    """Pairs to train and to validate on."""

    train: Sequence[PairSource]
    """Pairs of the train split."""
    val: Sequence[PairSource]
    """Pairs of the val split; may be empty."""


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What a training did."""

    steps: int
    """Optimizer steps done in all."""
    loss: float
    """Smoothed loss at the end."""
    crops_per_second: float
    """Crops a second, validation not counted."""
    waiting: float
    """Share of the training time spent waiting for data, 0 to 1."""
    scores: Scores | None
    """Validation at the end; None without validation frames."""
    interrupted: bool
    """Whether it was stopped before its last step."""


class Trainer:
    """A network, its optimizer and its stream, and where they stand."""

    def __init__(
        self, settings: TrainSettings, data: TrainData, folder: Path, *, threads: int = 2
    ) -> None:
        self.settings, self._data, self._folder = settings, data, folder
        torch.manual_seed(settings.seed)
        self.net: nn.Module = build(settings.network)
        self._optimizer = torch.optim.Adam(self.net.parameters(), lr=settings.learning_rate)
        self._stream = BatchStream(
            data.train,
            plan_settings(settings),
            batch_size=settings.batch_size,
            threads=threads,
        )
        self.step = 0
        self._position = 0
        self._best = -math.inf
        self._saved_at = time.monotonic()

    def resume(self, state: TrainState) -> None:
        """Go on where a checkpoint stands."""
        self.net.load_state_dict(dict(state.model))
        self._optimizer.load_state_dict(dict(state.optimizer))
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
        OutputError
            If a checkpoint cannot be written; the one before it is intact.
        """
        settings = self.settings
        write_atomically(
            self._folder / SETTINGS, (json.dumps(settings.as_dict(), indent=2) + "\n").encode()
        )
        meter = _Meter(self._stream)
        interrupted = False
        with (
            deferred_interrupt() as wished,
            progress.stage("Training", settings.steps, "steps") as advance,
        ):
            advance(self.step, "")
            try:
                for loss in self._steps(max_seconds):
                    meter.update(loss, settings.batch_size, advance)
                    if wished() and self.step < settings.steps:
                        interrupted = True
                        break
                    due = validate_every and self.step % validate_every == 0
                    if due and self.step < settings.steps:
                        with meter.paused():
                            self._validate(meter)
            except KeyboardInterrupt:
                interrupted = True
        with meter.paused():
            if interrupted:
                self._save(LAST)
            scores = None if interrupted else self._validate(meter)
        return TrainReport(
            self.step, meter.loss, meter.crops_per_second, meter.waiting, scores, interrupted
        )

    def _steps(self, max_seconds: float | None) -> Iterator[float]:
        """Do steps until enough; yields the loss of each."""
        started = time.monotonic()
        self.net.train()
        if self.step >= self.settings.steps:
            return
        for batch in self._stream.batches(self._position):
            tensors = tensors_of(batch, self.settings.amplifier())
            for group in self._optimizer.param_groups:
                group["lr"] = self.settings.rate_at(self.step)
            self._optimizer.zero_grad(set_to_none=True)
            loss = loss_of(self.net(tensors.mosaic), tensors.target, self.settings)
            value = float(loss.detach())
            if not math.isfinite(value):
                raise self._diverged(f"the loss is {value} at step {self.step + 1}")
            if time.monotonic() - self._saved_at > _CHECKPOINT_SECONDS:
                self._save(LAST)  # weights that have just given a finite loss
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()
            self.step, self._position = self.step + 1, batch.position
            yield value
            enough = max_seconds is not None and time.monotonic() - started >= max_seconds
            if enough or self.step >= self.settings.steps:
                return

    def _validate(self, meter: _Meter) -> Scores | None:
        """Validate, save, record the metrics, and keep the best weights."""
        scores = self._scores()
        if scores is not None and scores.psnr > self._best:
            self._best = scores.psnr
            self._save(BEST)
        self._save(LAST)
        self._record(meter, scores)
        return scores

    def _scores(self) -> Scores | None:
        """Scores on the val split, if there is one; weights that give none are not saved."""
        if not self._data.val:
            return None
        try:
            scores = validate(
                self.net, self.settings.network, spread(self._data.val), self.settings.amplifier()
            )
        except KeyboardInterrupt:
            self._save(LAST)
            raise
        self.net.train()
        if math.isnan(scores.psnr):
            raise self._diverged(f"pictures that are no numbers after step {self.step}")
        return scores

    def _record(self, meter: _Meter, scores: Scores | None) -> None:
        line = {
            "step": self.step,
            "samples": self._position,
            "loss": meter.loss if math.isfinite(meter.loss) else None,
            "crops_per_second": meter.crops_per_second,
            "waiting": meter.waiting,
            "psnr": None if scores is None else scores.psnr,
            "ssim": None if scores is None else scores.ssim,
        }
        path = self._folder / METRICS
        with output_errors(path), path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def _diverged(self, found: str) -> TrainingError:
        lower = "with a lower rate (--lr)."
        return TrainingError(
            found,
            expected="finite numbers",
            where=self._folder,
            fix=f"The last checkpoint is intact: go on from it by --resume {lower}"
            if (self._folder / LAST).is_file()
            else f"Begin again {lower}",
        )

    def _save(self, name: str) -> None:
        if not all(bool(parameter.isfinite().all()) for parameter in self.net.parameters()):
            raise self._diverged(f"weights that are not finite after step {self.step}")
        state = TrainState(
            settings=self.settings,
            model=self.net.state_dict(),
            optimizer=self._optimizer.state_dict(),
            step=self.step,
            position=self._position,
            best_psnr=self._best,
        )
        save_checkpoint(self._folder / name, state)
        self._saved_at = time.monotonic()


class _Meter:
    """Loss, speed and waiting, with validation taken out of the time."""

    def __init__(self, stream: BatchStream) -> None:
        self._stream = stream
        self._started = time.monotonic()
        self._noted = 0.0
        self._crops = 0
        self._end: float | None = None
        self.loss = math.nan

    @property
    def _seconds(self) -> float:
        return max(1e-9, (self._end or time.monotonic()) - self._started)

    @property
    def crops_per_second(self) -> float:
        return self._crops / self._seconds

    @property
    def waiting(self) -> float:
        return min(1.0, self._stream.waited / self._seconds)

    def update(self, loss: float, crops: int, advance: Advance) -> None:
        self.loss = loss if math.isnan(self.loss) else _SMOOTH * self.loss + (1 - _SMOOTH) * loss
        self._crops += crops
        note = ""
        if time.monotonic() - self._noted > _NOTE_SECONDS:
            self._noted = time.monotonic()
            note = (
                f"loss {self.loss:.4f}  {self.crops_per_second:.1f} crops/s  "
                f"{100 * self.waiting:.0f}% waiting for data"
            )
        advance(1, note)

    def paused(self) -> _Pause:
        return _Pause(self)

    def pause(self) -> None:
        self._end = time.monotonic()

    def go_on(self) -> None:
        if self._end is not None:
            self._started += time.monotonic() - self._end
            self._end = None


class _Pause:
    """Stops a meter's clock for a block."""

    def __init__(self, meter: _Meter) -> None:
        self._meter = meter

    def __enter__(self) -> None:
        self._meter.pause()

    def __exit__(self, *_: object) -> None:
        self._meter.go_on()


def plan_settings(settings: TrainSettings) -> PlanSettings:
    """Return the part of the settings that decides the samples."""
    return PlanSettings(
        crop=settings.crop // 2,
        crops_per_window=settings.crops_per_window,
        live_windows=settings.live_windows,
        augment=settings.augment,
        seed=settings.seed,
    )


def default_crop(data: TrainData, *, augment: bool, most: int = 512) -> int:
    """Return the side of crops in mosaic pixels: 512, or what fits into the smallest frame.

    Raises
    ------
    UsageError
        If a frame is smaller than the smallest crop of 32.
    """
    smallest = min(min(source.shape.height, source.shape.width) for source in data.train)
    fitting = 2 * (smallest - int(augment)) // 32 * 32
    if fitting < 32:  # noqa: PLR2004 - what the networks' coarsest branch needs
        raise UsageError(
            f"frames of {2 * smallest} mosaic pixels", expected="at least 34 a side to train on"
        )
    return min(most, fitting)


def default_steps(data: TrainData, settings: TrainSettings, epochs: int = 20) -> int:
    """Return the steps of so many epochs, at least 1000."""
    stream = BatchStream(data.train, plan_settings(settings), batch_size=settings.batch_size)
    return max(1000, math.ceil(epochs * stream.epoch_length / settings.batch_size))


def with_steps(settings: TrainSettings, steps: int) -> TrainSettings:
    """Change the number of steps alone."""
    return replace(settings, steps=steps)


def check_new_run(folder: Path) -> None:
    """Refuse to train into a folder that holds another run."""
    if (folder / LAST).exists():
        raise OutputError(
            "a run of that name is there already",
            where=folder,
            fix="Go on with it by --resume, or choose another --name.",
        )
