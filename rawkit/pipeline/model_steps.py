"""Steps that train, evaluate and restore."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from rawkit.colour import ColourMode  # noqa: TC001 - pydantic reads it
from rawkit.errors import UsageError
from rawkit.evaluate import (
    EQUALISED,
    MAX_RAM,
    PLAIN,
    Subject,
    load_method,
    parse_amplification,
    plan_evaluation,
    protocol,
    run_evaluation,
    save_films,
    save_pictures,
    subject,
)
from rawkit.models import PATCH
from rawkit.pipeline.artefact import Artefact, usual_path
from rawkit.pipeline.critic import CriticValues, critic_fields, critic_options
from rawkit.pipeline.data_steps import FilteredStep, checked_name
from rawkit.pipeline.shorts import short_fields, short_options
from rawkit.pipeline.step import Context, Step
from rawkit.subset import load_subset
from rawkit.train import (
    LAST,
    LOSSES,
    Trainer,
    TrainSettings,
    default_crop,
    load_checkpoint,
    open_data,
    ratio_to_estimate,
    settings_for,
    weights_in,
    with_shorts,
)
from rawkit.train import MAX_RAM as TRAINING_RAM

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rawkit.evaluate import Protocol

_MS_SSIM = 0.2
_NO_FILE = (PLAIN, EQUALISED)
"""Weights that are none."""
_SHORT_KEY = 8


class TrainStep(Step):
    """Train a network on a subset."""

    FREE: ClassVar[frozenset[str]] = frozenset({"threads", "max_ram"})
    LATER: ClassVar[frozenset[str]] = frozenset(
        {
            "balance",
            "clip",
            "losses",
            "milestones",
            "gamma",
            "vgg",
            "patches",
            "critic",
            "shorts",
            "profile",
            "shorts_ratio",
            "shorts_iso",
        }
    )

    name: str
    """Name of the run; its folder has the first digits of the step's key too, so that settings that
    change begin another run and nothing is overwritten."""
    subset: str
    """Name of the subset."""
    steps: int = Field(gt=0)
    """Optimizer steps."""
    network: str = "lamba2021"
    """Name in the registry."""
    crop: int = Field(default=0, ge=0)
    """Side of a crop in mosaic pixels; 0: 512, or what the frames allow."""
    batch: int = Field(default=4, gt=0)
    """Crops of a step."""
    learning_rate: float = Field(default=1e-4, gt=0)
    """Rate of Adam."""
    schedule: Literal["constant", "cosine", "step"] = "constant"
    """How the rate goes on."""
    milestones: tuple[float, ...] = (0.5,)
    """Where a step falls, as shares of the steps."""
    gamma: float = Field(default=0.1, gt=0)
    """What a step multiplies the rate by."""
    clip: int = Field(default=1, ge=1)
    """Neighbouring frames of a video that are drawn together, for networks that take clips."""
    l1: float = Field(default=1.0, ge=0)
    """Weight of L1."""
    ms_ssim: float = Field(default=_MS_SSIM, ge=0)
    """Weight of 1 - MS-SSIM."""
    losses: dict[str, float] = Field(default_factory=dict)
    """Weights of other losses, by name: ssim, region, perceptual, temporal, gan."""
    patches: int = Field(default=0, ge=0)
    """Mosaic pixels from each crop to the next in a grid; 0: crops lie at random places."""
    critic: CriticValues = Field(default_factory=dict)
    """For the loss gan, what differs from the defaults: critic, objective, rate, warmup, r1,
    conditional."""
    vgg: str = ""
    """File of VGG weights, for the loss perceptual."""
    amplify: str = "auto"
    """auto, ratio, or a number."""
    m: float = Field(default=1.0, gt=0)
    """Multiple of the estimate, with auto."""
    balance: bool = False
    """Whether the planes of every file are put at one neutral."""
    shorts: Literal["real", "synthetic", "both"] = "real"
    """Whether dark frames are those of the store, made of longs, or half of each."""
    profile: str = ""
    """Profile of the camera whose noise made ones have."""
    shorts_ratio: str = ""
    """What made ones must be multiplied by to be as bright as their long; as usual where empty."""
    shorts_iso: str = ""
    """ISO speeds of made ones; those of the profile where empty."""
    seed: int = 0
    """Seed of weights, order and crops."""
    minutes: float = Field(default=0.0, ge=0)
    """Stop after so long; 0: at the last step. What comes out then depends on the machine."""
    validate_every: int = Field(default=0, ge=0)
    """Steps between validations; 0: a tenth of all."""
    threads: int = Field(default=2, gt=0)
    """Threads that read."""
    max_ram: int = Field(default=TRAINING_RAM, gt=0)
    """Bytes that a training on clips may take; decides in how many pieces a batch goes through."""

    @model_validator(mode="after")
    def _makes_sense(self) -> TrainStep:
        checked_name("run", self.name)
        try:
            self._settings(self.crop or 512)
        except UsageError as error:
            raise ValueError(f"{error.reason}") from error
        return self

    def inputs(self) -> list[Artefact]:
        """Take a subset, and a profile where dark frames are made."""
        noise = [Artefact("file", self.profile)] if self.shorts != "real" else []
        return [Artefact("subset", self.subset), *noise]

    def outputs(self) -> list[Artefact]:
        """Make a run."""
        return [Artefact("run", self.name)]

    def command(self) -> str:
        """Return `rawkit train`."""
        crop = f" --crop {self.crop}" if self.crop else ""
        if self.patches:
            crop = f" --patches {self.crop}/{self.patches}"
        balance = " --balance" if self.balance else ""
        minutes = f" --minutes {self.minutes:g}" if self.minutes else ""
        light = f" --m {self.m:g}" if self.amplify == "auto" else f" --amplify {self.amplify}"
        clip = f" --clip {self.clip}" if self.clip > 1 else ""
        return (
            f"rawkit train --subset {self.subset} --network {self.network} --steps {self.steps}"
            f"{clip}{crop} --batch {self.batch} --lr {self.learning_rate:g} "
            f"--schedule {self.schedule}{self._falls()} {self._loss()}{light}{balance} "
            f"--seed {self.seed}{minutes}{short_options(*self._shorts())}"
        )

    def _falls(self) -> str:
        """Return where the rate falls, as options."""
        if self.schedule != "step":
            return ""
        shares = ",".join(f"{one:g}" for one in self.milestones)
        return f" --milestones {shares} --gamma {self.gamma:g}"

    def _loss(self) -> str:
        """Return the losses as options."""
        if not self.losses:
            return f"--l1 {self.l1:g} --ms-ssim {self.ms_ssim:g}"
        weights = {"l1": self.l1, "ms-ssim": self.ms_ssim, **self.losses}
        vgg = f" --vgg {self.vgg}" if self.vgg else ""
        losses = ",".join(f"{name}={one:g}" for name, one in weights.items())
        return f"--loss {losses}{vgg}{critic_options(self.critic)}"

    def perform(self, context: Context) -> Mapping[Artefact, Path]:
        """Train, or go on with what an interruption left."""
        data = open_data(
            load_subset(context.workspace.subset(self.subset)), context.workspace,
            shorts=self.shorts,
        )  # fmt: skip
        crop = self.crop or default_crop(data, augment=True)
        files = context.of_kind("file")
        noise = {"profile": files[0][1]} if files else {}
        settings = TrainSettings(
            subset=self.subset, **with_shorts({**self._changes(crop), **noise})
        )
        if self.clip > 1 or self.patches:
            settings = settings_for(
                self.subset, data, self._changes(settings.crop), max_ram=self.max_ram
            )
        else:
            settings = replace(settings, ratio_to_estimate=ratio_to_estimate(data, settings))
        run = Artefact("run", f"{self.name}-{context.key[:_SHORT_KEY]}")
        folder = usual_path(run, context.workspace)
        trainer = Trainer(settings, data, folder, threads=self.threads)
        if (folder / LAST).is_file():
            trainer.resume(load_checkpoint(folder / LAST))
        report = trainer.run(
            validate_every=self.validate_every or max(1, self.steps // 10),
            max_seconds=60 * self.minutes if self.minutes else None,
            progress=context.progress,
        )
        if report.interrupted:
            raise KeyboardInterrupt
        return {Artefact("run", self.name): folder}

    def _shorts(self) -> tuple[str, str, str, str]:
        return self.shorts, self.profile, self.shorts_ratio, self.shorts_iso

    def _settings(self, crop: int) -> TrainSettings:
        return TrainSettings(subset=self.subset, **self._changes(crop))

    def _changes(self, crop: int) -> dict[str, Any]:
        """Return the fields of `TrainSettings` that the step says."""
        kind = parse_amplification(self.amplify)
        unknown = sorted(self.losses.keys() - LOSSES.keys())
        if unknown:
            raise UsageError(f"a loss {unknown[0]!r}", expected=", ".join(LOSSES))
        steps = {"milestones": self.milestones, "gamma": self.gamma}
        return {
            "steps": self.steps,
            "network": self.network,
            "crop": crop,
            "batch_size": self.batch,
            "learning_rate": self.learning_rate,
            "schedule": self.schedule,
            "l1_weight": self.l1,
            "ms_ssim_weight": self.ms_ssim,
            "amplification": kind["amplification"],
            "amplification_value": self.m
            if self.amplify == "auto"
            else kind["amplification_value"],
            "balance": self.balance,
            "seed": self.seed,
            "clip": self.clip,
            "vgg": self.vgg,
            **{LOSSES[name]: weight for name, weight in self.losses.items()},
            **(steps if self.schedule == "step" else {}),
            **({"stride": self.patches} if self.patches else {}),
            **critic_fields(self.critic),
            **short_fields(*self._shorts()),
        }


class EvaluateStep(FilteredStep):
    """Measure a run, weights or a plain conversion against the truth."""

    LATER: ClassVar[frozenset[str]] = frozenset({"colour", "videos", "overlap", "per_long"})

    FREE: ClassVar[frozenset[str]] = frozenset({"max_ram"})

    name: str
    """Name of the evaluation in the pipeline, and in its tables."""
    run: str = ""
    """Run whose best weights are evaluated."""
    weights: str = ""
    """Instead of a run: ``plain``, ``equalised``, or a file of weights."""
    stores: tuple[str, ...] = ()
    """Collections whose pairs count."""
    subset: str = ""
    """Subset whose pairs count, instead of stores."""
    protocol: str = "all"
    """Name of the protocol."""
    amplify: str = ""
    """trained, auto, ratio or a number; the protocol's where empty."""
    m: float = Field(default=0.0, ge=0)
    """Multiple of the estimate, with auto; 0: 1."""
    bits: Literal["", "8", "float"] = ""
    """8 or float; the protocol's where empty."""
    ssim: str = ""
    """Variant of SSIM; the protocol's where empty."""
    black_level: float = Field(default=-1.0, ge=-1)
    """One black level for all frames; -1: each file's own."""
    colour: ColourMode = "network"
    """Whose colours the pictures of a network have."""
    overlap: int = Field(default=0, ge=0)
    """How many times patches of 96 pixels overlap that pictures are made in; 0: they are made as
    one."""
    resamples: int = Field(default=2000, gt=0)
    """Draws of the bootstrap."""
    seed: int = Field(default=0, ge=0)
    """Seed of the bootstrap."""
    pictures: int = Field(default=0, ge=0)
    """So many best, median and worst pictures to save."""
    videos: int = Field(default=0, ge=0)
    """So many videos to save, those in the middle by PSNR."""
    max_ram: int = Field(default=MAX_RAM, gt=0)
    """Bytes that the process may take."""

    @model_validator(mode="after")
    def _makes_sense(self) -> EvaluateStep:
        checked_name("evaluation", self.name)
        if bool(self.run) == bool(self.weights):
            raise ValueError("either run or weights should be named")
        if bool(self.stores) == bool(self.subset):
            raise ValueError("either stores or subset should be named")
        try:
            self.chosen_protocol()
        except UsageError as error:
            raise ValueError(error.reason) from error
        return self

    def chosen_protocol(self) -> Protocol:
        """Return the protocol with what the step changes."""
        changes: dict[str, Any] = {}
        if self.splits:
            changes["splits"] = self.splits
        if self.amplify or self.m:
            changes |= parse_amplification(self.amplify or "auto", self.m or None)
        if self.bits:
            changes["bits"] = 0 if self.bits == "float" else int(self.bits)
        if self.ssim:
            changes["ssim"] = self.ssim
        if self.black_level >= 0:
            changes["black_level"] = self.black_level
        return protocol(self.protocol, **changes)

    def inputs(self) -> list[Artefact]:
        """Take a run or weights, and stores or a subset."""
        found = [Artefact("store", one) for one in self.stores]
        if self.subset:
            found.append(Artefact("subset", self.subset))
        if self.run:
            found.append(Artefact("run", self.run))
        elif self.weights not in _NO_FILE:
            found.append(Artefact("file", self.weights))
        return found

    def outputs(self) -> list[Artefact]:
        """Make an evaluation."""
        return [Artefact("evaluation", self.name)]

    def command(self) -> str:
        """Return `rawkit evaluate`."""
        what = f"--run {self.run}" if self.run else f"--weights {self.weights}"
        data = f"--subset {self.subset}" if self.subset else f"--store {','.join(self.stores)}"
        colour = f" --colour {self.colour}" if self.colour != "network" else ""
        colour += f" --overlap {self.overlap}" if self.overlap else ""
        black = f" --black-level {self.black_level:g}" if self.black_level >= 0 else ""
        more = f"{black}{colour}{self.options()}"
        return f"rawkit evaluate {what} {data} --protocol {self.protocol}{more}"

    def perform(self, context: Context) -> Mapping[Artefact, Path]:
        """Measure what is not measured yet."""
        plan = plan_evaluation(
            context.workspace,
            self._subject(context),
            self.chosen_protocol(),
            stores=self.stores or None,
            subset=self.subset or None,
            selection=replace(self.selection(), limit=None, splits=()),
            limit=self.limit or None,
            resamples=self.resamples,
            seed=self.seed,
            max_ram=self.max_ram,
        )
        evaluation = run_evaluation(plan, context.progress).evaluation
        if self.pictures:
            save_pictures(plan, evaluation, self.pictures, context.progress)
        if self.videos:
            save_films(plan, evaluation, self.videos, context.progress)
        return {Artefact("evaluation", self.name): evaluation.folder}

    def _subject(self, context: Context) -> Subject:
        if not self.run:
            weights = self.weights
            if weights not in _NO_FILE:
                weights = str(context.inputs[Artefact("file", weights)])
            return subject(
                context.workspace, weights=weights, colour=self.colour, overlap=self._patches()
            )
        folder = context.inputs[Artefact("run", self.run)]
        return Subject(
            load_method(weights_in(folder), self.colour, self._patches()),
            f"runs/{folder.name}",
            folder / "evaluations",
        )

    def _patches(self) -> tuple[int, int] | None:
        return (self.overlap, PATCH) if self.overlap else None
