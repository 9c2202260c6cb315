"""What the commands on subsets print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rawkit.cli._print import size, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rawkit.subset import Difference, Subset
    from rawkit.workspace import Workspace

LIST_HEADERS = (
    "name", "fraction", "seed", "created", "stores", "train", "val", "test", "limits and filters",
)  # fmt: skip
_AXES = {"camera": "camera", "place": "place", "iso": "ISO", "ratio": "ratio"}


def summary(one: Subset) -> dict[str, Any]:
    """Return what JSON says of a subset, beside its balance."""
    from rawkit.subset import SPLITS, selection_values

    return {
        "name": one.name,
        "fraction": one.fraction,
        "seed": one.seed,
        "created": one.created,
        "stores": sorted(one.stores),
        **{split: one.pair_count(split) for split in SPLITS},
        "max_pairs": one.limits.max_pairs,
        "max_bytes": one.limits.max_bytes,
        "selection": selection_values(one.selection),
    }


def list_row(one: Subset) -> list[object]:
    """Return the cells of a subset under `LIST_HEADERS`."""
    from rawkit.subset import describe_limits

    told = summary(one)
    keys = ("name", "fraction", "seed", "created", "stores", "train", "val", "test")
    return [*(told[key] for key in keys), describe_limits(one) or None]


def described(one: Subset, weights: Mapping[str, int] | None) -> dict[str, Any]:
    """Return all that JSON says of a subset."""
    from rawkit.subset import AXES

    return {
        **summary(one),
        "scenes": one.scenes("train"),
        "bytes": None if weights is None else dict(weights),
        "balance": one.balance(),
        "balance_over": {axis: one.balance_over(axis) for axis in AXES},
    }


def described_text(one: Subset, weights: Mapping[str, int] | None) -> str:
    """Say what a subset holds, and how its pairs are spread."""
    from rawkit.subset import describe_limits

    limits = describe_limits(one)
    line = f"{one.scenes('train')} training scenes, fraction {one.fraction:g}, seed {one.seed}"
    lines = [f"{line}, {limits}" if limits else line]
    if weights is not None:
        told = ", ".join(f"{split} {size(count)}" for split, count in weights.items())
        lines.append(f"shards: {size(sum(weights.values()))} ({told})")
    headers = ("collection", "camera", "ISO", "ratio", "train", "val", "test")
    lines += ["", table(headers, one.balance()), "", _balances(one)]
    return "\n".join(lines)


def _balances(one: Subset) -> str:
    """Lay out the pairs over each axis, each value with its share of the training pairs."""
    total = max(one.pair_count("train"), 1)
    rows: list[tuple[object, ...]] = []
    for axis, name in _AXES.items():
        counts = one.balance_over(axis)
        if axis == "place" and all(value is None for value, *_ in counts):
            continue
        rows += [
            (f"by {name}", value, train, val, test, f"{train / total:.0%}")
            for value, train, val, test in counts
        ]
    return table(("pairs", "", "train", "val", "test", "of train"), rows)


def weights_of(one: Subset, workspace: Workspace) -> dict[str, int] | None:
    """Bytes of the shards of each split; None where a store has gone or changed."""
    from rawkit.errors import RawkitError
    from rawkit.subset import open_stores, split_bytes

    try:
        return split_bytes(one, open_stores(one, workspace))
    except RawkitError:
        return None


def difference(found: Difference) -> dict[str, Any]:
    """Count the frames that two subsets share and do not share, by collection, split and role."""
    parts = {"first": found.first, "second": found.second, "both": found.both}
    keys = sorted(
        {(f.collection, f.split, f.role) for frames in parts.values() for f in frames}
    )  # fmt: skip
    counts = [
        [*key, *(sum((f.collection, f.split, f.role) == key for f in frames)
                 for frames in parts.values())]
        for key in keys
    ]  # fmt: skip
    scenes = {
        name: len({(f.collection, f.scene) for f in frames if f.split == "train"})
        for name, frames in parts.items()
    }
    return {
        "relation": found.relation,
        **{name: len(frames) for name, frames in parts.items()},
        "training_scenes": scenes,
        "counts": counts,
    }


def difference_text(first: str, second: str, told: Mapping[str, Any]) -> str:
    """Say how two subsets differ."""
    relation = {
        "equal": f"{first} and {second} hold the same frames",
        "within": f"{first} lies within {second}",
        "contains": f"{first} contains {second}",
        "overlap": f"{first} and {second} overlap",
        "apart": f"{first} and {second} have nothing in common",
    }[told["relation"]]
    headers = ("collection", "split", "role", f"only {first}", f"only {second}", "both")
    return f"{relation}\n\n{table(headers, told['counts'])}"
