"""What an adaptation will be: pairs, weights, and the folder that all of it goes into."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rawkit.adapt.darks import Dark, darks_of, find_lit
from rawkit.adapt.definition import definition_text, digest_of
from rawkit.adapt.pairs import Found, PairRules, find_pairs
from rawkit.errors import MissingError, UsageError
from rawkit.files import sha256_of
from rawkit.models import describe, load_weights
from rawkit.progress import SILENT
from rawkit.sensor import BAYER, REFERENCE_NEUTRAL
from rawkit.train import camera_profile, newest_weights, weights_named
from rawkit.workspace import Workspace

if TYPE_CHECKING:
    from os import PathLike

    from rawkit.models import LoadedWeights
    from rawkit.progress import Progress

COLLECTION = "photos"
"""Name of the collection, and of its store, in the folder of an adaptation."""
MADE = "made"
"""Folder, in that of an adaptation, of dark photos that are made."""
FOLDER = "adapt"
"""Folder of all adaptations in a workspace."""
MAX_RAM = 3 * 10**9
"""Bytes that an adaptation may take unless told otherwise."""


@dataclass(frozen=True, slots=True)
class AdaptPlan:
    """An adaptation that is ready to begin; nothing is written yet."""

    photos: Path
    """Folder of the raw files."""
    weights: Path
    """What it begins with."""
    network: str
    """Name of their network in the registry."""
    licence: str | None
    """Terms of those weights, which go along; None where there are none."""
    trained: bool
    """Whether their file says how they were trained, and so how frames are amplified."""
    balance: bool
    """Whether planes are balanced, so that grey lies where those weights have learned it: of
    published weights whose cameras are known; what their file says holds of others."""
    found: Found
    """The pairs."""
    definition: str
    """The pairs as the TOML of a collection."""
    workspace: Workspace
    """The folder of the adaptation, a workspace of its own: definition, store, run, figures."""
    profile: Path | None = None
    """Profile of the camera, where dark photos are made; None where they are taken."""
    darks: tuple[Dark, ...] = ()
    """Dark photos that are made of the scenes held back."""

    @property
    def made(self) -> Path:
        """Folder of the dark photos that are made."""
        return self.workspace.root / MADE


def plan_adaptation(
    workspace: Workspace,
    photos: Path,
    weights: str | Path | None = None,
    *,
    profile: str | PathLike[str] | None = None,
    rules: PairRules | None = None,
    max_ram: int = MAX_RAM,
    progress: Progress = SILENT,
) -> AdaptPlan:
    """Find the pairs of a folder, and what weights are to be adapted to their camera.

    Parameters
    ----------
    workspace
        Where runs lie, and where the folder of the adaptation goes.
    photos
        Folder of raw files.
    weights
        Published weights, a checkpoint, or the name of a run; the best of the newest run if None.
    profile
        Profile of the camera. Photos then need no pairs: dark ones are made of well-lit ones.
    rules
        When two photos are a pair.
    max_ram
        Bytes that decoding a photo may take.
    progress
        Told of the photos that are looked at.

    Raises
    ------
    MissingError, WeightsError, ProfileError
        If there are no such weights, photos or profile.
    SelectionError
        If there are too few pairs, or well-lit photos; the text says why.
    UsageError
        If the network gives no pictures of single Bayer frames, or the profile is none of such.
    """
    if not photos.is_dir():
        raise MissingError("no such folder", expected="a folder of raw files", where=photos)
    path = newest_weights(workspace) if weights is None else weights_named(workspace, str(weights))
    loaded = load_weights(path)
    about = describe(loaded.network)
    if about.takes_clips or about.gives != "picture" or about.cell != BAYER:
        raise UsageError(
            f"weights of {loaded.network} to adapt",
            expected="those of a network that makes pictures of single Bayer frames",
            where=path,
            fix="`rawkit train --init` goes on with any weights.",
        )
    rules, darks = rules or PairRules(), tuple[Dark, ...]()
    if profile is None:
        found = find_pairs(photos, rules, max_ram=max_ram, progress=progress)
    else:
        camera = camera_profile(Path(profile))
        found = find_lit(photos, rules, camera, max_ram=max_ram, progress=progress)
        darks = darks_of(found, camera)
    text = definition_text(found, darks)
    name = re.sub(r"[^a-z0-9]+", "-", photos.absolute().name.lower()).strip("-") or COLLECTION
    more = () if profile is None else (sha256_of(Path(profile)),)
    digest = digest_of(text, str(photos.absolute()), sha256_of(path), *more)
    home = Workspace(workspace.root / FOLDER / f"{name}-{digest}")
    return AdaptPlan(
        photos, path.absolute(), loaded.network, loaded.licence, bool(loaded.settings),
        _balanced(loaded), found, text, home,
        None if profile is None else Path(profile).absolute(), darks,
    )  # fmt: skip


def _balanced(loaded: LoadedWeights) -> bool:
    neutrals = [camera.neutral for camera in loaded.cameras.values()]
    return loaded.published and bool(neutrals) and all(one == REFERENCE_NEUTRAL for one in neutrals)
