"""Steps that bring results together: tables over evaluations, a contact sheet."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, model_validator

from rawkit.evaluate import PICTURES_TABLE, encode_csv, load_evaluation, means_rows
from rawkit.files import write_atomically
from rawkit.pictures import write_png
from rawkit.pipeline.artefact import Artefact
from rawkit.pipeline.data_steps import checked_name
from rawkit.pipeline.step import Context, Step
from rawkit.report import draw_heldout, measure_heldout
from rawkit.store import Store
from rawkit.subset import load_subset

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MEANS, ALL_PICTURES = "means.csv", "pictures.parquet"
MEANS_HEADER = (
    "label", "subject", "protocol", "evaluation", "axis", "value", "metric", "mean", "low", "high",
    "pictures", "scenes",
)  # fmt: skip


class TablesStep(Step):
    """Join evaluations into two tables: means, and pictures."""

    evaluations: tuple[str, ...] = Field(min_length=1)
    """Names of evaluations, with ``*`` and ``?`` for those that the pipeline makes."""
    folder: str
    """Folder of the tables, below the workspace."""

    def inputs(self) -> list[Artefact]:
        """Take evaluations."""
        return [Artefact("evaluation", one) for one in self.evaluations]

    def outputs(self) -> list[Artefact]:
        """Make tables."""
        return [Artefact("file", f"{self.folder}/{MEANS}"),
                Artefact("file", f"{self.folder}/{ALL_PICTURES}")]  # fmt: skip

    def command(self) -> str:
        """Say what it does: there is no such command."""
        return f"# tables of {', '.join(self.evaluations)} into {self.folder}"

    def perform(self, context: Context) -> Mapping[Artefact, Path]:
        """Join; rows are in the order of the evaluations' names, then as they are there."""
        means: list[tuple[object, ...]] = []
        pictures: list[pa.Table] = []
        for label, folder in context.of_kind("evaluation"):
            found = load_evaluation(folder)
            protocol = found.identity.protocol["name"]
            means += [(label, found.title, protocol, *row) for row in means_rows(found)]
            table = pq.read_table(folder / PICTURES_TABLE).replace_schema_metadata(None)
            labels = pa.array([label] * len(table), pa.string())
            pictures.append(
                table.add_column(0, pa.field("label", pa.string(), nullable=False), labels)
            )
        where = context.workspace.root / self.folder
        sink = pa.BufferOutputStream()
        pq.write_table(
            pa.concat_tables(pictures, promote_options="default"), sink, compression="zstd"
        )
        write_atomically(where / ALL_PICTURES, sink.getvalue().to_pybytes())
        write_atomically(where / MEANS, encode_csv(MEANS_HEADER, means))
        return {}


class SheetStep(Step):
    """Draw held-out frames side by side: plain conversion, restored picture, truth."""

    collection: str
    """Collection of the frames."""
    subset: str
    """Subset whose test split they are."""
    pictures: str
    """Folder of the restored pictures, below the workspace."""
    name: str
    """Name of the sheet: NAME.png with the pictures, NAME.json with the figures."""
    title: str
    """Heading."""
    rows: int = Field(default=4, gt=0)
    """Rows at most: one of each scene and exposure."""

    @model_validator(mode="after")
    def _is_a_name(self) -> SheetStep:
        checked_name("sheet", self.name)
        return self

    def inputs(self) -> list[Artefact]:
        """Take a store, a subset, raw files and restored pictures."""
        return [
            Artefact("store", self.collection),
            Artefact("data", self.collection),
            Artefact("subset", self.subset),
            Artefact("folder", self.pictures),
        ]

    def outputs(self) -> list[Artefact]:
        """Make a picture and its figures."""
        return [Artefact("file", f"{self.name}.png"), Artefact("file", f"{self.name}.json")]

    def command(self) -> str:
        """Say what it does: there is no such command."""
        return f"# contact sheet of the test split into {self.name}.png"

    def perform(self, context: Context) -> Mapping[Artefact, Path]:
        """Measure all frames of the test split, and draw some."""
        workspace = context.workspace
        store = Store(workspace.store(self.collection))
        subset = load_subset(workspace.subset(self.subset))
        frames = [one for one in subset.pairs("test") if one.collection == self.collection]
        measured = measure_heldout(
            frames, store, workspace.data(self.collection), workspace.root / self.pictures,
            context.progress, shown=self.rows,
        )  # fmt: skip
        write_png(workspace.root / f"{self.name}.png", draw_heldout(self.title, measured))
        figures = [asdict(one.figures) for one in measured]
        text = json.dumps(figures, indent=2) + "\n"
        write_atomically(workspace.root / f"{self.name}.json", text.encode())
        return {}
