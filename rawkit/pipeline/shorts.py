"""What a training's step says of made dark frames, and a step for the profile of a look-alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from rawkit.noise import write_profile
from rawkit.pipeline.artefact import Artefact
from rawkit.pipeline.step import Context, Step
from rawkit.synth import CAMERAS, DEFAULT_SIZE, profile_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_NOTHING: Mapping[Artefact, Path] = {}


def short_fields(shorts: str, profile: str, ratio: str, iso: str) -> dict[str, Any]:
    """Return the fields of `TrainSettings` that say where dark frames come from."""
    if shorts == "real":
        return {}
    asked = {"shorts_ratio": ratio, "shorts_iso": iso}
    return {"shorts": shorts, "profile": profile} | {k: v for k, v in asked.items() if v}


def short_options(shorts: str, profile: str, ratio: str, iso: str) -> str:
    """Return the same as options of `rawkit train`, each with a space before it."""
    found = short_fields(shorts, profile, ratio, iso)
    return "".join(f" --{name.replace('_', '-')} {value}" for name, value in found.items())


class ProfileStep(Step):
    """Write down the noise of a look-alike's camera, which is known."""

    collection: str
    """Collection that the look-alike is of; of several cameras the first."""
    profile: str
    """File of the profile, a .toml below the workspace."""
    isos: tuple[float, ...] = Field(min_length=1)
    """ISO speeds."""

    @model_validator(mode="after")
    def _is_known(self) -> ProfileStep:
        if self.collection not in CAMERAS:
            raise ValueError(f"collection should be one of {', '.join(CAMERAS)}")
        if not self.profile.endswith(".toml"):
            raise ValueError("profile should be a .toml")
        return self

    def inputs(self) -> list[Artefact]:
        """Take nothing."""
        return []

    def outputs(self) -> list[Artefact]:
        """Make a profile."""
        return [Artefact("file", self.profile)]

    def command(self) -> str:
        """Return how Python does it."""
        return (
            f"python: rawkit.noise.write_profile(rawkit.synth.profile_of(CAMERAS["
            f"'{self.collection}'], {list(self.isos)}, {DEFAULT_SIZE}), '{self.profile}')"
        )

    def perform(self, context: Context) -> Mapping[Artefact, Path]:
        """Write it."""
        path = context.workspace.root / self.profile
        path.parent.mkdir(parents=True, exist_ok=True)
        write_profile(profile_of(CAMERAS[self.collection], self.isos, DEFAULT_SIZE), path)
        return _NOTHING
