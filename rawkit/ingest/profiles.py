"""Profiles of cameras that are put into a store beside its frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rawkit.errors import ProfileError
from rawkit.store import (
    PROFILES,
    Store,
    camera_name,
    has_profile,
    is_store,
    open_writer,
    put_profiles,
    to_stores,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from rawkit.catalog import Entry
    from rawkit.locations import Location
    from rawkit.noise import CameraProfile
    from rawkit.store import StoredProfile


def travelling_with(
    entries: Iterable[Entry], profiles: Sequence[CameraProfile]
) -> tuple[StoredProfile, ...]:  # fmt: skip
    """Return profiles as a store is to have them, each of a camera of the frames.

    Where no frame says its camera, any will do.

    Raises
    ------
    ProfileError
        If no frame is of a profile's camera.
    UsageError
        If two are of one camera.
    """
    found = to_stores(profiles)
    if not found:
        return ()
    frames = {entry.frame for entry in entries if entry.frame.model is not None}
    cameras = {camera_name(one.make, one.model) for one in frames}
    for profile in profiles:
        if cameras and camera_name(profile.make, profile.model) not in cameras:
            raise ProfileError(
                f"a profile of {profile.camera}, of which there is no frame",
                expected=f"one of {', '.join(sorted({str(one.model) for one in frames}))}",
            )
    return found


def not_there(store: Location, profiles: Sequence[StoredProfile]) -> tuple[StoredProfile, ...]:
    """Return the profiles that a store does not have, or not whole."""
    if not profiles or not is_store(store):
        return tuple(profiles)
    there = Store(store)
    return tuple(one for one in profiles if not has_profile(there.place, there.attributes, one))


def named_profiles(
    before: Store | None, profiles: Sequence[StoredProfile]
) -> dict[str, dict[str, str]]:
    """Return what the root is to say of profiles: those there are, and these, by camera."""
    there: dict[str, dict[str, str]] = {}
    if before is not None:
        there = dict(before.attributes.get(PROFILES, {}))
    return dict(sorted({**there, **{one.camera: one.named for one in profiles}}.items()))


def put_alone(
    store: Location,
    attributes: Mapping[str, Any],
    profiles: Sequence[StoredProfile],
    staging: Path | None,
) -> None:
    """Put profiles into a store that gains no frames; raises as `open_writer`."""
    target = Store(store).about.rendering
    with open_writer(store, attributes=attributes, target=target, staging=staging) as writer:
        put_profiles(writer.place, profiles)
        writer.join()
