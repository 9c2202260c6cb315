"""The whole way in one go: the pipeline ``demo`` in a workspace of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rawkit.errors import OutputError, UsageError
from rawkit.pipeline import Study, find_pipeline, load_pipeline, run_study
from rawkit.progress import SILENT
from rawkit.report import HeldOut
from rawkit.synth import NOTE_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rawkit.progress import Progress
    from rawkit.workspace import Workspace

SHEET = "demo.png"
FIGURES = "demo.json"
RESTORED = "restored"
_COLLECTION = "sid"


@dataclass(frozen=True, slots=True)
class DemoReport:
    """What the demo made."""

    sheet: Path
    """The contact sheet."""
    frames: tuple[HeldOut, ...]
    """Every frame of the test split."""


def run_demo(
    workspace: Workspace,
    *,
    sets: Sequence[str] = (),
    say: Callable[[str], None],
    progress: Progress = SILENT,
) -> DemoReport:
    """Run all steps in a workspace of its own; `say` is told the command each step stands for.

    `sets` change settings of the pipeline, as texts such as ``steps=100``. Can be run again: what
    is done is kept, and what was interrupted goes on.

    Raises
    ------
    UsageError
        If the folder holds something else.
    PipelineError
        If a step fails.
    """
    pipeline = load_pipeline(find_pipeline("demo"), sets)
    _check_workspace(workspace)
    run_study(Study(pipeline, workspace), say=lambda _, command: say(command), progress=progress)
    found = json.loads((workspace.root / FIGURES).read_bytes())
    frames = tuple(
        HeldOut(**{**one, "plain": tuple(one["plain"]), "restored": tuple(one["restored"])})
        for one in found
    )
    return DemoReport(workspace.root / SHEET, frames)


def _check_workspace(workspace: Workspace) -> None:
    root, note = workspace.root, workspace.data(_COLLECTION) / NOTE_NAME
    if root.is_dir() and any(root.iterdir()) and not note.is_file():
        raise UsageError(
            "a folder that holds something else", expected="an empty or a new folder", where=root
        )
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot be made ({error.strerror})", where=root) from error
