"""Reading a camera's profile, which may have been made by somebody else."""

from __future__ import annotations

import io
import tomllib
import zipfile
from typing import TYPE_CHECKING, Annotated, Any, Final

import blake3
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rawkit.errors import MissingError, ProfileError, UsageError
from rawkit.noise.profile import CameraProfile, Estimate, IsoCurves, IsoProfile
from rawkit.noise.shading import ShadingRange
from rawkit.noise.write import ESTIMATES, FORMAT, MAP_SUFFIX
from rawkit.sensor import Mosaic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

_MOST_TOML: Final = 4 << 20
_MOST_MAP: Final = 256 << 20
"""Bytes of a map once it is unpacked: a smooth shading takes thousands, a million hot pixels 8 MB,
and what is larger was made to fill memory."""
_LETTERS: Final = {"R": 0, "G": 1, "B": 2}
_AGAIN: Final = "Make it again with `rawkit calibrate`, or fetch both of its files again."
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Estimate(_Model):
    value: tuple[float, ...]
    low: tuple[float, ...] | None = None
    high: tuple[float, ...] | None = None


class _Iso(_Model):
    iso: _Positive
    gain_source: str
    gain: _Estimate
    read_scale: _Estimate
    read_shape: _Estimate
    row: _Estimate
    column: _Estimate
    bias: _Estimate
    step: _Positive
    white: _Positive
    white_seen: bool
    dark_frames: int
    flat_frames: int


class _Mosaic(_Model):
    pattern: str
    height: Annotated[int, Field(ge=2, le=65535)]
    width: Annotated[int, Field(ge=2, le=65535)]
    black_level: tuple[float, ...]
    white_level: _Positive


class _Range(_Model):
    low: _Positive
    high: _Positive


class _Relation(_Model):
    slope: float
    intercept: float
    scatter: float


class _File(_Model):
    format: int
    make: str
    model: str
    map: str
    map_blake3: str
    notes: tuple[str, ...] = ()
    mosaic: _Mosaic
    iso: tuple[_Iso, ...]
    relation: dict[str, _Relation] = {}
    shading: tuple[_Range, ...] = ()


def is_profile(path: Path) -> bool:
    """Whether a file is a camera's profile, by its first words: a TOML file that has a map."""
    if path.suffix != ".toml" or not path.is_file():
        return False
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return "map_blake3" in table and "iso" in table


def read_profile(path: Path) -> CameraProfile:
    """Read the profile whose TOML file is `path`.

    Raises
    ------
    MissingError
        If it or the map beside it is not there.
    ProfileError
        If one of them is none, is damaged, is of another version, or they do not belong together.
    """
    data = _bytes_of(path, _MOST_TOML)
    beside = path.with_suffix(MAP_SUFFIX)
    return decode_profile(data, lambda: _bytes_of(beside, _MOST_MAP), path)


def decode_profile(data: bytes, beside: Any, where: object) -> CameraProfile:
    """Make a profile of the bytes of its TOML file, and of those of its map, which are asked for.

    `beside` is called without arguments; `where` is what messages call the file.

    Raises
    ------
    ProfileError
        As `read_profile`.
    """
    found = _parsed(data, where)
    packed: bytes = beside()
    if blake3.blake3(packed).hexdigest() != found.map_blake3:
        raise ProfileError(
            f"the map beside it ({found.map}) is not the one it was written with",
            expected=f"a file of the BLAKE3 {found.map_blake3[:16]}...",
            where=where,
            fix=_AGAIN,
        )
    try:
        return _profile(found, _arrays(packed))
    except UsageError as error:
        raise ProfileError(
            f"no profile: {error.found}", expected=error.expected, where=where, fix=_AGAIN
        ) from error
    except (KeyError, ValueError, zipfile.BadZipFile, OSError) as error:
        raise ProfileError(
            f"its map {found.map} cannot be used ({error})", where=where, fix=_AGAIN
        ) from error


