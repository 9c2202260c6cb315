"""From a catalog to a store: frames are prepared by workers and committed by one process."""

from rawkit.ingest.away import passes, pause_before, reason_of
from rawkit.ingest.estimate import Estimate, estimate_ingest
from rawkit.ingest.exchange import Exchange
from rawkit.ingest.executor import Pool
from rawkit.ingest.frame import FrameJob, Prepared, prepare_frame
from rawkit.ingest.held import read_ahead
from rawkit.ingest.jobs import Targets
from rawkit.ingest.quarantine import MaxBad
from rawkit.ingest.refill import Refill, refill_store
from rawkit.ingest.repair import catalog_of_damage, repair_store
from rawkit.ingest.run import IngestPlan, IngestReport, plan_ingest, run_ingest
from rawkit.ingest.shelf import StoreShelf, hold_shelf, open_shelf, shelf_staging
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
    "StoreShelf",
    "Targets",
    "catalog_of_damage",
    "estimate_ingest",
    "hold_shelf",
    "open_shelf",
    "passes",
    "pause_before",
    "plan_ingest",
    "prepare_frame",
    "read_ahead",
    "reason_of",
    "refill_store",
    "repair_store",
    "run_ingest",
    "shelf_staging",
]
