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

    from rawkit.locations import Location
    from rawkit.noise import CameraProfile, Mended
    from rawkit.pictures import Capture
    from rawkit.sensor import RawImage
    from rawkit.store import FrameRow

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

    def mend(
        self, what: object, image: RawImage, capture: Capture
    ) -> tuple[Mended, CameraProfile]:  # fmt: skip
        """Mend a mosaic of a raw file or a store by the profile of its camera.

        Raises
        ------
        ProfileError
            If there is none, it is of another size, or the ISO is wanted and not known.
        """
        if isinstance(what, StoredFrame):
            return self.mend_stored(what.store, what.row, image)
        profile = profile_for(self.profiles, capture.make, capture.model)
        done = mended(
            image, profile, capture.exposure.iso,
            dark_shading=self.dark_shading, hot_pixels=self.hot_pixels,
        )  # fmt: skip
        return done, profile

    def mend_stored(
        self, store: Location, row: FrameRow, image: RawImage
    ) -> tuple[Mended, CameraProfile]:
        """Do the same to a stored frame, whose `image` is in the canonical phase; raises so."""
        profiles = (*self.profiles, *self.stored.get(str(store), ()))
        profile = profile_for(profiles, row.make, row.model)
        done = mended(
            image, profile, row.iso,
            dark_shading=self.dark_shading, hot_pixels=self.hot_pixels,
            at=(row.crop_top, row.crop_left), visible=(row.visible_height, row.visible_width),
        )  # fmt: skip
        return done, profile


def mending_of(
    files: Sequence[Path],
    stores: Iterable[Location] = (),
    *,
    stored: bool = False,
    dark_shading: bool = True,
    hot_pixels: bool = True,
) -> Mending:
    """Read profiles: those of `files`, and with `stored` those that `stores` have.

    Raises
    ------
    MissingError, ProfileError
        If a file is not there, or no profile; or a store has none.
    UsageError
        If those of stores are asked for and there is no store.
    """
    named = tuple(read_profile(path) for path in files)
    places = {str(location): location for location in stores} if stored else {}
    if stored and not places:
        raise UsageError(
            "--profile stored without a store", expected="frames of a store",
            fix="Name the file of the profile: --profile MODEL.toml.",
        )  # fmt: skip
    found = {}
    for key, location in places.items():
        from rawkit.store import Store, profiles_of  # noqa: PLC0415 - raw files do without tables

        found[key] = tuple(profiles_of(Store(location)).values())
        if not found[key]:
            raise ProfileError(
                "a store without a camera's profile", expected="one that was put in with it",
                where=location, fix="Put one in: rawkit ingest COLLECTION --profile MODEL.toml.",
            )  # fmt: skip
    return Mending(named, found, dark_shading, hot_pixels)
