"""From names to a plan: stores, subset, pairs, and the folder of the tables."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rawkit.errors import UsageError
from rawkit.evaluate.bootstrap import RESAMPLES
from rawkit.evaluate.locate import default_name
from rawkit.evaluate.memory import MAX_RAM
from rawkit.evaluate.pairs import choose_pairs
from rawkit.evaluate.plain import EQUALISED
from rawkit.evaluate.run import EvaluationPlan, evaluation_id
from rawkit.store import Store
from rawkit.subset import load_subset, open_stores
from rawkit.workspace import check_name, no_store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rawkit.catalog import Selection
    from rawkit.evaluate.locate import Subject
    from rawkit.evaluate.pairs import Pair
    from rawkit.evaluate.protocol import Protocol
    from rawkit.locations import Location
    from rawkit.restore import Mending
    from rawkit.subset import Subset
    from rawkit.workspace import Workspace


def plan_evaluation(
    workspace: Workspace,
    subject: Subject,
    protocol: Protocol,
    *,
    stores: Sequence[str] | None = None,
    subset: str | None = None,
    selection: Selection | None = None,
    limit: int | None = None,
    name: str | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    max_ram: int = MAX_RAM,
    mending: Callable[[Sequence[Location]], Mending | None] | None = None,
) -> EvaluationPlan:
    """Find out what an evaluation would look at; writes nothing.

    `mending` is asked for the profiles that are applied to dark frames of some stores.

    Without names of stores, those of the subset are used, else all of the workspace that the
    protocol has a use for.

    Raises
    ------
    MissingError
        If a store or the subset is not there.
    SelectionError
        If no pair is left.
    ProfileError
        If a profile is to be applied and cannot be used.
    UsageError
        If one is to be applied, and histograms are equalised.
    """
    chosen = load_subset(workspace.subset(subset)) if subset is not None else None
    pairs = choose_pairs(
        _stores(workspace, stores, chosen, protocol),
        protocol,
        selection=selection,
        subset=chosen,
        limit=limit,
    )
    chosen_profiles = None if mending is None else mending([pair.group.store for pair in pairs])
    if chosen_profiles is not None:
        pairs = [replace(pair, mending=chosen_profiles) for pair in pairs]
        _refuse_equalised(subject, protocol, pairs[0])
    plan = EvaluationPlan(
        subject.method, protocol, pairs, subject.home, subject.title, resamples, seed, max_ram
    )
    folder = check_name(name or default_name(protocol, evaluation_id(plan.identity)), "evaluation")
    return replace(plan, folder=subject.home / folder)


def _refuse_equalised(subject: Subject, protocol: Protocol, pair: Pair) -> None:
    """Refuse a profile where histograms are equalised, as the sensor's integers are."""
    method = subject.method
    kind = protocol.amplifier(method.amplification_of(pair)).kind
    if kind == "equalise" or method.name == EQUALISED:
        raise UsageError(
            "a profile with histogram equalisation", expected="another amplification",
            fix="Leave --profile.",
        )  # fmt: skip


def _stores(
    workspace: Workspace, names: Sequence[str] | None, subset: Subset | None, protocol: Protocol
) -> list[Store]:
    if subset is not None:
        opened = open_stores(subset, workspace)
        return [store for name, store in opened.items() if not names or name in names]
    if names:
        return [Store(workspace.find_store(name)) for name in names]
    found = workspace.stores()
    if not found:
        raise no_store(workspace.stores_folder)
    opened_all = [Store(path) for path in found]
    fitting = [
        store for store in opened_all
        if not protocol.collections or store.collection in protocol.collections
    ]  # fmt: skip
    return fitting or opened_all
