"""Making a subset: choose, and save under a name that keeps its meaning."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from fractions import Fraction
from hashlib import sha256
from typing import TYPE_CHECKING

from rawkit.catalog import Selection, thin_scenes
from rawkit.errors import SelectionError, UsageError
from rawkit.locations import Url
from rawkit.store import Store
from rawkit.subset.choose import choose_frames
from rawkit.subset.files import load_subset, save_subset, selection_values
from rawkit.subset.types import Limits, Subset
from rawkit.workspace import listed, no_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawkit.locations import Location
    from rawkit.workspace import Workspace

_KILO = 1000
_LISTED = 12
"""Names of a filter that are told one by one."""


def make_subset(
    workspace: Workspace,
    stores: Sequence[Location],
    *,
    fraction: float,
    seed: int = 0,
    name: str | None = None,
    refresh: bool = False,
    limits: Limits | None = None,
    selection: Selection | None = None,
    save: bool = True,
) -> tuple[Subset, bool]:
    """Choose frames and save the choice; returns it, and whether it was (re)made.

    The training split alone is thinned, by whole scenes, for each collection and camera; val and
    test stay whole, but for what a selection filters out. A saved subset made with the same
    settings is returned as it is. Without `save` nothing is written.

    Raises
    ------
    UsageError
        If the settings make no sense, or a subset of that name was made with other ones.
    SelectionError
        If nothing passes the selection, or neither a training pair is left nor a long of which
        dark frames could be made.
    """
    if not stores:
        raise no_store(workspace.stores_folder)
    thin_scenes((), fraction, seed)
    limits, selection = limits or Limits(), selection or Selection()
    _check(limits)
    name = name or default_name(fraction, limits, selection)
    path = workspace.subset(name)
    opened = [Store(store) for store in stores]
    located = {store.collection: _relative(store.path, workspace) for store in opened}
    created = datetime.now(UTC).isoformat(timespec="microseconds")
    wanted = Subset(name, fraction, seed, created, located, (), limits, selection)
    if path.exists() and not refresh:
        saved = load_subset(path)
        if _settings(saved) != _settings(wanted):
            raise UsageError(
                f"subset {name} was made with {_describe(saved)}",
                expected=_describe(wanted),
                where=path,
                fix="Choose another --name, or --refresh to make it anew.",
            )
        return saved, False
    frames = choose_frames(
        opened, fraction=fraction, seed=seed, limits=limits, selection=selection
    )  # fmt: skip
    subset = Subset(name, fraction, seed, created, located, frames, limits, selection)
    longs = subset.columns.which(split="train", role="long", paired=True)
    if not subset.pair_count("train") and not longs.any():
        raise SelectionError(
            f"no training pair among {len(frames)} frames",
            expected="dark frames of the train split with their long exposure",
            where=", ".join(str(store) for store in stores),
            fix=_more(limits, selection),
        )
    if save:
        save_subset(subset, path)
    return subset, True


def default_name(fraction: float, limits: Limits, selection: Selection) -> str:
    """Name a subset after its settings: ``f0.4``, ``n500``, ``4GB``, and a mark of its filters."""
    parts = []
    if limits.max_pairs is not None:
        parts.append(f"n{limits.max_pairs}")
    if limits.max_bytes is not None:
        parts.append(_bytes_name(limits.max_bytes))
    if fraction != 1 or not parts:
        parts.insert(0, f"f{float(Fraction(repr(fraction))):g}")
    if selection != Selection():
        values = json.dumps(selection_values(selection), sort_keys=True)
        parts.append(sha256(values.encode()).hexdigest()[:6])
    return "-".join(parts)


def describe_limits(subset: Subset) -> str:
    """Say what else than the fraction limits a subset, for people; empty if nothing does."""
    limits, parts = subset.limits, []
    if limits.max_pairs is not None:
        parts.append(f"at most {limits.max_pairs} training pairs")
    if limits.max_bytes is not None:
        parts.append(f"at most {_bytes_name(limits.max_bytes)}")
    filters = selection_values(subset.selection)
    return ", ".join(
        [*parts, *(f"{_option(key)} {_text(value)}" for key, value in filters.items())]
    )


def _option(key: str) -> str:
    """Name the option that sets a field of a selection."""
    said = {"excluded": "without-excluded", "bad": "without-excluded (found)"}
    return "--" + said.get(key, key.removesuffix("s").replace("_", "-"))


def _describe(subset: Subset) -> str:
    parts = [f"fraction {subset.fraction:g}", f"seed {subset.seed}", describe_limits(subset)]
    return ", ".join([*filter(None, parts), f"stores {listed(subset.stores)}"])


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if not isinstance(value, tuple):
        return str(value)
    if len(value) > _LISTED and all(isinstance(one, str) for one in value):
        return f"{len(value)} of them"
    return ",".join("-".join(map(_text, one)) if isinstance(one, tuple) else _text(one)
                    for one in value)  # fmt: skip


def _bytes_name(count: int) -> str:
    for unit in ("B", "kB", "MB"):
        if count < _KILO or count % _KILO:
            return f"{count}{unit}"
        count //= _KILO
    return f"{count}GB"


def _settings(subset: Subset) -> tuple[object, ...]:
    return (
        subset.fraction, subset.seed, subset.limits, subset.selection, dict(subset.stores),
    )  # fmt: skip


def _check(limits: Limits) -> None:
    for what, value in (("pairs", limits.max_pairs), ("bytes", limits.max_bytes)):
        if value is not None and value < 1:
            raise UsageError(f"at most {value} {what}", expected="1 or more")


def _more(limits: Limits, selection: Selection) -> str:
    if limits != Limits():
        return "Whole scenes are taken: allow more frames or bytes."
    if selection != Selection():
        return "Allow more with the filters."
    return "Ingest more scenes, or the longs that are missing."


def _relative(store: Location, workspace: Workspace) -> str:
    """Name a store as seen from the workspace; in full if it lies elsewhere."""
    if isinstance(store, Url):
        return str(store)
    store, root = store.resolve(), workspace.root.resolve()
    return store.relative_to(root).as_posix() if store.is_relative_to(root) else str(store)
