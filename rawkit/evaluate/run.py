"""An evaluation from plan to tables: picture by picture, and resumed where it stopped."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np

from rawkit.errors import UsageError
from rawkit.evaluate.bootstrap import RESAMPLES
from rawkit.evaluate.journal import JOURNAL, Journal
from rawkit.evaluate.measure import measure
from rawkit.evaluate.memory import MAX_RAM, check_memory, largest
from rawkit.evaluate.pairs import pairs_digest
from rawkit.evaluate.summary import summarise
from rawkit.evaluate.tables import (
    SUMMARY_JSON,
    VERSION,
    Evaluation,
    Identity,
    load_evaluation,
    write_tables,
)
from rawkit.progress import SILENT
from rawkit.store import lock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rawkit.evaluate.methods import Method
    from rawkit.evaluate.pairs import Pair
    from rawkit.evaluate.protocol import Protocol
    from rawkit.progress import Progress

_LOCK = "evaluate.lock"


@dataclass(frozen=True)
class EvaluationPlan:
    """What will be evaluated, and where its tables go."""

    method: Method
    """The network or the plain conversion."""
    protocol: Protocol
    """How pictures are compared."""
    pairs: Sequence[Pair]
    """Pairs, in the order of the tables."""
    folder: Path
    """Folder of the tables."""
    title: str
    """What is evaluated, for people."""
    resamples: int = RESAMPLES
    """Draws of the bootstrap."""
    seed: int = 0
    """Seed of the bootstrap."""
    max_ram: int = MAX_RAM
    """Bytes that the process may take; decides the size of a network's tiles."""

    def __post_init__(self) -> None:
        """Check the bootstrap."""
        if self.resamples < 1 or self.seed < 0:
            raise UsageError(
                f"{self.resamples} draws of the bootstrap with seed {self.seed}",
                expected="at least one draw, and a seed of at least 0",
            )

    def within_memory(self) -> EvaluationPlan:
        """Return the plan with a method that stays within `max_ram` on all of its pictures.

        Raises
        ------
        UsageError
            If the largest picture cannot be compared within it.
        """
        height, width = largest(self.pairs)
        check_memory(self.max_ram, height, width)
        return replace(self, method=self.method.within(self.max_ram, height, width))

    @property
    def identity(self) -> Identity:
        """Weights, data and protocol."""
        return Identity(
            method=self.method.name,
            weights=self.method.digest,
            data=pairs_digest(self.pairs),
            protocol=asdict(self.protocol),
            pairs=len(self.pairs),
        )


def evaluation_id(identity: Identity, version: int = VERSION) -> str:
    """Sixteen hexadecimal digits that stand for weights, data and protocol."""
    values = json.dumps([version, asdict(identity)], sort_keys=True, default=list)
    return sha256(values.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """What an evaluation did."""

    evaluation: Evaluation
    """The finished evaluation."""
    measured: int
    """Pictures measured by this call; the others were in the journal."""


def pictures_done(plan: EvaluationPlan) -> int:
    """Count the pictures that need not be measured again; changes nothing.

    Raises
    ------
    UsageError
        If the folder holds another evaluation.
    """
    if _stored(plan, evaluation_id(plan.identity)) is not None:
        return len(plan.pairs)
    path = plan.folder / JOURNAL
    return max(0, path.read_bytes().count(b"\n") - 1) if path.is_file() else 0


def run_evaluation(plan: EvaluationPlan, progress: Progress = SILENT) -> EvaluationReport:
    """Measure what is not measured yet, and write the tables.

    Can be killed at any moment and called again: it goes on with the next picture and ends in the
    same tables.

    Raises
    ------
    UsageError
        If the folder holds another evaluation, or a picture is too large for `max_ram`.
    StoreLockedError
        If another process evaluates into the folder.
    StoreDamagedError
        If a shard is missing or damaged; what was measured is kept.
    OutputError
        If the folder cannot be written.
    """
    identity = plan.identity
    name = evaluation_id(identity)
    with lock(plan.folder / _LOCK):
        stored = _stored(plan, name)
        if stored is not None:
            (plan.folder / JOURNAL).unlink(missing_ok=True)
            return EvaluationReport(_with_draws(stored, plan), 0)
        method = plan.within_memory().method
        with Journal(plan.folder / JOURNAL, name) as journal:
            left = [pair for pair in plan.pairs if pair.key not in journal.rows]
            with progress.stage("Evaluating", len(plan.pairs), "pictures") as advance:
                advance(len(plan.pairs) - len(left), "")
                for pair in left:
                    row = measure(pair, method, plan.protocol, name)
                    journal.add(row)
                    advance(1, f"{row.psnr:.2f} dB  {pair.dark.name}")
            rows = [journal.rows[pair.key] for pair in plan.pairs]
        rng = np.random.default_rng(plan.seed)
        groups = tuple(summarise(rows, rng, plan.resamples))
        evaluation = Evaluation(
            plan.folder, name, identity, plan.title, plan.resamples, plan.seed, groups
        )
        write_tables(evaluation, rows)
        (plan.folder / JOURNAL).unlink(missing_ok=True)
    return EvaluationReport(load_evaluation(plan.folder), len(left))


def _stored(plan: EvaluationPlan, name: str) -> Evaluation | None:
    """Return the evaluation that the folder holds already, which must be this one."""
    if not (plan.folder / SUMMARY_JSON).is_file():
        return None
    found = load_evaluation(plan.folder)
    if found.id != name:
        raise UsageError(
            f"evaluation {found.id} of {found.title}",
            expected=f"evaluation {name}: other weights, data or protocol",
            where=plan.folder,
            fix="Choose another --name, or delete the folder.",
        )
    return found


def _with_draws(found: Evaluation, plan: EvaluationPlan) -> Evaluation:
    """Return a finished evaluation with the draws of the plan; its tables are written anew."""
    if (found.resamples, found.seed) == (plan.resamples, plan.seed):
        return found
    rows = found.rows()
    groups = tuple(summarise(rows, np.random.default_rng(plan.seed), plan.resamples))
    anew = replace(found, resamples=plan.resamples, seed=plan.seed, groups=groups)
    write_tables(anew, rows)
    return anew
