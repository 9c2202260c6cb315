"""What the root of a store says of its collection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rawkit.ingest.profiles import named_profiles
from rawkit.store import FRAME_RATES, PROFILES, Store, is_store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rawkit.catalog import Definition
    from rawkit.locations import Location
    from rawkit.store import StoredProfile


def attributes_of(
    definition: Definition,
    store: Location,
    frame_rates: Mapping[str, float],
    profiles: Sequence[StoredProfile],
) -> dict[str, Any]:
    """Return the attributes of the root: those of the definition, and what is known by now.

    Frame rates and profiles that the store has stay.
    """
    before = Store(store) if is_store(store) else None
    rates = {**(before.frame_rates if before is not None else {}), **frame_rates}
    named = named_profiles(before, profiles)
    return {
        "collection": definition.name,
        "title": definition.title,
        "homepage": definition.homepage,
        "licence": definition.licence,
        "citation": definition.citation,
        **({FRAME_RATES: rates} if rates else {}),
        **({PROFILES: named} if named else {}),
    }
