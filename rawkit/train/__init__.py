"""Training: settings, recipes, losses, the loop, validation, checkpoints.

`settings` is all that decides a training besides the data; `learner` does a step; `loop` does them
all, validates and saves; `checkpoint` holds what is needed to go on; `runs` finds data and runs in
a workspace.
"""

from rawkit.late import callable_as
from rawkit.train.checkpoint import (
    BEST,
    LAST,
    WEIGHTS,
    TrainState,
    load_checkpoint,
    save_checkpoint,
)
from rawkit.train.choices import MAX_RAM, settings_for
from rawkit.train.data import (
    TrainData,
    default_crop,
    default_steps,
    plan_settings,
    ratio_to_estimate,
    with_steps,
)
from rawkit.train.devices import leave, make_fabric, rank_here, ranks_here
from rawkit.train.differing import differences
from rawkit.train.disk import FETCHING, DiskPlan, DiskTraining, disk_training, run_on_disk
from rawkit.train.live import Live
from rawkit.train.live_plan import plan_live, plan_replay, resume_live
from rawkit.train.loop import Trainer
from rawkit.train.losses import Loss
from rawkit.train.memory import check_memory, fit_memory
from rawkit.train.mend_fields import STORED
from rawkit.train.mending import MendedFrames, isos_beyond, mender_of
from rawkit.train.plan import (
    FrameChoice,
    TrainPlan,
    other_data,
    plan_training,
    resume_training,
    run_training,
)
from rawkit.train.recipes import RECIPES, Recipe, find_recipe
from rawkit.train.report import TrainReport
from rawkit.train.runs import (
    check_new_run,
    choose_subset,
    find_run,
    new_run_name,
    newest_weights,
    open_data,
    reopen_data,
    select_frames,
    weights_in,
    weights_named,
    weights_of_run,
)
from rawkit.train.settings import LOSSES, MS_SSIM_MIN_CROP, TrainSettings
from rawkit.train.shorts import (
    camera_profile,
    other_cameras,
    shorts_of,
    validated_on_made,
    with_shorts,
)
from rawkit.train.validate import Scores, validate

callable_as(__name__, "rawkit.api:train")

__all__ = [
    "BEST",
    "FETCHING",
    "LAST",
    "LOSSES",
    "MAX_RAM",
    "MS_SSIM_MIN_CROP",
    "RECIPES",
    "STORED",
    "WEIGHTS",
    "DiskPlan",
    "DiskTraining",
    "FrameChoice",
    "Live",
    "Loss",
    "MendedFrames",
    "Recipe",
    "Scores",
    "TrainData",
    "TrainPlan",
    "TrainReport",
    "TrainSettings",
    "TrainState",
    "Trainer",
    "camera_profile",
    "check_memory",
    "check_new_run",
    "choose_subset",
    "default_crop",
    "default_steps",
    "differences",
    "disk_training",
    "find_recipe",
    "find_run",
    "fit_memory",
    "isos_beyond",
    "leave",
    "load_checkpoint",
    "make_fabric",
    "mender_of",
    "new_run_name",
    "newest_weights",
    "open_data",
    "other_cameras",
    "other_data",
    "plan_live",
    "plan_replay",
    "plan_settings",
    "plan_training",
    "rank_here",
    "ranks_here",
    "ratio_to_estimate",
    "reopen_data",
    "resume_live",
    "resume_training",
    "run_on_disk",
    "run_training",
    "save_checkpoint",
    "select_frames",
    "settings_for",
    "shorts_of",
    "validate",
    "validated_on_made",
    "weights_in",
    "weights_named",
    "weights_of_run",
    "with_shorts",
    "with_steps",
]
