"""From a catalog to a store: frames are prepared by workers and committed by one process."""

from rawkit.ingest.run import IngestPlan, IngestReport, plan_ingest, run_ingest

__all__ = ["IngestPlan", "IngestReport", "plan_ingest", "run_ingest"]
