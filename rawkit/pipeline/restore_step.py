"""The step that restores raw files into pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from rawkit.pipeline.artefact import Artefact
from rawkit.pipeline.step import Context, Step
from rawkit.restore import Output, load_restorer, restore_files
from rawkit.store import Store
from rawkit.subset import load_subset
from rawkit.train import weights_in

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rawkit.locations import Location


class RestoreStep(Step):
    """Restore the raw files of dark frames of a subset into pictures."""

    run: str
    """Run whose best weights are used."""
    subset: str
    """Subset whose dark frames are restored."""
    collection: str
    """Collection they are of."""
    split: Literal["train", "val", "test"] = "test"
    """Split they are of."""
    folder: str
    """Folder of the pictures, below the workspace."""

    def inputs(self) -> list[Artefact]:
        """Take a run, a subset and raw files."""
        return [
            Artefact("run", self.run),
            Artefact("subset", self.subset),
            Artefact("store", self.collection),
            Artefact("data", self.collection),
        ]

    def outputs(self) -> list[Artefact]:
        """Make pictures."""
        return [Artefact("folder", self.folder)]

    def command(self) -> str:
        """Return `rawkit restore`."""
        return f"rawkit restore data/{self.collection} -o {self.folder}"

    def perform(self, context: Context) -> Mapping[Artefact, Path]:
        """Restore every dark frame of the split."""
        workspace = context.workspace
        paths = source_paths(workspace.store(self.collection), workspace.data(self.collection))
        subset = load_subset(workspace.subset(self.subset))
        frames = [
            frame for frame in subset.pairs(self.split) if frame.collection == self.collection
        ]
        weights = weights_in(context.inputs[Artefact("run", self.run)])
        report = restore_files(
            [paths[frame.name] for frame in frames],
            Output(workspace.root / self.folder),
            load_restorer(weights),
            context.progress,
        )
        if report.failed:
            raise report.failed[0][1]
        return {}


def source_paths(store: Location, data: Path) -> dict[str, Path]:
    """Return the raw file of each frame of a store, by the frame's name."""
    return {row.name: data / row.source for row in Store(store).rows}
