"""What the root of a store says of its collection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rawkit.ingest.profiles import named_profiles
from rawkit.store import FRAME_RATES, PROFILES, Store, is_store

if TYPE_CHECKING:
    from rawkit.ingest.run import IngestPlan


def attributes_of(plan: IngestPlan) -> dict[str, Any]:
    """Return the attributes of the root: those of the definition, and what is known by now.

    Frame rates and profiles that the store has stay.
    """
    definition = plan.catalog.definition
    before = Store(plan.store) if is_store(plan.store) else None
    rates = {**(before.frame_rates if before is not None else {}), **plan.frame_rates}
    named = named_profiles(before, plan.profiles)
    return {
        "collection": definition.name,
        "title": definition.title,
        "homepage": definition.homepage,
        "licence": definition.licence,
        "citation": definition.citation,
        **({FRAME_RATES: rates} if rates else {}),
        **({PROFILES: named} if named else {}),
    }
