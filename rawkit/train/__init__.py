"""Training: settings, recipes, losses, the loop, validation, checkpoints.

`settings` is all that decides a training besides the data; `learner` does a step; `loop` does them
all, validates and saves; `checkpoint` holds what is needed to go on; `runs` finds data and runs in
a workspace.
"""

from rawkit.train.checkpoint import (
    BEST,
    LAST,
    WEIGHTS,
    TrainState,
    load_checkpoint,
    save_checkpoint,
)
from rawkit.train.data import TrainData, default_crop, default_steps, with_steps
from rawkit.train.loop import Trainer, TrainReport, check_new_run
from rawkit.train.losses import Loss
from rawkit.train.metrics import compare, psnr, structural_similarity
from rawkit.train.recipes import RECIPES, Recipe, find_recipe
from rawkit.train.settings import TrainSettings
from rawkit.train.validate import Scores, validate

__all__ = [
    "BEST",
    "LAST",
    "RECIPES",
    "WEIGHTS",
    "Loss",
    "Recipe",
    "Scores",
    "TrainData",
    "TrainReport",
    "TrainSettings",
    "TrainState",
    "Trainer",
    "check_new_run",
    "compare",
    "default_crop",
    "default_steps",
    "find_recipe",
    "load_checkpoint",
    "psnr",
    "save_checkpoint",
    "structural_similarity",
    "validate",
    "with_steps",
]
