"""The grey that weights make neutral, found by asking them once and kept beside them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rawkit.errors import OutputError
from rawkit.files import write_atomically
from rawkit.models import describe, find_neutral

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from rawkit.models import ExportedNetwork, Staged
    from rawkit.sensor import Neutral

SUFFIX = ".neutral.json"
"""What follows the name of the weights' file."""
_known: dict[str, Neutral | None] = {}
"""By the identity of the weights, while the process lives: a folder may not be written to."""


@dataclass(frozen=True, slots=True)
class KnownNeutral:
    """What asking weights has found; travels to other processes."""

    identity: str
    """SHA-256 of the file of the weights, hexadecimal."""
    neutral: Neutral | None
    """The grey that they make neutral; None where there is none."""


def known_neutral(identity: str) -> KnownNeutral | None:
    """Return what this process has found of weights; None where they have not been asked."""
    return KnownNeutral(identity, _known[identity]) if identity in _known else None


def remember(found: KnownNeutral) -> None:
    """Take over what another process has found."""
    _known[found.identity] = found.neutral


def probed_neutral(
    net: Staged | nn.Module | ExportedNetwork, network: str, identity: str, weights: Path | None
) -> Neutral | None:
    """Return the neutral of weights that do not say which cameras they saw; some seconds once.

    `identity` is the SHA-256 of their file, empty where there is none. None where no grey comes out
    neutral.
    """
    if identity and identity in _known:
        return _known[identity]
    path = None if weights is None or not identity else weights.with_name(weights.name + SUFFIX)
    kept = None if path is None else _read(path, identity)
    if kept is None:
        about = describe(network)
        found = find_neutral(net, about.cell, about.multiple)
        kept = {"weights": identity, "red": found.red, "blue": found.blue,
                "error": found.error, "found": found.found}  # fmt: skip
        _keep(path, kept)
    neutral = (float(kept["red"]), 1.0, float(kept["blue"])) if kept["found"] else None
    if identity:
        _known[identity] = neutral
    return neutral


def _read(path: Path, identity: str) -> dict[str, float | str | bool] | None:
    """Return what was kept of these weights; None where there is nothing, or of others."""
    try:
        kept = json.loads(path.read_text("utf-8"))
        return (
            kept if kept["weights"] == identity and {"red", "blue", "found"} <= set(kept) else None
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _keep(path: Path | None, kept: dict[str, float | str | bool]) -> None:
    if path is None:
        return
    try:
        write_atomically(path, json.dumps(kept, indent=2).encode())
    except OutputError:
        return  # the folder of the weights is not ours to write to: they are asked again next time
