"""Which profile belongs to a mosaic, and what is done to the mosaic by it before a network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rawkit.errors import ProfileError, UsageError
from rawkit.noise import mended, profile_for, profile_identity, read_profile
from rawkit.restore.stored import StoredFrame

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from rawkit.noise import CameraProfile, Mended
    from rawkit.pictures import Capture
    from rawkit.sensor import RawImage

_DIGITS = 16


@dataclass(frozen=True, slots=True, eq=False)
class Mending:
    """Profiles of cameras, and what is done to mosaics by them."""

    profiles: tuple[CameraProfile, ...] = ()
    """Profiles that were named; they come before those of a store."""
    stored: Mapping[str, tuple[CameraProfile, ...]] = field(default_factory=dict)
    """Profiles that travel with stores, by path or URL of the store, where they are asked for."""
    dark_shading: bool = True
    """Whether dark shading is subtracted."""
    hot_pixels: bool = True
    """Whether hot and dead pixels are mended."""

    @property
    def asked(self) -> str:
        """What tells it from others, for manifests."""
        stored = [one for key in sorted(self.stored) for one in self.stored[key]]
        done = [
            name
            for name, asked in (("shading", self.dark_shading), ("hot", self.hot_pixels))
            if asked
        ]
        names = [profile_identity(one)[:_DIGITS] for one in (*self.profiles, *stored)]
        return " ".join([*names, *done])

    def profile_of(self, what: object, capture: Capture) -> CameraProfile:
        """Return the profile of a raw file's or a stored frame's camera.

        Raises
        ------
        ProfileError
            If there is none.
        """
        stored: tuple[CameraProfile, ...] = ()
        if isinstance(what, StoredFrame):
            stored = self.stored.get(str(what.store), ())
        return profile_for((*self.profiles, *stored), capture.make, capture.model)

    def mend(
        self, what: object, image: RawImage, capture: Capture
    ) -> tuple[Mended, CameraProfile]:  # fmt: skip
        """Mend a mosaic of a raw file or a store by the profile of its camera.

        Raises
        ------
        ProfileError
            If there is none, it is of another size, or the ISO is wanted and not known.
        """
        profile = self.profile_of(what, capture)
        at, visible = (0, 0), None
        if isinstance(what, StoredFrame):
            row = what.row
            at = row.crop_top, row.crop_left
            visible = row.visible_height, row.visible_width
        done = mended(
            image, profile, capture.exposure.iso,
            dark_shading=self.dark_shading, hot_pixels=self.hot_pixels, at=at, visible=visible,
        )  # fmt: skip
        return done, profile


def mending_of(
    files: Sequence[Path],
    frames: Iterable[StoredFrame] = (),
    *,
    stored: bool = False,
    dark_shading: bool = True,
    hot_pixels: bool = True,
) -> Mending:
    """Read profiles: those of `files`, and with `stored` those that the stores of frames have.

    Raises
    ------
    MissingError, ProfileError
        If a file is not there, or no profile; or a store has none.
    UsageError
        If those of stores are asked for and no frame is one of a store.
    """
    named = tuple(read_profile(path) for path in files)
    stores = {str(frame.store): frame.store for frame in frames} if stored else {}
    if stored and not stores:
        raise UsageError(
            "--profile stored without a store", expected="frames of a store",
            fix="Name the file of the profile: --profile MODEL.toml.",
        )  # fmt: skip
    found = {}
    for key, location in stores.items():
        from rawkit.store import Store, profiles_of  # noqa: PLC0415 - raw files do without tables

        found[key] = tuple(profiles_of(Store(location)).values())
        if not found[key]:
            raise ProfileError(
                "a store without a camera's profile", expected="one that was put in with it",
                where=location, fix="Put one in: rawkit ingest COLLECTION --profile MODEL.toml.",
            )  # fmt: skip
    return Mending(named, found, dark_shading, hot_pixels)
