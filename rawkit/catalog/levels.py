"""Levels that a definition sets where files of a collection are known to be wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawkit.sensor import Levels

if TYPE_CHECKING:
    from rawkit.catalog.definition import Definition
    from rawkit.catalog.types import Entry


def levels_of(definition: Definition, entry: Entry) -> tuple[Levels | None, str]:
    """Return the levels that override those of a frame, and where its levels come from."""
    for rule in definition.levels:
        if rule.fits(entry.frame.model, entry.frame.exposure.iso):
            return Levels(rule.black, rule.white), f"definition: {rule.reason}"
    return None, "file"
