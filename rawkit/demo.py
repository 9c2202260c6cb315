"""The whole way in one go: synth, ingest, subset, train, restore, and a sheet to look at."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict

from rawkit.catalog import Selection, load_definition
from rawkit.errors import OutputError, UsageError
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.progress import SILENT
from rawkit.report.match import brightness_matched
from rawkit.report.sheet import Cell, contact_sheet
from rawkit.resources import shipped_folder
from rawkit.restore import Output, load_restorer, restore_files, write_png
from rawkit.store import Store
from rawkit.subset import make_subset
from rawkit.synth import NOTE_NAME, make_collection
from rawkit.train import TrainData, Trainer, TrainSettings, compare
from rawkit.train.runs import new_run_name, newest_weights, open_data

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from rawkit.progress import Progress
    from rawkit.stream import PairSource
    from rawkit.subset import Subset
    from rawkit.workspace import Workspace

SHEET = "demo.png"
RESTORED = "restored"


class _Step(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Synth(_Step):
    collection: str
    scenes: int
    height: int
    width: int
    seed: int


class _Ingest(_Step):
    shutters: tuple[float, ...]


class _Subset(_Step):
    fraction: float


class _Train(_Step):
    steps: int
    max_minutes: float
    crop: int
    batch: int
    learning_rate: float
    schedule: Literal["constant", "cosine"]
    ms_ssim_weight: float
    m: float


class _Sheet(_Step):
    rows: int


class DemoSettings(_Step):
    """The steps of ``pipelines/demo.toml``."""

    name: str
    """Name of the pipeline."""
    title: str
    """Heading of the contact sheet."""
    synth: _Synth
    """Which look-alike to make."""
    ingest: _Ingest
    """Which dark frames to take."""
    subset: _Subset
    """Share of the training scenes."""
    train: _Train
    """How to train."""
    sheet: _Sheet
    """What to show."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """One held-out frame, measured against its truth."""

    name: str
    """Name of the dark frame."""
    iso: float | None
    """ISO speed."""
    ratio: float | None
    """Exposure ratio to the truth."""
    plain: tuple[float, float]
    """PSNR in dB and SSIM of the brightness-matched LibRaw conversion."""
    restored: tuple[float, float]
    """PSNR in dB and SSIM of the restored picture."""


@dataclass(frozen=True, slots=True)
class DemoReport:
    """What the demo made."""

    sheet: Path
    """The contact sheet."""
    frames: tuple[HeldOut, ...]
    """Every frame of the test split."""


def load_demo() -> DemoSettings:
    """Load the shipped settings."""
    path = shipped_folder("pipelines") / "demo.toml"
    return DemoSettings.model_validate(tomllib.loads(path.read_text("utf-8")))


def run_demo(
    workspace: Workspace,
    settings: DemoSettings,
    *,
    say: Callable[[str], None],
    progress: Progress = SILENT,
) -> DemoReport:
    """Run all steps in a workspace of its own; `say` is told the command each step stands for.

    Can be run again: what is there already is kept, and another run is trained.

    Raises
    ------
    UsageError
        If the folder holds something else.
    """
    _check_workspace(workspace, settings)
    _make_files(workspace, settings, say, progress)
    _fill_store(workspace, settings, say, progress)
    say(f"rawkit subset --fraction {settings.subset.fraction:g}")
    subset, _ = make_subset(
        workspace, workspace.stores(), fraction=settings.subset.fraction, refresh=True
    )
    data = open_data(subset, workspace)
    _train(workspace, settings, subset, data, say, progress)
    return _restore(workspace, settings, subset, say, progress)


def _check_workspace(workspace: Workspace, settings: DemoSettings) -> None:
    root, note = workspace.root, workspace.data(settings.synth.collection) / NOTE_NAME
    if root.is_dir() and any(root.iterdir()) and not note.is_file():
        raise UsageError(
            "a folder that holds something else", expected="an empty or a new folder", where=root
        )
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot be made ({error.strerror})", where=root) from error


def _make_files(
    workspace: Workspace, settings: DemoSettings, say: Callable[[str], None], progress: Progress
) -> None:
    chosen = settings.synth
    folder = workspace.data(chosen.collection)
    say(f"rawkit synth {chosen.collection} data/{chosen.collection} --scenes {chosen.scenes}")
    planned = make_collection(
        chosen.collection, folder, scenes=chosen.scenes, size=(chosen.height, chosen.width),
        seed=chosen.seed, dry_run=True,
    )  # fmt: skip
    with progress.stage("Making raw files", len(planned.names), "files") as advance:
        seen = 0

        def tell(done: int, total: int) -> None:  # noqa: ARG001 - the total is planned
            nonlocal seen
            advance(done - seen)
            seen = done

        make_collection(
            chosen.collection, folder, scenes=chosen.scenes, size=(chosen.height, chosen.width),
            seed=chosen.seed, progress=tell,
        )  # fmt: skip


def _fill_store(
    workspace: Workspace, settings: DemoSettings, say: Callable[[str], None], progress: Progress
) -> None:
    name, shutters = settings.synth.collection, settings.ingest.shutters
    say(f"rawkit ingest {name} --shutter {','.join(f'{one:g}' for one in shutters)}")
    plan = plan_ingest(
        load_definition(name),
        workspace.data(name),
        workspace.store(name),
        Selection(shutters=shutters),
        progress,
    )
    run_ingest(plan, progress=progress)


def _train(
    workspace: Workspace,
    settings: DemoSettings,
    subset: Subset,
    data: TrainData,
    say: Callable[[str], None],
    progress: Progress,
) -> None:
    chosen = settings.train
    say(
        f"rawkit train --steps {chosen.steps} --crop {chosen.crop} --batch {chosen.batch} "
        f"--lr {chosen.learning_rate:g} --schedule {chosen.schedule} "
        f"--ms-ssim {chosen.ms_ssim_weight:g} --m {chosen.m:g} --minutes {chosen.max_minutes:g}"
    )
    trained = TrainSettings(
        subset=subset.name,
        steps=chosen.steps,
        crop=chosen.crop,
        batch_size=chosen.batch,
        learning_rate=chosen.learning_rate,
        schedule=chosen.schedule,
        ms_ssim_weight=chosen.ms_ssim_weight,
        amplification_value=chosen.m,
    )
    folder = workspace.run(new_run_name(workspace, subset.name, trained.network))
    report = Trainer(trained, data, folder).run(
        max_seconds=60 * chosen.max_minutes, progress=progress
    )
    if report.interrupted:
        raise KeyboardInterrupt


def _restore(
    workspace: Workspace,
    settings: DemoSettings,
    subset: Subset,
    say: Callable[[str], None],
    progress: Progress,
) -> DemoReport:
    """Restore every frame of the test split from its raw file, measure, and draw the sheet."""
    from rawkit.stream import pair_sources  # noqa: PLC0415 - beside its use

    name = settings.synth.collection
    store = Store(workspace.store(name))
    paths = {row.name: workspace.data(name) / row.source for row in store.rows}
    frames = subset.pairs("test")
    sources = pair_sources(subset, {name: store}, "test")
    say(f"rawkit restore data/{name}/Sony/short/1*.ARW -o {RESTORED}")
    report = restore_files(
        [paths[frame.name] for frame in frames],
        Output(workspace.root / RESTORED),
        load_restorer(newest_weights(workspace)),
        progress,
    )
    pictures = {Path(one.source): one.picture for one in report.restored}
    measured: list[HeldOut] = []
    rows: dict[tuple[str, float | None], list[Cell]] = {}
    with progress.stage("Measuring", len(frames), "frames") as advance:
        for frame, source in zip(frames, sources, strict=True):
            path = paths[frame.name]
            truth = _truth(store, frame.group, source)
            plain = brightness_matched(path, truth, start=source.gain_ratio)
            restored = _read(pictures[path])
            one = HeldOut(
                frame.name, frame.iso, frame.ratio, compare(plain, truth), compare(restored, truth)
            )
            measured.append(one)
            rows.setdefault((frame.scene, frame.ratio), _cells(one, plain, restored, truth))
            advance(1, frame.name)
    sheet = workspace.root / SHEET
    write_png(sheet, _draw(settings, measured, list(rows.values())[: settings.sheet.rows]))
    return DemoReport(sheet, tuple(measured))


def _truth(store: Store, group: str, source: PairSource) -> NDArray[np.uint8]:
    """Return the target of a pair as 8 bits, shape (height, width, 3)."""
    index = int(str(source.target.path).split("/")[-4])
    target = store.groups[group].read("target", index).astype(np.float32) / 65535
    return (target.transpose(1, 2, 0) * 255 + 0.5).astype(np.uint8)


def _read(path: Path) -> NDArray[np.uint8]:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR_RGB), np.uint8)


def _cells(one: HeldOut, *pictures: NDArray[np.uint8]) -> list[Cell]:
    captions = (
        _figures(one.plain),
        _figures(one.restored),
        f"{Path(one.name).name}, ISO {one.iso:g}, ratio {one.ratio:.0f}",
    )
    return [Cell(*pair) for pair in zip(pictures, captions, strict=True)]


def _figures(scores: tuple[float, float]) -> str:
    return f"PSNR {scores[0]:.2f} dB   SSIM {scores[1]:.3f}"


def _draw(
    settings: DemoSettings, frames: list[HeldOut], rows: list[list[Cell]]
) -> NDArray[np.uint8]:
    plain, restored = (
        tuple(np.mean([getattr(one, which) for one in frames], axis=0))
        for which in ("plain", "restored")
    )
    subtitle = (
        f"{len(frames)} held-out frames, means: plain conversion {_figures(plain)}, "
        f"restored {_figures(restored)}"
    )
    headings = ("LibRaw, brightness matched to the truth", "restored", "truth (long exposure)")
    return contact_sheet(settings.title, subtitle, headings, rows)