def _bytes_of(path: Path, most: int) -> bytes:
    try:
        size = path.stat().st_size
        if size <= most:
            return path.read_bytes()
    except FileNotFoundError as error:
        raise MissingError(
            "no such file", expected="a profile: MODEL.toml and MODEL.npz beside it", where=path,
            fix="Make one with `rawkit calibrate`.",
        ) from error  # fmt: skip
    except OSError as error:
        raise ProfileError(f"cannot be read ({error.strerror})", where=path) from error
    raise ProfileError(f"{size} bytes", expected=f"a profile, at most {most}", where=path)


def _parsed(data: bytes, where: object) -> _File:
    try:
        table = tomllib.loads(data.decode("utf-8"))
    except ValueError as error:
        raise ProfileError(
            f"no TOML file ({error})", expected="a camera's profile", where=where, fix=_AGAIN
        ) from error
    version = table.get("format")
    if isinstance(version, int) and version > FORMAT:
        raise ProfileError(
            f"a profile of format {version}", expected=f"format {FORMAT}", where=where,
            fix="Read it with a newer rawkit.",
        )  # fmt: skip
    try:
        return _File.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ProfileError(
            f"{place}: {first['msg']}", expected="a camera's profile", where=where, fix=_AGAIN
        ) from error


def _arrays(packed: bytes) -> dict[str, NDArray[Any]]:
    """Unpack a map, after a look at how large it becomes."""
    arrays = {}
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
        if size > _MOST_MAP:
            raise ValueError(f"{size} bytes unpacked, more than {_MOST_MAP}")
        for entry in archive.infolist():
            with archive.open(entry) as file:
                arrays[entry.filename.removesuffix(".npy")] = np.lib.format.read_array(
                    io.BytesIO(file.read(entry.file_size)), allow_pickle=False
                )
    return arrays


def _profile(found: _File, arrays: Mapping[str, NDArray[Any]]) -> CameraProfile:
    mosaic = Mosaic.without_margins(
        _pattern(found.mosaic.pattern),
        (found.mosaic.height, found.mosaic.width),
        found.mosaic.black_level,
        found.mosaic.white_level,
    )
    ranges = tuple(
        ShadingRange(
            one.low, one.high,
            arrays[f"shading{number}_smooth"],
            arrays[f"shading{number}_rows"],
            arrays[f"shading{number}_columns"],
        )
        for number, one in enumerate(found.shading)
    )  # fmt: skip
    curves = tuple(
        IsoCurves(
            one.iso, arrays[f"iso{one.iso:g}_transfer"], arrays[f"iso{one.iso:g}_probability"]
        )
        for one in found.iso
        if f"iso{one.iso:g}_transfer" in arrays
    )
    return CameraProfile(
        make=found.make,
        model=found.model,
        mosaic=mosaic,
        isos=tuple(map(_iso, found.iso)),
        ranges=ranges,
        hot=arrays["hot"],
        curves=curves,
        notes=found.notes,
    )


def _iso(one: _Iso) -> IsoProfile:
    estimates = {name: _of(getattr(one, name)) for name in ESTIMATES}
    return IsoProfile(
        iso=one.iso,
        gain_source=one.gain_source,
        step=one.step,
        white=one.white,
        white_seen=one.white_seen,
        dark_frames=one.dark_frames,
        flat_frames=one.flat_frames,
        **estimates,
    )


def _of(found: _Estimate) -> Estimate:
    if found.low is None or found.high is None:
        return Estimate.exactly(found.value)
    return Estimate(found.value, found.low, found.high)


def _pattern(text: str) -> tuple[tuple[int, ...], ...]:
    """Read a pattern as `Mosaic.pattern_text` writes it; the second green of a cell is 3."""
    rows = text.split("/") if "/" in text else [text[:2], text[2:]]
    if any(letter not in _LETTERS for row in rows for letter in row):
        raise UsageError(f"the pattern {text!r}", expected="letters R, G and B")
    return tuple(tuple(_LETTERS[letter] for letter in row) for row in rows)
