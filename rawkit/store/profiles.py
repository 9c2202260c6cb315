"""Profiles of cameras that travel with a store: two files each, beside the table of frames.

The root's attribute ``profiles`` names them. A profile's file is named after its content, so that
another one for the same camera never replaces a file that the root still names.
"""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import blake3

from rawkit.errors import ProfileError, RawkitError, UsageError
from rawkit.noise import decode_profile, encode_profile, profile_identity
from rawkit.store.layout import group_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from rawkit.noise import CameraProfile
    from rawkit.store.places.place import Place, ReadablePlace

PROFILES = "profiles"
"""Attribute of the root that names the profiles, by camera as groups are named."""
_DIGITS = 12
_FILE = re.compile(r"profile\.[a-z0-9-]+\.[0-9a-f]{12}\.(toml|npz)")
_AGAIN = "Put it in again: rawkit ingest COLLECTION --profile MODEL.toml."


class StoredProfile(NamedTuple):
    """A profile as a store has it."""

    camera: str
    """Camera, as groups are named: ``ilce-7sm2``."""
    named: dict[str, str]
    """What the root says of it: name of its ``file``, and the ``blake3`` of that."""
    files: dict[str, bytes]
    """Its files by name, the map first."""


def camera_name(make: str | None, model: str | None) -> str:
    """Return what groups of a camera are named: ``ilce-7sm2``."""
    return group_name(model, make, 0, 0).partition("/")[0]


def is_profile_file(name: str) -> bool:
    """Tell whether a file of a store is one of a profile."""
    return _FILE.fullmatch(name) is not None


def to_store(profile: CameraProfile) -> StoredProfile:
    """Return a profile as a store is to have it; the same bytes for the same profile."""
    camera = camera_name(profile.make, profile.model)
    name = f"profile.{camera}.{profile_identity(profile)[:_DIGITS]}.toml"
    files = {path.name: data for path, data in encode_profile(profile, Path(name)).items()}
    return StoredProfile(
        camera, {"file": name, "blake3": blake3.blake3(files[name]).hexdigest()}, files
    )


def to_stores(profiles: Iterable[CameraProfile]) -> tuple[StoredProfile, ...]:
    """Return profiles as a store is to have them, by camera.

    Raises
    ------
    UsageError
        If two are of one camera.
    """
    found = sorted((to_store(one) for one in profiles), key=lambda one: one.camera)
    for one, other in pairwise(found):
        if one.camera == other.camera and one.named != other.named:
            raise UsageError(
                f"two profiles of {one.camera}", expected="one of each camera",
                fix="Name the one that is right.",
            )  # fmt: skip
    return tuple(found)


def profile_keys(attributes: Mapping[str, Any]) -> list[str]:
    """Return the names of all files of the profiles that a root names."""
    named = [str(one["file"]) for one in attributes.get(PROFILES, {}).values()]
    return [key for name in named for key in (name, _map_of(name))]


def put_profiles(place: Place, profiles: Iterable[StoredProfile]) -> None:
    """Write the files of profiles; the next commit of a writer whose attributes name them does so.

    Raises
    ------
    OutputError, StoreUnreachableError
        If they cannot be written.
    """
    place.write_stages([one.files for one in profiles])


def delete_profiles(place: Place, *named: Mapping[str, Any]) -> None:
    """Delete the files of profiles that none of some roots name."""
    kept = {key for attributes in named for key in profile_keys(attributes)}
    for name in place.top():
        if is_profile_file(name) and name not in kept:
            place.delete(name)


class Opened(Protocol):
    """A store that was opened: `rawkit.store.Store`."""

    place: ReadablePlace
    """Where it lies."""
    attributes: dict[str, Any]
    """What its root says."""


def profiles_of(store: Opened) -> dict[str, CameraProfile]:
    """Read the profiles that travel with a store, by camera as its groups are named.

    Raises
    ------
    ProfileError
        If one is damaged, or of another version.
    """
    return {
        camera: _read(store.place, one)
        for camera, one in sorted(store.attributes.get(PROFILES, {}).items())
    }


def has_profile(place: ReadablePlace, attributes: Mapping[str, Any], one: StoredProfile) -> bool:
    """Tell whether a store has a profile already, whole."""
    if attributes.get(PROFILES, {}).get(one.camera) != one.named:
        return False
    try:
        return all(place.read(name) == data for name, data in one.files.items())
    except OSError:
        return False


def damaged_profiles(
    place: ReadablePlace, attributes: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:  # fmt: skip
    """Yield name and fault of each file of a profile that is not what was written."""
    for one in attributes.get(PROFILES, {}).values():
        name = str(one["file"])
        try:
            _read(place, one)
        except RawkitError as error:
            yield name, f"{error.reason}. {_AGAIN}"


def _read(place: ReadablePlace, named: Mapping[str, str]) -> CameraProfile:
    name = named["file"]
    file = place.file(name)

    def beside() -> bytes:
        return _bytes_of(place, _map_of(name))

    data = _bytes_of(place, name)
    if blake3.blake3(data).hexdigest() != named["blake3"]:
        raise ProfileError("not the profile that was put in", where=file, fix=_AGAIN)
    return decode_profile(data, beside, file)


def _bytes_of(place: ReadablePlace, key: str) -> bytes:
    try:
        return place.read(key)
    except OSError as error:
        raise ProfileError(
            f"cannot be read ({error.strerror or error})", expected="a profile of the store",
            where=place.file(key), fix=_AGAIN,
        ) from error  # fmt: skip


def _map_of(name: str) -> str:
    return PurePosixPath(name).with_suffix(".npz").name
