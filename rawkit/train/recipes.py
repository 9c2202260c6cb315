"""Published trainings by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rawkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Recipe:
    """The settings of a published training; options override them one by one."""

    name: str
    """The name on the command line."""
    title: str
    """The name in a sentence."""
    reference: str
    """The paper, and the code that states what the paper does not."""
    values: Mapping[str, Any] = field(repr=False)
    """Field of `TrainSettings` -> its value."""
    sources: Mapping[str, str] = field(repr=False)
    """Field of `TrainSettings` -> where its value is stated."""
    crops_per_long: int = 0
    """Where a training is as long as its data: crops taken for each long exposure; 0 where the
    steps are among the values."""


_LAMBA2021 = Recipe(
    name="lamba2021",
    title="Restoring Extremely Dark Images in Real Time",
    reference="Lamba and Mitra, CVPR 2021; train_test_ours/train.py and common_classes.py of the "
    "published code",
    values={
        "network": "lamba2021",
        "steps": 1_000_000,
        "crop": 512,
        "batch_size": 8,
        "learning_rate": 1e-4,
        "schedule": "step",
        "milestones": (0.5,),
        "gamma": 0.1,
        "l1_weight": 1.0,
        "ms_ssim_weight": 0.2,
        "amplification": "exposure",
        "augment": True,
    },
    sources={
        "network": "the paper",
        "steps": "train.py: iterations = 1000005",
        "crop": "common_classes.py: 512 pixels of the mosaic",
        "batch_size": "train.py: batch_size = 8",
        "learning_rate": "train.py: base_lr = 1e-4",
        "schedule": "train.py: reduced at iterations of a list",
        "milestones": "train.py: atWhichReduce = [500000]",
        "gamma": "train.py: reduce_lr_by = 0.1",
        "l1_weight": "train.py: loss = L1 + 0.2 (1 - MS-SSIM)",
        "ms_ssim_weight": "train.py: loss = L1 + 0.2 (1 - MS-SSIM)",
        "amplification": "train.py: gt_amp=True, the ratio of the exposure times",
        "augment": "common_classes.py: random flips (it has no transpose)",
    },
)

_SID = Recipe(
    name="sid",
    title="Learning to See in the Dark",
    reference="Chen, Chen, Xu and Koltun, CVPR 2018; train_Sony.py of the published code",
    values={
        "network": "sid",
        "crop": 1024,
        "batch_size": 1,
        "learning_rate": 1e-4,
        "schedule": "step",
        "milestones": (0.5,),
        "gamma": 0.1,
        "l1_weight": 1.0,
        "ms_ssim_weight": 0.0,
        "amplification": "exposure",
        "augment": True,
    },
    sources={
        "network": "the paper; input clipped at 1 after amplification",
        "steps": "the paper: 4000 epochs, in each a crop of every scene",
        "crop": "the paper: 512 packed pixels, 1024 of the mosaic",
        "batch_size": "train_Sony.py: one crop a step",
        "learning_rate": "the paper: 1e-4",
        "schedule": "the paper: reduced once",
        "milestones": "the paper: after 2000 of 4000 epochs",
        "gamma": "the paper: to 1e-5",
        "l1_weight": "the paper: L1",
        "ms_ssim_weight": "the paper: L1 alone",
        "amplification": "train_Sony.py: min(ratio of the exposure times, 300)",
        "augment": "the paper: random flips and transpose",
    },
    crops_per_long=4000,
)

_DARK_VIDEO = Recipe(
    name="dark-video",
    title="Learning to See Moving Objects in the Dark",
    reference="Jiang and Zheng, ICCV 2019; train.py, network.py and config.py of the published "
    "code",
    values={
        "network": "unet3d",
        "clip": 16,
        "crop": 512,
        "batch_size": 1,
        "learning_rate": 1e-4,
        "schedule": "step",
        "milestones": (0.6,),
        "gamma": 0.1,
        "l1_weight": 1.0,
        "ms_ssim_weight": 0.0,
        "amplification": "auto",
        "augment": True,
    },
    sources={
        "network": "network.py: depth 3, 32 channels; input clipped at 1 after amplification",
        "steps": "config.py: 50 epochs, in each 184 clips of every video of 200 frames",
        "clip": "config.py: CROP_FRAME = 16",
        "crop": "config.py: 256 packed pixels, 512 of the mosaic",
        "batch_size": "train.py: one clip a step",
        "learning_rate": "config.py: INIT_LR = 1e-4",
        "schedule": "train.py: reduced once",
        "milestones": "config.py: after 30 of 50 epochs",
        "gamma": "config.py: DECAY_LR = 1e-5",
        "l1_weight": "train.py: L1",
        "ms_ssim_weight": "train.py: L1 alone",
        "amplification": "the published code equalises histograms; here it is the estimate",
        "augment": "train.py: flips, in time too, and transpose",
    },
    # 50 epochs of 184 clips for 200 frames, each of which has a picture of its own.
    crops_per_long=46,
)

_SEE_IN_THE_DARK_GAN = Recipe(
    name="see-in-the-dark-gan",
    title="a U-Net against a critic, on overlapping patches",
    reference="after a talk on seeing in the dark with adversarial training, which states the "
    "networks, the patches and the pairs; what it leaves open is as in sid or usual. Choose the "
    "darkest short of each long with --per-long darkest",
    values={
        "network": "sid",
        "crop": 100,
        "stride": 50,
        "batch_size": 16,
        "learning_rate": 1e-4,
        "l1_weight": 1.0,
        "ms_ssim_weight": 0.0,
        "gan_weight": 0.01,
        "critic": "classifier",
        "critic_objective": "bce",
        "critic_rate": 1e-4,
        "amplification": "exposure",
        "augment": False,
    },
    sources={
        "network": "the talk: a U-Net",
        "steps": "open in the talk; about two epochs of 12 MP",
        "crop": "the talk: patches of 100 x 100",
        "stride": "the talk: every 50",
        "batch_size": "open in the talk",
        "learning_rate": "open in the talk; as in sid",
        "l1_weight": "open in the talk; as in sid",
        "ms_ssim_weight": "open in the talk; as in sid",
        "gan_weight": "open in the talk",
        "critic": "the talk: two blocks with max pooling, two fully connected layers with dropout",
        "critic_objective": "usual for a classifier: cross entropy",
        "critic_rate": "open in the talk; that of the network",
        "amplification": "open in the talk; as in sid",
        "augment": "open in the talk; without, patches cover frames exactly",
    },
    crops_per_long=10_000,
)

_ELD = Recipe(
    name="eld",
    title="A Physics-Based Noise Formation Model for Extreme Low-Light Raw Denoising",
    reference="Wei, Fu, Yang and Huang, CVPR 2020 and TPAMI 2021; train_real.py, engine.py and "
    "options of the published code",
    values={
        "network": "raw-unet",
        "target": "raw",
        "crop": 1024,
        "batch_size": 1,
        "learning_rate": 1e-4,
        "schedule": "step",
        "milestones": (0.5, 0.9),
        "gamma": 0.316227766,
        "l1_weight": 1.0,
        "ms_ssim_weight": 0.0,
        "amplification": "exposure",
        "augment": True,
    },
    sources={
        "network": "models/arch/Unet.py: the U-Net of SID, four planes in and out",
        "target": "scripts/train.sh: --stage_in raw --stage_out raw",
        "steps": "train_syn.py: 200 epochs; here 8 crops of each long in each",
        "crop": "the paper: patches of 512 packed pixels, 1024 of the mosaic",
        "batch_size": "train_options.py: batchSize = 1",
        "learning_rate": "train_options.py: lr = 1e-4",
        "schedule": "train_syn.py: reduced twice",
        "milestones": "train_syn.py: after 100 and 180 of 200 epochs",
        "gamma": "train_syn.py: 5e-5, then 1e-5; here to the same last rate in two like steps",
        "l1_weight": "train_options.py: loss = l1",
        "ms_ssim_weight": "train_options.py: L1 alone",
        "amplification": "sid_dataset.py: min(ratio of the exposure times, 300)",
        "augment": "sid_dataset.py: flips and transpose",
    },
    crops_per_long=1600,
)

_PMN = Recipe(
    name="pmn",
    title="Learnability Enhancement for Low-light Raw Denoising",
    reference="Feng, Wang, Wang and Huang, ACM MM 2022; runfiles/Ours.yml of the published code",
    values={
        "network": "raw-unet",
        "target": "raw",
        "crop": 1024,
        "batch_size": 1,
        "learning_rate": 2e-4,
        "schedule": "cosine",
        "l1_weight": 1.0,
        "ms_ssim_weight": 0.0,
        "amplification": "exposure",
        "augment": True,
    },
    sources={
        "network": "Ours.yml: UNetSeeInDark, 4 to 4, 32 channels, no residual",
        "target": "the paper: raw to raw",
        "steps": "Ours.yml: stop_epoch = 1800; of its crops of a long in each epoch one",
        "crop": "Ours.yml: patch_size = 512, packed",
        "batch_size": "Ours.yml: batch_size = 1",
        "learning_rate": "Ours.yml: learning_rate = 2e-4",
        "schedule": "Ours.yml: WarmupCosine; published with three restarts (T = 3), here one fall",
        "l1_weight": "losses.py: L1",
        "ms_ssim_weight": "losses.py: L1 alone",
        "amplification": "real_datasets.py: min(ratio of the exposure times, 300)",
        "augment": "real_datasets.py: flips",
    },
    crops_per_long=1800,
)

RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {one.name: one for one in (_LAMBA2021, _SID, _DARK_VIDEO, _SEE_IN_THE_DARK_GAN, _ELD, _PMN)}
)
"""Every recipe by its name."""


def find_recipe(name: str) -> Recipe:
    """Return the recipe called `name`.

    Raises
    ------
    UsageError
        If there is none; the message lists those there are.
    """
    if name not in RECIPES:
        raise UsageError(f"no recipe called {name!r}", expected=f"one of {', '.join(RECIPES)}")
    return RECIPES[name]
