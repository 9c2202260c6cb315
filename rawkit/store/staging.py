"""Where shards wait until they are moved into their store."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from rawkit.locations import Url

if TYPE_CHECKING:
    from rawkit.locations import Location


def staging_of(location: Location, folder: Path | None = None) -> Path:
    """Return the folder in which shards of a store wait, and files of a killed run are swept.

    For a store of this machine it lies beside it, on the same disk. For one elsewhere it lies in
    `folder`, or else in the user's cache, under a name that follows from the URL.
    """
    if not isinstance(location, Url):
        return location.with_name(location.name + ".part")
    mark = sha256(str(location).encode()).hexdigest()[:12]
    return (folder or _cache()) / f"{location.name}-{mark}.part"


def _cache() -> Path:
    """Return the folder for what may be lost, as the XDG base directories have it."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(named) if named else Path.home() / ".cache") / "rawkit" / "staging"
