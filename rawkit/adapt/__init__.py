"""Weights made better for a camera of one's own, from a few pairs of photos, in minutes.

`photos` looks at raw files, `pairs` finds those that show the same with much and with little light,
`darks` makes dark ones where there are none, `definition` writes all as a collection; `plan`
settles what will be done, `run` does it, `tune` trains within a time, and `report` says what came
of it.
"""

from rawkit.adapt.darks import RATIOS, Dark, find_lit
from rawkit.adapt.pairs import Found, PairRules, Scene, find_pairs
from rawkit.adapt.plan import MAX_RAM, AdaptPlan, plan_adaptation
from rawkit.adapt.report import AdaptReport, Figures
from rawkit.adapt.run import run_adaptation
from rawkit.late import callable_as

callable_as(__name__, "rawkit.api:adapt")

__all__ = [
    "MAX_RAM",
    "RATIOS",
    "AdaptPlan",
    "AdaptReport",
    "Dark",
    "Figures",
    "Found",
    "PairRules",
    "Scene",
    "find_lit",
    "find_pairs",
    "plan_adaptation",
    "run_adaptation",
]
