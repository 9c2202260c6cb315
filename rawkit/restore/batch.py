"""A whole batch: what is there is skipped, what fails is listed, and every picture is noted."""

from __future__ import annotations

import os
import re
import time
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rawkit.errors import OutputError, RawkitError, UsageError
from rawkit.ingest import Resources
from rawkit.progress import SILENT
from rawkit.restore.decoder import Decoder
from rawkit.restore.inputs import Item, LocalRaw, named
from rawkit.restore.manifest import Manifest
from rawkit.restore.output import Output, planned
from rawkit.restore.pipeline import Outcome, Restored, restore_stream
from rawkit.restore.spilling import spilled
from rawkit.restore.stored import StoredFrame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rawkit.progress import Progress
    from rawkit.restore.network import Restorer

_PART = re.compile(r"\.(\d+)\.part")


@dataclass(slots=True)
class RestoreReport:
    """What a batch did."""

    restored: list[Restored] = field(default_factory=list)
    """Pictures written."""
    skipped: list[str] = field(default_factory=list)
    """Files whose pictures were there already."""
    failed: list[tuple[str, RawkitError]] = field(default_factory=list)
    """Files that could not be restored, and why."""
    interrupted: bool = False
    """Whether the user ended it early."""
    stopped: RawkitError | None = None
    """Why nothing more could be written."""
    seconds: float = 0.0
    """Time it took."""


def restore_files(
    files: Sequence[Path],
    output: Output,
    restorer: Restorer,
    progress: Progress = SILENT,
) -> RestoreReport:
    """Restore raw files in this process, each named after itself; else as `restore_items`."""
    items = named([(LocalRaw(path), path.name) for path in files])
    return restore_items(items, output, restorer, progress, Resources(workers=0))


def restore_items(
    items: Sequence[Item],
    output: Output,
    restorer: Restorer,
    progress: Progress = SILENT,
    resources: Resources | None = None,
) -> RestoreReport:
    """Restore mosaics into pictures; one that fails is listed, the rest goes on.

    Each picture has a line in ``manifest.jsonl`` beside it.

    Raises
    ------
    UsageError
        If two items would be written to one picture, or a comparison is asked of a store.
    OutputError
        If the output folder cannot be written.
    """
    started = time.monotonic()
    plan = planned(items, output)
    if output.compare and any(isinstance(item.what, StoredFrame) for item in items):
        raise UsageError(
            "a plain conversion of frames of a store",
            expected="raw files: a store does not hold what LibRaw needs",
        )
    report = RestoreReport()
    wanted = _wanted(plan, output, report)
    chosen = resources or Resources()
    with ExitStack() as stack:
        manifest = stack.enter_context(Manifest(output.folder))
        _sweep({path.parent for paths in plan.values() for path in paths})
        advance = stack.enter_context(progress.stage("Restoring", len(wanted), "files"))

        def done(outcome: Outcome) -> None:
            for one in outcome.restored:
                report.restored.append(one)
                manifest.add(asdict(one))
            if outcome.error is not None:
                report.failed.append((outcome.item.where, outcome.error))
            advance(1, Path(outcome.item.name).name)
            if outcome.fatal and outcome.error is not None:
                raise _StopError(outcome.error)

        try:
            _run(wanted, output, restorer, chosen, done)
        except KeyboardInterrupt:
            report.interrupted = True
        except _StopError as stop:
            report.stopped = stop.error
        except OutputError as error:  # of the manifest
            report.stopped = error
    report.seconds = time.monotonic() - started
    return report


class _StopError(Exception):
    """Nothing more can be written."""

    def __init__(self, error: RawkitError) -> None:
        self.error = error
        super().__init__(str(error))


def _run(
    items: Sequence[Item],
    output: Output,
    restorer: Restorer,
    resources: Resources,
    done: Callable[[Outcome], None],
) -> None:
    with ExitStack() as stack:
        ready: Iterable[Item] = stack.enter_context(spilled(items))
        decoder = None
        if resources.workers != 0:
            decoder = stack.enter_context(Decoder(resources.frame_seconds))
            decoder.start()
        restore_stream(ready, output, restorer, decoder, done)


def _wanted(plan: dict[Item, list[Path]], output: Output, report: RestoreReport) -> list[Item]:
    if not output.skip_existing:
        return list(plan)
    wanted = []
    for item, paths in plan.items():
        if all(path.is_file() for path in paths):
            report.skipped.append(item.where)
        else:
            wanted.append(item)
    return wanted


def _sweep(folders: Iterable[Path]) -> None:
    """Remove what runs that were killed have left half written."""
    for folder in folders:
        for path in folder.glob("*.part"):
            match = _PART.search(path.name)
            if match is not None and not _alive(int(match[1])):
                with suppress(OSError):
                    path.unlink()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
