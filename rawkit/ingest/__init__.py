"""From a catalog to a store: frames are prepared by workers and committed by one process."""

from rawkit.ingest.estimate import Estimate, estimate_ingest
from rawkit.ingest.exchange import Exchange
from rawkit.ingest.executor import Pool
from rawkit.ingest.frame import FrameJob, Prepared, prepare_frame
from rawkit.ingest.jobs import Targets
from rawkit.ingest.quarantine import MaxBad
from rawkit.ingest.refill import Refill, refill_store
from rawkit.ingest.repair import catalog_of_damage, repair_store
from rawkit.ingest.run import IngestPlan, IngestReport, plan_ingest, run_ingest
from rawkit.late import callable_as

callable_as(__name__, "rawkit.api:ingest")

__all__ = [
    "Estimate",
    "Exchange",
    "FrameJob",
    "IngestPlan",
    "IngestReport",
    "MaxBad",
    "Pool",
    "Prepared",
    "Refill",
    "Targets",
    "catalog_of_damage",
    "estimate_ingest",
    "plan_ingest",
    "prepare_frame",
    "refill_store",
    "repair_store",
    "run_ingest",
]
