"""Steps that find out how noisy a camera is, and make what that is found from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from rawkit.calibrate import plan_calibration, run_calibration
from rawkit.noise import write_profile
from rawkit.pipeline.artefact import Artefact
from rawkit.pipeline.step import Context, Step
from rawkit.synth import CAMERAS, make_darkroom, of_look_alike

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_NOTHING: Mapping[Artefact, Path] = {}


class DarkroomStep(Step):
    """Make dark and flat frames of a look-alike's camera as raw files."""

    collection: str
    """Collection that the look-alike is of; of several cameras the first."""
    folder: str
    """Where they go, below the workspace."""
    isos: tuple[int, ...] = Field(min_length=1)
    """ISO speeds."""
    dark: int = Field(default=10, gt=0)
    """Dark frames of each."""
    flat: int = Field(default=2, ge=0)
    """Flat frames of each."""

    @model_validator(mode="after")
    def _is_known(self) -> DarkroomStep:
        if self.collection not in CAMERAS:
            raise ValueError(f"collection should be one of {', '.join(CAMERAS)}")
        return self

    def inputs(self) -> list[Artefact]:
        """Take nothing."""
        return []

    def outputs(self) -> list[Artefact]:
        """Make raw files."""
        return [Artefact("folder", self.folder)]

    def command(self) -> str:
        """Return how Python does it."""
        return (
            f"python: rawkit.synth.make_darkroom('{self.folder}', rawkit.synth.of_look_alike("
            f"CAMERAS['{self.collection}'], {list(self.isos)}))"
        )

    def perform(self, context: Context) -> Mapping[Artefact, Path]:
        """Write them."""
        camera = of_look_alike(CAMERAS[self.collection], self.isos)
        total = len(self.isos) * (self.dark + self.flat)
        with context.progress.stage("Making dark and flat frames", total, "files") as advance:
            for iso in self.isos:
                made = make_darkroom(
                    context.workspace.root / self.folder / f"iso{iso}", camera, isos=[iso],
                    frames={"dark": self.dark, "flat": self.flat},
                )  # fmt: skip
                advance(len(made))
        return _NOTHING


class CalibrateStep(Step):
    """Find a camera's noise from its dark and flat frames."""

    frames: str
    """Folder of the frames, below the workspace."""
    profile: str
    """File of the profile, a .toml below the workspace."""

    @model_validator(mode="after")
    def _is_toml(self) -> CalibrateStep:
        if not self.profile.endswith(".toml"):
            raise ValueError("profile should be a .toml")
        return self

    def inputs(self) -> list[Artefact]:
        """Take the frames."""
        return [Artefact("folder", self.frames)]

    def outputs(self) -> list[Artefact]:
        """Make a profile."""
        return [Artefact("file", self.profile)]

    def command(self) -> str:
        """Return `rawkit calibrate`."""
        return f"rawkit calibrate {self.frames} -o {self.profile}"

    def perform(self, context: Context) -> Mapping[Artefact, Path]:
        """Measure them."""
        root = context.workspace.root
        plan = plan_calibration(root / self.frames, progress=context.progress)
        found = run_calibration(plan, progress=context.progress)
        write_profile(found, root / self.profile)
        return _NOTHING
