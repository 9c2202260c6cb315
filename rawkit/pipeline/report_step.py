"""The step that tells a study as one page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from rawkit.evaluate import load_evaluation
from rawkit.pictures import write_png
from rawkit.pipeline.artefact import Artefact
from rawkit.pipeline.step import Context, Step
from rawkit.report import load_run, scene_sheet, shown_of_scene, study_of
from rawkit.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class ReportStep(Step):
    """Write runs and evaluations as one HTML file, its figures beside it as PNG and SVG."""

    evaluations: tuple[str, ...] = Field(min_length=1)
    """Names of evaluations, with ``*`` and ``?`` for those that the pipeline makes."""
    runs: tuple[str, ...] = ()
    """Names of runs, likewise."""
    sheets: tuple[str, ...] = ()
    """Collections of which a scene is drawn, ISO by shutter."""
    page: str
    """File of the page, below the workspace."""
    figures: str
    """Folder of the figures, below the workspace."""
    title: str
    """Heading."""

    def inputs(self) -> list[Artefact]:
        """Take evaluations, runs and stores."""
        return [
            *(Artefact("evaluation", one) for one in self.evaluations),
            *(Artefact("run", one) for one in self.runs),
            *(Artefact("store", one) for one in self.sheets),
        ]

    def outputs(self) -> list[Artefact]:
        """Make a page and a folder of figures."""
        return [Artefact("file", self.page), Artefact("folder", self.figures)]

    def command(self) -> str:
        """Return `rawkit report`."""
        runs = "".join(f" --run {one}" for one in self.runs)
        evaluations = "".join(f" --evaluation {one}" for one in self.evaluations)
        return f"rawkit report{runs}{evaluations} --figures {self.figures} -o {self.page}"

    def perform(self, context: Context) -> Mapping[Artefact, Path]:
        """Write the page and the figures."""
        # matplotlib takes a second to import, and is an extra.
        from rawkit.report import write_report  # noqa: PLC0415

        workspace = context.workspace
        runs = [load_run(workspace, folder) for _, folder in context.of_kind("run")]
        runs.sort(key=lambda run: (run.fraction is None, run.fraction or 0.0, run.name))
        evaluations = [load_evaluation(folder) for _, folder in context.of_kind("evaluation")]
        folder = workspace.root / self.figures
        sheets = []
        for name, path in context.of_kind("store"):
            frames = shown_of_scene(Store(path))
            sheet = scene_sheet(frames, None, context.progress, title=name, where=path)
            sheets.append(folder / f"{name}-scene.png")
            write_png(sheets[-1], sheet.picture)
        write_report(
            study_of(workspace, self.title, runs, evaluations),
            workspace.root / self.page,
            figure_folder=folder,
            sheets=sheets,
            progress=context.progress,
        )
        return {}
