"""From a catalog to a store: frames are prepared by workers and committed by one process."""

from rawkit.ingest.estimate import Estimate, estimate_ingest
from rawkit.ingest.executor import Resources, connect_cluster
from rawkit.ingest.jobs import Targets
from rawkit.ingest.quarantine import MaxBad
from rawkit.ingest.repair import catalog_of_damage, repair_store
from rawkit.ingest.run import IngestPlan, IngestReport, plan_ingest, run_ingest

__all__ = [
    "Estimate",
    "IngestPlan",
    "IngestReport",
    "MaxBad",
    "Resources",
    "Targets",
    "catalog_of_damage",
    "connect_cluster",
    "estimate_ingest",
    "plan_ingest",
    "repair_store",
    "run_ingest",
]
