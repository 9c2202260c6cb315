"""From a catalog to a store: frames are prepared by workers and committed by one process."""

from rawkit.ingest.estimate import Estimate, estimate_ingest
from rawkit.ingest.executor import Resources
from rawkit.ingest.quarantine import MaxBad
from rawkit.ingest.run import IngestPlan, IngestReport, plan_ingest, run_ingest

__all__ = [
    "Estimate",
    "IngestPlan",
    "IngestReport",
    "MaxBad",
    "Resources",
    "estimate_ingest",
    "plan_ingest",
    "run_ingest",
]
