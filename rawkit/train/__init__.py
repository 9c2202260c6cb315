"""Training: settings, losses, the loop, validation, checkpoints."""

from rawkit.train.checkpoint import TrainState, load_checkpoint, save_checkpoint
from rawkit.train.loop import (
    BEST,
    LAST,
    TrainData,
    Trainer,
    TrainReport,
    check_new_run,
    default_crop,
    default_steps,
    with_steps,
)
from rawkit.train.metrics import compare, psnr, structural_similarity
from rawkit.train.settings import TrainSettings
from rawkit.train.validate import Scores, validate

__all__ = [
    "BEST",
    "LAST",
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
    "load_checkpoint",
    "psnr",
    "save_checkpoint",
    "structural_similarity",
    "validate",
    "with_steps",
]
