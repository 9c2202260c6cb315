"""Steps from nothing to a subset: synth, scan, ingest, subset."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, model_validator

from rawkit.catalog import Selection, known_collections, load_definition, scan_with_table
from rawkit.errors import UsageError
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.pipeline.artefact import Artefact
from rawkit.pipeline.step import Context, Step
from rawkit.subset import Limits, make_subset
from rawkit.synth import COLLECTIONS, MOVING_OBJECTS, make_collection, make_videos
from rawkit.workspace import check_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from rawkit.synth import SynthReport

_NOTHING: Mapping[Artefact, Path] = {}


class SynthStep(Step):
    """Make a look-alike of a collection as raw files."""

    collection: str
    """sid, mid, smid or moving-objects."""
    scenes: int = Field(gt=0)
    """Scenes to make."""
    width: int = Field(default=768, ge=64)
    """Columns of a picture in pixels."""
    height: int = Field(default=512, ge=64)
    """Rows of a picture in pixels."""
    seed: int = Field(default=0, ge=0)
    """Seed of everything."""
    isos: tuple[int, ...] = ()
    """ISO speeds of the dark frames; the collection's where empty."""
    shutters: tuple[float, ...] = ()
    """Exposure times of the dark frames in seconds; the collection's where empty."""
    shots: int = Field(default=0, ge=0)
    """Shots of a burst or frames of a video; 0: as usual."""

    @model_validator(mode="after")
    def _is_known(self) -> SynthStep:
        known = (*COLLECTIONS, MOVING_OBJECTS)
        if self.collection not in known:
            raise ValueError(f"collection should be one of {', '.join(known)}")
        if self.collection == MOVING_OBJECTS and (self.isos or self.shutters):
            raise ValueError(f"{MOVING_OBJECTS} has no isos and no shutters")
        return self

    def inputs(self) -> list[Artefact]:
        """Take nothing."""
        return []

    def outputs(self) -> list[Artefact]:
        """Make raw files."""
        return [Artefact("data", self.collection)]

    def command(self) -> str:
        """Return `rawkit synth`."""
        name = self.collection
        frames = f" --frames {self.shots}" if self.shots else ""
        size = f" --size {self.width}x{self.height}"
        return f"rawkit synth {name} data/{name} --scenes {self.scenes}{frames}{size}"

    def perform(self, context: Context) -> Mapping[Artefact, Path]:
        """Make what is not there yet."""
        folder = context.workspace.data(self.collection)
        make = self._maker(folder)
        planned = make(dry_run=True)
        with context.progress.stage("Making raw files", len(planned.names), "files") as advance:
            seen = 0

            def tell(done: int, total: int) -> None:  # noqa: ARG001 - the total is planned
                nonlocal seen
                advance(done - seen)
                seen = done

            make(progress=tell)
        return _NOTHING

    def _maker(self, folder: Path) -> Callable[..., SynthReport]:
        """Return what makes the look-alike, short of how it is told."""
        size = self.height, self.width
        if self.collection == MOVING_OBJECTS:
            return partial(
                make_videos, folder, scenes=self.scenes, frames=self.shots or None, size=size,
                seed=self.seed,
            )  # fmt: skip
        return partial(
            make_collection, self.collection, folder, scenes=self.scenes, size=size,
            seed=self.seed, isos=self.isos or None, shutters=self.shutters or None,
            shots=self.shots or None,
        )  # fmt: skip


class FilteredStep(Step):
    """Filters on dark frames, as all commands have them."""

    LATER: ClassVar[frozenset[str]] = frozenset({"per_long"})

    isos: tuple[float, ...] = ()
    """ISO speeds; all where empty."""
    shutters: tuple[float, ...] = ()
    """Nominal exposure times in seconds; all where empty."""
    ratios: tuple[float, ...] = ()
    """Exposure ratios to the long; all where empty."""
    scenes: tuple[str, ...] = ()
    """Names of scenes, with ``*`` and ``?``; all where empty."""
    cameras: tuple[str, ...] = ()
    """Models; all where empty."""
    splits: tuple[Literal["train", "val", "test"], ...] = ()
    """Splits; all where empty."""
    per_long: Literal["", "darkest", "first"] = ""
    """Of the dark frames of each long the darkest, or the first; all where empty."""
    where: str = ""
    """Expression as of ``--where``."""
    limit: int = Field(default=0, ge=0)
    """At most so many dark frames; 0: all."""

    def selection(self) -> Selection:
        """Return the filters."""
        return Selection(
            isos=self.isos,
            shutters=self.shutters,
            ratios=self.ratios,
            scenes=self.scenes,
            cameras=self.cameras,
            splits=self.splits,
            per_long=self.per_long or None,
            where=self.where,
            limit=self.limit or None,
        )

    def options(self) -> str:
        """Return the filters as options of a command."""
        texts = {
            "--iso": ",".join(f"{one:g}" for one in self.isos),
            "--shutter": ",".join(f"{one:g}" for one in self.shutters),
            "--ratio": ",".join(f"{one:g}" for one in self.ratios),
            "--scene": ",".join(self.scenes),
            "--camera": ",".join(self.cameras),
            "--split": ",".join(self.splits),
            "--per-long": self.per_long,
            "--where": f"'{self.where}'" if self.where else "",
            "--limit": str(self.limit) if self.limit else "",
        }
        return "".join(f" {name} {text}" for name, text in texts.items() if text)


