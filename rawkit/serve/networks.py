"""The weights that can be chosen, and their networks: loaded once, and kept warm."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from rawkit.errors import UsageError
from rawkit.restore import (
    Brightness,
    Compute,
    Origin,
    backend_of,
    load_restorer,
    parse_exposure,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rawkit.restore import Restorer, Single
    from rawkit.serve.schemas import Wanted

_MOST_OTHERS = 2
"""Networks that are kept beside the first."""
_PLAIN = ("weights", "best", "last")
"""Names of files that say nothing: the folder's name does."""


class Networks:
    """Networks by the names of their weights. May be used by several threads.

    Parameters
    ----------
    weights
        Their files; the first is used by default.
    max_ram
        Bytes that the process may plan with.
    """

    def __init__(self, weights: tuple[Path, ...], max_ram: int) -> None:
        self.weights: Mapping[str, Path] = _named(weights)
        """Files of weights, by the names they go by."""
        self.loaded: dict[str, Restorer] = {}
        """Those that were loaded."""
        self._max_ram = max_ram
        self._lock = threading.Lock()

    @property
    def ready(self) -> bool:
        """Whether the first one is loaded."""
        return next(iter(self.weights)) in self.loaded

    def restorer(self, name: str | None) -> Restorer:
        """Return a warm network by the name of its weights; the first if None.

        Raises
        ------
        UsageError
            If there are no such weights.
        WeightsError
            If they cannot be loaded.
        """
        chosen = next(iter(self.weights)) if name is None else name
        if chosen not in self.weights:
            raise UsageError(f"weights {chosen!r}", expected=f"one of {', '.join(self.weights)}")
        with self._lock:
            if chosen not in self.loaded:
                path = self.weights[chosen]
                found = load_restorer(path, Compute(path, backend_of(path), max_ram=self._max_ram))
                if found.must_probe("auto"):
                    found.learned().neutral()
                first = next(iter(self.weights))
                others = [one for one in self.loaded if one != first]
                for old in others[: len(others) - _MOST_OTHERS + 1]:
                    del self.loaded[old]
                self.loaded[chosen] = found
            return self.loaded[chosen]


def brightness_of(wanted: Wanted, single: Single, restorer: Restorer) -> Brightness:
    """Return how bright a picture is to be; `stops` are counted from the automatic one.

    Raises
    ------
    RawkitError
        If the file does not say enough for an exposure.
    """
    if wanted.exposure is not None:
        return Brightness("ratio", (), parse_exposure(wanted.exposure))
    if wanted.m is not None:
        return Brightness("auto", (wanted.m,))
    if not wanted.stops:
        return Brightness()
    capture = single.capture
    origin = Origin(single.base, capture.exposure, single.gain_ratio, capture.model)
    automatic, once = (
        restorer.developments(single.image, one, wanted.colour, origin)[0].amplification
        for one in (Brightness(), Brightness("auto", (1.0,)))
    )
    return Brightness("auto", (float(f"{automatic / once * 2**wanted.stops:.4g}"),))


def _named(weights: tuple[Path, ...]) -> dict[str, Path]:
    """Name weights by their files, and by the folders above where that is not enough."""
    names: dict[str, Path] = {}
    for path in weights:
        plain = path.parent.name if path.stem in _PLAIN else path.stem
        name, number = plain or path.name, 2
        while name in names:
            name, number = f"{plain} {number}", number + 1
        names[name] = path
    return names
