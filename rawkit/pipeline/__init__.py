"""Whole studies as data: steps with inputs and outputs, run, resumed, and run again on change.

`definition` loads a pipeline and fills in its settings; `plan` orders its steps, checks them and
says what there is to do; `run` does it. Kinds of steps are in `steps`.
"""

from rawkit.pipeline.artefact import Artefact
from rawkit.pipeline.definition import (
    Pipeline,
    StepInstance,
    find_pipeline,
    known_pipelines,
    load_pipeline,
)
from rawkit.pipeline.plan import PlannedStep, Status, Study
from rawkit.pipeline.run import StudyReport, run_study
from rawkit.pipeline.step import Context, Step
from rawkit.pipeline.steps import STEPS

__all__ = [
    "STEPS",
    "Artefact",
    "Context",
    "Pipeline",
    "PlannedStep",
    "Status",
    "Step",
    "StepInstance",
    "Study",
    "StudyReport",
    "find_pipeline",
    "known_pipelines",
    "load_pipeline",
    "run_study",
]
