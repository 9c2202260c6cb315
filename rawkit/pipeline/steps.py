"""Every kind of step a pipeline may have, by the word that ``do`` takes."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from rawkit.pipeline.calibrate_steps import CalibrateStep, DarkroomStep
from rawkit.pipeline.data_steps import IngestStep, ScanStep, SubsetStep, SynthStep
from rawkit.pipeline.model_steps import EvaluateStep, TrainStep
from rawkit.pipeline.report_step import ReportStep
from rawkit.pipeline.restore_step import RestoreStep
from rawkit.pipeline.table_steps import SheetStep, TablesStep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rawkit.pipeline.step import Step

STEPS: Final[Mapping[str, type[Step]]] = MappingProxyType(
    {
        "calibrate": CalibrateStep,
        "darkroom": DarkroomStep,
        "evaluate": EvaluateStep,
        "ingest": IngestStep,
        "report": ReportStep,
        "restore": RestoreStep,
        "scan": ScanStep,
        "sheet": SheetStep,
        "subset": SubsetStep,
        "synth": SynthStep,
        "tables": TablesStep,
        "train": TrainStep,
    }
)
