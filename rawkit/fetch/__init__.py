"""From where a collection is offered to files in a folder, in the collection's layout."""

from rawkit.fetch.plan import Different, FetchPlan, Wanted, plan_fetch
from rawkit.fetch.run import FetchReport, fetch_collection, run_fetch
from rawkit.late import callable_as

callable_as(__name__, "rawkit.api:fetch")

__all__ = [
    "Different",
    "FetchPlan",
    "FetchReport",
    "Wanted",
    "fetch_collection",
    "plan_fetch",
    "run_fetch",
]
