"""Finding a camera's noise from dark and flat frames.

`plan_calibration` looks at the frames of a folder, tells them apart by their pixels and says what
is missing; `run_calibration` measures them, an ISO a piece of work, and returns a `CameraProfile`.
The estimators, each of arrays: `measure_darkness` (read noise, rows, columns, bias, shading, hot
pixels), `measure_pair` (gain by photon transfer), `patches_of` and `gain_of_patches` (gain without
flat frames), `match` and `gain_of_pairs` (gain from shorts and their longs), `shading_of` (lines
over ISOs).
"""

from rawkit.calibrate.darkness import Darkness, measure_darkness
from rawkit.calibrate.look import Look, agreed, look_at
from rawkit.calibrate.matched import Matched, Matching, gain_of_pairs, match
from rawkit.calibrate.patches import gain_of_patches, patches_of
from rawkit.calibrate.plan import FramePlan, IsoFrames, Pair
from rawkit.calibrate.run import (
    CalibrationPlan,
    calibrated_path,
    find_frames,
    plan_calibration,
    run_calibration,
)
from rawkit.calibrate.shading import hot_of, shading_of
from rawkit.calibrate.tails import Residuals, Tails, fit_tails
from rawkit.calibrate.transfer import Transfer, joined, measure_pair
from rawkit.calibrate.work import Unread
from rawkit.late import callable_as

__all__ = [
    "CalibrationPlan",
    "Darkness",
    "FramePlan",
    "IsoFrames",
    "Look",
    "Matched",
    "Matching",
    "Pair",
    "Residuals",
    "Tails",
    "Transfer",
    "Unread",
    "agreed",
    "calibrated_path",
    "find_frames",
    "fit_tails",
    "gain_of_pairs",
    "gain_of_patches",
    "hot_of",
    "joined",
    "look_at",
    "match",
    "measure_darkness",
    "measure_pair",
    "patches_of",
    "plan_calibration",
    "run_calibration",
    "shading_of",
]

callable_as(__name__, "rawkit.api:calibrate")
