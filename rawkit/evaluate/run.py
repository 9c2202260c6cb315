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
from rawkit.evaluate.measure import both_prepared, compared
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
from rawkit.evaluate.video_figures import VideoLight, curve_rows, summarise_videos, video_row
from rawkit.evaluate.videos import videos_of
from rawkit.progress import SILENT
from rawkit.store import lock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rawkit.evaluate.measure import PictureRow
    from rawkit.evaluate.methods import Method
    from rawkit.evaluate.pairs import Pair
    from rawkit.evaluate.protocol import Protocol
    from rawkit.evaluate.summary import GroupSummary
    from rawkit.evaluate.video_figures import CurveRow, VideoRow
    from rawkit.evaluate.videos import Video
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
        moves = any(video.moves for video in self.videos)
        check_memory(self.max_ram, height, width, videos=moves)
        pieces = self.protocol.pieces
        return replace(self, method=self.method.within(self.max_ram, height, width, pieces))

    @property
    def videos(self) -> list[Video]:
        """The videos that its pairs are frames of; pairs that are none are videos of one frame."""
        return videos_of(self.pairs)

    @property
    def identity(self) -> Identity:
        """Weights, data and protocol."""
        return Identity(
            method=self.method.name,
            weights=self.method.digest,
            data=pairs_digest(self.pairs),
            protocol=self.protocol.identity,
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
            done = sum(pair.key in journal.rows for pair in plan.pairs)
            with progress.stage("Evaluating", len(plan.pairs), "pictures") as advance:
                advance(done, "")
                for video in plan.videos:
                    for row in _measured(video, method, plan.protocol, journal, name):
                        advance(1, f"{row.psnr:.2f} dB  {row.name}")
            rows = [journal.rows[pair.key] for pair in plan.pairs]
            videos, curves = _videos(plan.videos, journal, name)
        groups, together = _summaries(rows, videos, plan)
        evaluation = Evaluation(
            plan.folder, name, identity, plan.title, plan.resamples, plan.seed, groups, together
        )
        write_tables(evaluation, rows, videos, curves)
        (plan.folder / JOURNAL).unlink(missing_ok=True)
    return EvaluationReport(load_evaluation(plan.folder), len(plan.pairs) - done)


def _measured(
    video: Video, method: Method, protocol: Protocol, journal: Journal, evaluation: str
) -> Iterator[PictureRow]:
    """Measure the frames of a video that the journal does not have, and note them."""
    noted = journal.lights if video.moves else journal.rows
    first = next((index for index, pair in enumerate(video.pairs) if pair.key not in noted), None)
    if first is None:
        return
    light = VideoLight() if video.moves else None
    # The frame before the first to be measured is restored again, to see what has changed.
    begin = max(0, first - 1) if video.moves else first
    for index, found in enumerate(method.frames(video, begin, protocol), begin):
        restored, truth = both_prepared(found, protocol)
        lights = None
        if light is not None:
            lights = light.see(restored, truth, follows=video.follows(index))
        if index >= first:
            row = compared(found, restored, truth, protocol, evaluation)
            journal.add(row, lights)
            yield row


def _videos(
    videos: Sequence[Video], journal: Journal, evaluation: str
) -> tuple[list[VideoRow], list[CurveRow]]:
    """Put the figures of whole videos together."""
    rows: list[VideoRow] = []
    curves: list[CurveRow] = []
    for video in videos:
        if video.moves:
            lights = [journal.lights[pair.key] for pair in video.pairs]
            rows.append(video_row(video, [journal.rows[pair.key] for pair in video.pairs], lights))
            curves += curve_rows(video, evaluation, lights)
    return rows, curves


def _summaries(
    rows: Sequence[PictureRow], videos: Sequence[VideoRow], plan: EvaluationPlan
) -> tuple[tuple[GroupSummary, ...], GroupSummary | None]:
    """Means over pictures, and over videos if there are any."""
    seed, resamples, protocol = plan.seed, plan.resamples, plan.protocol
    nominal = protocol.nominal if protocol.ratios else None
    groups = tuple(summarise(rows, np.random.default_rng(seed), resamples, nominal))
    if not videos:
        return groups, None
    return groups, summarise_videos(videos, np.random.default_rng([seed, 1]), resamples)


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
    rows, videos = found.rows(), found.video_rows()
    groups, together = _summaries(rows, videos, plan)
    anew = replace(found, resamples=plan.resamples, seed=plan.seed, groups=groups, videos=together)
    write_tables(anew, rows, videos, found.curves())
    return anew