class ScanStep(Step):
    """Read names and EXIF of a collection."""

    collection: str
    """Name of the collection."""

    def inputs(self) -> list[Artefact]:
        """Take raw files."""
        return [Artefact("data", self.collection)]

    def outputs(self) -> list[Artefact]:
        """Make a table."""
        return [Artefact("catalog", self.collection)]

    def command(self) -> str:
        """Return `rawkit scan`."""
        return f"rawkit scan {self.collection}"

    def perform(self, context: Context) -> Mapping[Artefact, Path]:
        """Scan."""
        scan_with_table(
            load_definition(self.collection),
            context.workspace.data(self.collection),
            context.workspace.catalog(self.collection),
            context.progress,
        )
        return _NOTHING


class IngestStep(FilteredStep):
    """Put frames of a collection into its store."""

    FREE: ClassVar[frozenset[str]] = frozenset({"workers"})

    collection: str
    """Name of the collection."""
    source: str = ""
    """Where its raw files are; data/COLLECTION where empty."""
    workers: int = Field(default=-1, ge=-1)
    """Processes that decode; -1: one for each core, 0: threads."""

    @model_validator(mode="after")
    def _is_known(self) -> IngestStep:
        if self.collection not in known_collections() and not self.collection.endswith(".toml"):
            raise ValueError(f"collection should be one of {', '.join(known_collections())}")
        return self

    def inputs(self) -> list[Artefact]:
        """Take raw files; those of a source elsewhere are not watched."""
        return [] if self.source else [Artefact("data", self.collection)]

    def outputs(self) -> list[Artefact]:
        """Make a store."""
        return [Artefact("store", self.collection)]

    def command(self) -> str:
        """Return `rawkit ingest`."""
        source = f" --source {self.source}" if self.source else ""
        return f"rawkit ingest {self.collection}{source}{self.options()}"

    def perform(self, context: Context) -> Mapping[Artefact, Path]:
        """Add the frames that the store does not have yet."""
        workspace = context.workspace
        plan = plan_ingest(
            load_definition(self.collection),
            self.source or workspace.data(self.collection),
            workspace.store(self.collection),
            self.selection(),
            context.progress,
        )
        workers = None if self.workers < 0 else self.workers
        report = run_ingest(plan, workers=workers, progress=context.progress)
        if report.interrupted:
            raise KeyboardInterrupt
        return _NOTHING


class SubsetStep(FilteredStep):
    """Choose frames of stores."""

    name: str
    """Name of the subset."""
    stores: tuple[str, ...] = Field(min_length=1)
    """Collections whose stores it is of."""
    fraction: float = Field(default=1.0, gt=0, le=1)
    """Share of the training scenes."""
    seed: int = Field(default=0, ge=0)
    """Seed of the order in which scenes are taken."""
    frames: int = Field(default=0, ge=0)
    """At most so many training pairs; 0: all."""

    @model_validator(mode="after")
    def _is_a_name(self) -> SubsetStep:
        checked_name("subset", self.name)
        if self.limit:
            raise ValueError("a subset takes frames = ..., not limit: whole scenes are chosen")
        return self

    def inputs(self) -> list[Artefact]:
        """Take stores."""
        return [Artefact("store", one) for one in self.stores]

    def outputs(self) -> list[Artefact]:
        """Make a subset."""
        return [Artefact("subset", self.name)]

    def command(self) -> str:
        """Return `rawkit subset`."""
        frames = f" --frames {self.frames}" if self.frames else ""
        return (
            f"rawkit subset --fraction {self.fraction:g}{frames}{self.options()} --name {self.name}"
        )

    def perform(self, context: Context) -> Mapping[Artefact, Path]:
        """Choose; a subset of that name that others made with other settings is refused."""
        make_subset(
            context.workspace,
            [context.workspace.store(one) for one in self.stores],
            fraction=self.fraction,
            seed=self.seed,
            name=self.name,
            refresh=context.ours,
            limits=Limits(self.frames or None),
            selection=self.selection(),
        )
        return _NOTHING


def checked_name(what: str, name: str) -> None:
    """Refuse names that would leave their folder."""
    try:
        check_name(name, what)
    except UsageError as error:
        raise ValueError(f"{error.found}; {what}s are named with {error.expected}") from error
