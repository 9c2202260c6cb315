"""What every kind of step is: settings, inputs, outputs, and something to do."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rawkit.pipeline.artefact import Artefact
    from rawkit.progress import Progress
    from rawkit.workspace import Workspace


class Locator(Protocol):
    """Says where an artefact lies."""

    def __call__(self, artefact: Artefact) -> Path:
        """Return the path of an artefact."""


@dataclass(frozen=True)
class Context:
    """What a step may use."""

    workspace: Workspace
    """The workspace."""
    study: str
    """Name of the pipeline."""
    key: str
    """Digest of the step's settings and of its inputs, hexadecimal."""
    inputs: Mapping[Artefact, Path]
    """Where its inputs lie; patterns are resolved."""
    ours: bool
    """Whether its outputs, as far as they are there, were made by this step before."""
    progress: Progress
    """Who is told how far it is."""

    def of_kind(self, kind: str) -> list[tuple[str, Path]]:
        """Name and path of the inputs of a kind, by name."""
        return sorted((one.name, path) for one, path in self.inputs.items() if one.kind == kind)


class Step(BaseModel):
    """A step, its fields being its settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    VERSION: ClassVar[int] = 1
    """Counts up when the same settings come to mean something else."""
    FREE: ClassVar[frozenset[str]] = frozenset()
    """Fields that do not change what comes out."""
    LATER: ClassVar[frozenset[str]] = frozenset()
    """Fields that came later: at their default the step is the one it was without them."""

    @abstractmethod
    def inputs(self) -> list[Artefact]:
        """Return what it takes; names may be patterns."""

    @abstractmethod
    def outputs(self) -> list[Artefact]:
        """Return what it makes."""

    @abstractmethod
    def command(self) -> str:
        """Return the command that does the same, for people."""

    @abstractmethod
    def perform(self, context: Context) -> Mapping[Artefact, Path]:
        """Do it; returns where outputs lie that are not in their usual place."""
