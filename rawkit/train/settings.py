"""All that decides a training, besides the data."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from rawkit.errors import UsageError, WeightsError
from rawkit.models import describe
from rawkit.sensor import BAYER, REFERENCE_NEUTRAL, Amplification
from rawkit.stream import CROPS_PER_WINDOW, LIVE_WINDOWS
from rawkit.supply import BATCH_SIZE
from rawkit.train.short_fields import ShortFields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rawkit.sensor import Neutral

MS_SSIM_MIN_CROP = 161
"""MS-SSIM halves the picture four times under a window of 11."""
FEATURE_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
"""Layers of VGG whose features may be compared."""
SCHEDULES = ("constant", "cosine", "step")
PRECISIONS = ("fp32", "bf16", "fp16")
LOSSES = {
    "l1": "l1_weight",
    "ms-ssim": "ms_ssim_weight",
    "ssim": "ssim_weight",
    "region": "region_weight",
    "perceptual": "perceptual_weight",
    "temporal": "temporal_weight",
    "gan": "gan_weight",
}
"""Name of each loss on the command line -> the field that weighs it."""
CRITICS = ("patch", "classifier")
OBJECTIVES = ("hinge", "lsgan", "bce")


TARGETS = ("picture", "raw")
_OF_PICTURES = ("region", "perceptual", "temporal", "gan")
"""Losses of pictures alone."""


@dataclass(frozen=True, slots=True)
class TrainSettings(ShortFields):
    """Settings of a training run; stored in every checkpoint."""

    subset: str
    """Name of the subset."""
    steps: int
    """Optimizer steps."""
    network: str = "lamba2021"
    """Name of the network in the registry."""
    crop: int = 512
    """Side of a crop in mosaic pixels; a multiple of 32."""
    batch_size: int = BATCH_SIZE
    """Crops of a step, over all processes and pieces."""
    learning_rate: float = 1e-4
    """Step size of Adam."""
    schedule: Literal["constant", "cosine", "step"] = "constant"
    """Whether the step size stays, falls along a half cosine to a hundredth at the last step, or
    falls at milestones."""
    l1_weight: float = 1.0
    """Weight of the mean absolute error."""
    ms_ssim_weight: float = 0.2
    """Weight of 1 - MS-SSIM; 0 leaves it out."""
    amplification: str = "auto"
    """Kind of amplification: auto, ratio, exposure, number or equalise."""
    amplification_value: float = 1.0
    """m for auto, the factor for number."""
    crops_per_window: int = CROPS_PER_WINDOW
    """Crops taken from each window that is read."""
    live_windows: int = LIVE_WINDOWS
    """Windows that crops are drawn from at any time."""
    augment: bool = True
    """Whether crops are flipped and transposed."""
    seed: int = 0
    """Seed of weights, order and crops."""
    milestones: tuple[float, ...] = (0.5,)
    """For the schedule step: where the rate falls, as shares of the steps, 0 to 1, rising."""
    gamma: float = 0.1
    """For the schedule step: what the rate is multiplied by at each milestone."""
    warmup: int = 0
    """Steps over which the rate rises linearly from nothing, whatever the schedule."""
    ssim_weight: float = 0.0
    """Weight of 1 - SSIM."""
    region_weight: float = 0.0
    """Weight of the absolute error whose dark and bright parts are weighed separately."""
    region_threshold: float = 0.25
    """Luminance of the target, 0 to 1 in its tone curve, below which a pixel is dark."""
    region_dark: float = 4.0
    """What the mean error of the dark part counts against 1 of the bright part."""
    perceptual_weight: float = 0.0
    """Weight of the absolute error of VGG features."""
    perceptual_layer: str = "relu2_2"
    """Layer of VGG whose features are compared."""
    vgg: str = ""
    """File of VGG-16 or VGG-19 weights; needed where the perceptual loss has a weight."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Arithmetic of the network; weights, losses and the optimizer keep float32."""
    accumulate: int = 1
    """Pieces that each process cuts its share of a batch into, to save memory."""
    clip_norm: float = 0.0
    """Largest norm of all gradients together; 0 does not clip."""
    ema: float = 0.0
    """Decay of the moving average of the weights, near 1; 0 keeps none."""
    ratio_to_estimate: float = 1.0
    """Median over the training frames of what they are amplified by, over the estimate: what takes
    the place of m where a ratio is wanted of a file without a long."""
    recipe: str = ""
    """Name of the recipe that the values came from; empty without one."""
    balance: bool = False
    """Whether the planes of every file are multiplied so that grey is at one neutral,
    `rawkit.sensor.REFERENCE_NEUTRAL`, whatever the camera and the light."""
    group: int | None = None
    """Pairs that windows are shuffled among at any time, where the store cannot hold all."""
    clip: int = 1
    """Neighbouring frames of a sample; 1 trains on frames."""
    temporal_weight: float = 0.0
    """Weight of the absolute difference between what changes from frame to frame and what should;
    of clips alone."""
    recompute: bool = False
    """Whether the backward pass computes activations again instead of keeping them, to save memory;
    for networks that can."""
    stride: int = 0
    """Mosaic pixels from each crop to the next, in a grid that covers frames exactly; 0 draws crops
    at random places."""
    gan_weight: float = 0.0
    """Weight of what a critic says of restored pictures; 0 trains without one."""
    critic: Literal["patch", "classifier"] = "patch"
    """Which critic."""
    critic_objective: Literal["hinge", "lsgan", "bce"] = "hinge"
    """What critic and network are to make small."""
    critic_rate: float = 2e-4
    """Step size of the critic's own Adam; the schedule holds for it, too."""
    critic_warmup: int = 0
    """Steps that the network is trained alone before the critic takes part."""
    critic_r1: float = 0.0
    """Weight of the penalty on how fast the critic's word changes with a long exposure."""
    critic_conditional: bool = False
    """Whether the critic is shown the mosaic that a picture belongs to beside it."""
    teacher: str = ""
    """File of weights of a network whose pictures are a further target; empty without one."""
    teacher_weight: float = 1.0
    """What the losses against the teacher's pictures count, those against long exposures 1."""
    teacher_network: str = ""
    """Name of the teacher's network; from its file."""
    teacher_digest: str = ""
    """SHA-256 of the teacher's file, hexadecimal."""
    teacher_licence: str = ""
    """Terms of the teacher's weights, which go along to those that it taught; empty without."""
    init: str = ""
    """File of the weights that the training starts from; empty where they are random."""
    init_digest: str = ""
    """SHA-256 of that file, hexadecimal."""
    init_licence: str = ""
    """Terms of those weights, which go along to what is made of them; empty without."""
    freeze: tuple[str, ...] = ()
    """What the names of parameters begin with that stay as they are, whole words."""
    target: Literal["picture", "raw"] = "picture"
    """What is learned: the rendered long, or its packed planes."""
    k_sigma: bool = False
    """Whether planes are put through the k-sigma transform instead of amplified, which makes the
    noise of every frame that of one anchor; from raw to raw alone."""

    def __post_init__(self) -> None:
        """Check what can be checked without data."""
        self._check_target()
        self._check_numbers()
        self._check_losses()
        self._check_critic()
        self._check_teacher()
        self._check_clips()
        self._check_schedule()
        self.check_shorts(self.amplification, self.clip, self.target)
        self.check_mending(self.amplification, self.clip, made=self.makes_shorts)
        if self.precision not in PRECISIONS:
            raise UsageError(f"precision {self.precision!r}", expected=", ".join(PRECISIONS))
        if describe(self.network).cell != BAYER:
            raise UsageError(
                f"a training of {self.network}",
                expected="a network for Bayer mosaics, such as lamba2021 or sid",
                fix="X-Trans mosaics can be restored, not trained on.",
            )
        self.amplifier()

    def _check_target(self) -> None:
        if self.target not in TARGETS:
            raise UsageError(f"target {self.target!r}", expected=", ".join(TARGETS))
        gives = describe(self.network).gives
        raw = self.target == "raw"
        if raw != (gives == "mosaic"):
            raise UsageError(
                f"target {self.target} for {self.network}, which gives {gives}s",
                expected="--target raw for networks such as raw-unet, else --target picture",
            )
        for name in _OF_PICTURES if raw else ():
            if getattr(self, LOSSES[name]):
                raise UsageError(
                    f"the loss {name} from raw to raw", expected="l1, ssim or ms-ssim",
                    fix="Leave it out: it is one of pictures.",
                )  # fmt: skip
        if self.k_sigma and not raw:
            raise UsageError(
                "--k-sigma for a network that gives pictures", expected="--target raw",
                fix="Leave --k-sigma out: pictures need planes that are amplified.",
            )  # fmt: skip
        if self.k_sigma and describe(self.network).takes_sigma:
            raise UsageError(
                f"--k-sigma for {self.network}, which is told the noise",
                expected="either", fix="After that transform the noise of all frames is the same.",
            )  # fmt: skip
        if raw and self.teacher:
            raise UsageError("a teacher with --target raw", expected="a training on pictures")
        if raw and (self.clip > 1 or self.balance or self.amplification == "equalise"):
            raise UsageError(
                "clips, --balance or --amplify equalise with --target raw",
                expected="single frames in the units of the sensor",
            )

    def _check_numbers(self) -> None:
        positive = ("steps", "crop", "batch_size", "learning_rate", "accumulate",
                    "region_dark", "ratio_to_estimate")  # fmt: skip
        for name in positive:
            if not 0 < getattr(self, name) < math.inf:
                raise UsageError(f"{name} = {getattr(self, name)}", expected="a number above 0")
        for name in ("clip_norm", "warmup"):
            if not 0 <= getattr(self, name) < math.inf:
                raise UsageError(
                    f"{name} = {getattr(self, name)}", expected="a number of 0 or more"
                )
        if not 0 <= self.ema < 1:
            raise UsageError(f"ema = {self.ema}", expected="a decay of 0 to below 1, such as 0.999")
        if self.crop % 32 and not self.stride:
            raise UsageError(
                f"crops of {self.crop} pixels",
                expected="a multiple of 32",
                fix=f"Use --crop {max(32, round(self.crop / 32) * 32)}.",
            )
        if self.accumulate > self.batch_size:
            raise UsageError(
                f"a batch of {self.batch_size} in {self.accumulate} pieces",
                expected="at least one crop in each",
                fix=f"Use --accumulate {self.batch_size} or a larger --batch.",
            )

    def _check_losses(self) -> None:
        weights = self.losses()
        if not all(0 <= weight < math.inf for weight in weights.values()) or not any(
            weights.values()
        ):
            text = ", ".join(f"{weight:g} for {name}" for name, weight in weights.items())
            raise UsageError(f"weights of {text}", expected="numbers of at least 0, one above")
        if self.ms_ssim_weight and self.crop < MS_SSIM_MIN_CROP:
            raise UsageError(
                f"MS-SSIM on crops of {self.crop} pixels",
                expected=f"at least {MS_SSIM_MIN_CROP}",
                fix="Use larger crops, or --ms-ssim 0 for L1 alone.",
            )
        if not 0 < self.region_threshold < 1:
            raise UsageError(
                f"a threshold of {self.region_threshold}", expected="a luminance between 0 and 1"
            )
        if self.perceptual_layer not in FEATURE_LAYERS:
            raise UsageError(
                f"layer {self.perceptual_layer!r} of VGG", expected=", ".join(FEATURE_LAYERS)
            )
        if self.perceptual_weight and not self.vgg:
            raise UsageError(
                "a perceptual loss without the weights of VGG",
                expected="a file of torchvision's VGG-16 or VGG-19 weights",
                fix="Name it with --vgg FILE.",
            )

    def _check_critic(self) -> None:
        named = (("critic", CRITICS), ("critic_objective", OBJECTIVES))
        for name, known in named:
            if getattr(self, name) not in known:
                raise UsageError(f"{name} {getattr(self, name)!r}", expected=", ".join(known))
        if not 0 < self.critic_rate < math.inf:
            raise UsageError(f"critic_rate = {self.critic_rate}", expected="a number above 0")
        for name in ("critic_warmup", "critic_r1"):
            if not 0 <= getattr(self, name) < math.inf:
                raise UsageError(
                    f"{name} = {getattr(self, name)}", expected="a number of 0 or more"
                )
        if self.gan_weight and not any(
            weight for name, weight in self.losses().items() if name not in ("gan", "temporal")
        ):
            raise UsageError(
                "a critic alone, which knows good pictures and not which of them is wanted",
                expected="another loss beside it",
                fix="Use --loss l1=1,gan=0.01.",
            )

    def _check_teacher(self) -> None:
        if not 0 < self.teacher_weight < math.inf:
            raise UsageError(f"teacher_weight = {self.teacher_weight}", expected="a number above 0")
        if not self.teacher:
            return
        if self.clip > 1:
            raise UsageError(
                f"a teacher of clips of {self.clip} frames", expected="a training on single frames"
            )
        multiple = describe(self.teacher_network).multiple if self.teacher_network else 1
        if self.crop % multiple:
            raise UsageError(
                f"crops of {self.crop} pixels for a teacher of {self.teacher_network}",
                expected=f"a multiple of {multiple}",
            )

    def _check_clips(self) -> None:
        about = describe(self.network)
        if self.clip < 1:
            raise UsageError(f"clips of {self.clip} frames", expected="1 or more")
        if self.clip == 1 and about.takes_clips:
            raise UsageError(
                f"a training of {self.network} on single frames",
                expected="clips of neighbouring frames",
                fix="Use --clip 16, as published, or fewer.",
            )
        if self.clip == 1 and self.temporal_weight:
            raise UsageError(
                "a temporal loss on single frames",
                expected="clips of neighbouring frames",
                fix="Use --clip 2 or more, or leave the loss out.",
            )
        training = about.costs.training
        if self.recompute and (training is None or training.lean_pixel is None):
            raise UsageError(
                f"activations of {self.network} that are computed again",
                expected="a network that can, such as unet3d",
                fix="Use --accumulate to save memory.",
            )

    def _check_schedule(self) -> None:
        if self.schedule not in SCHEDULES:
            raise UsageError(f"schedule {self.schedule!r}", expected=", ".join(SCHEDULES))
        rising = all(one < other for one, other in zip(self.milestones, self.milestones[1:],
                                                       strict=False))  # fmt: skip
        if not rising or not all(0 < one < 1 for one in self.milestones):
            raise UsageError(
                f"milestones {', '.join(f'{one:g}' for one in self.milestones)}",
                expected="shares of the steps between 0 and 1, rising, such as 0.5,0.8",
            )
        if not 0 < self.gamma < 1:
            raise UsageError(f"gamma = {self.gamma}", expected="a factor between 0 and 1")

    def losses(self) -> dict[str, float]:
        """Weight of every loss by its name."""
        return {name: getattr(self, field) for name, field in LOSSES.items()}

    def amplifier(self) -> Amplification:
        """Return the amplification as an object."""
        return Amplification(self.amplification, self.amplification_value)  # type: ignore[arg-type] # checked there

    @property
    def licence(self) -> str | None:
        """Terms that go along to the weights: of those it starts from, and of its teacher's."""
        return (
            "; ".join(dict.fromkeys(filter(None, (self.init_licence, self.teacher_licence))))
            or None
        )

    @property
    def neutral(self) -> Neutral | None:
        """Where grey is put in the planes; None: they stay as the camera has them."""
        return REFERENCE_NEUTRAL if self.balance else None

    def as_dict(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        return {
            **asdict(self), "milestones": list(self.milestones), "freeze": list(self.freeze)
        }  # fmt: skip


def settings_of(values: Mapping[str, Any], where: object) -> TrainSettings:
    """Read settings back from a checkpoint, of this version or an earlier one.

    Raises
    ------
    WeightsError
        If they cannot be used.
    """
    known = {field.name for field in fields(TrainSettings)}
    taken = {key: value for key, value in values.items() if key in known}
    try:
        for name in {"milestones", "freeze"} & taken.keys():
            taken[name] = tuple(taken[name])
        return TrainSettings(**taken)
    except (TypeError, UsageError) as error:
        raise WeightsError(
            f"settings that cannot be used ({error})",
            expected="a checkpoint of a rawkit training",
            where=where,
        ) from error
