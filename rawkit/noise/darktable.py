"""Noise profiles as darktable and ansel keep them: ``noiseprofiles.json``.

A file of the user's own is read where it is named; none is shipped, as it has another licence. It
knows two numbers a channel: the variance of a pixel of light x is ``a x + b``, both normalised
such that 1 is white. So there is shot noise and Gaussian noise; of tails, rows, dark shading and
quantisation it says nothing.

Source: darktable, `data/noiseprofiles.json` and `src/common/noiseprofiles.c`, version 0.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Final

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from rawkit.errors import MissingError, ProfileError, UsageError
from rawkit.noise.model import NoiseModel
from rawkit.noise.profile import CameraProfile
from rawkit.noise.tukey import NORMAL_SHAPE, normal_scale

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rawkit.sensor import Mosaic

GAUSSIAN_ONLY: Final = (
    "from a file of darktable's: it knows shot noise and Gaussian noise only; nothing of tails, "
    "rows, columns, dark shading, hot pixels and quantisation"
)
"""What a profile made of such a file notes."""
_MOST: Final = 64 << 20
_Three = Annotated[tuple[float, float, float], Field()]


class _Entry(BaseModel):
    iso: Annotated[float, Field(gt=0)]
    a: _Three
    b: _Three
    skip: bool = False


class _Model(BaseModel):
    model: str
    profiles: tuple[_Entry, ...]


class _Maker(BaseModel):
    maker: str
    models: tuple[_Model, ...]


class _File(BaseModel):
    noiseprofiles: tuple[_Maker, ...]


def read_darktable(path: Path, make: str, model: str, mosaic: Mosaic) -> CameraProfile:
    """Make a profile of one camera of such a file.

    Parameters
    ----------
    path
        The file, ``noiseprofiles.json``.
    make, model
        The camera, as EXIF spells it; case and the maker within the model do not matter.
    mosaic
        Levels, pattern and size of the camera's files: the file knows none of them.

    Raises
    ------
    MissingError
        If it is not there, or does not know the camera; says which come near.
    ProfileError
        If it is no such file.
    """
    found = _read(path)
    entries = _entries(found, make, model, path)
    colours = [mosaic.cell.colours[plane] for plane in range(mosaic.cell.planes)]
    span = mosaic.white_level - np.array(mosaic.black_level)
    models: list[NoiseModel] = []
    for one in sorted(entries, key=lambda one: one.iso):
        if one.skip or any(entry.iso == one.iso for entry in models):
            continue
        slopes = np.array([one.a[colour] for colour in colours])
        floors = np.array([one.b[colour] for colour in colours])
        sigmas = span * np.sqrt(np.maximum(floors, 0))
        try:
            models.append(
                NoiseModel(
                    one.iso, slopes * span, [normal_scale(sigma) for sigma in sigmas],  # type: ignore[arg-type]  # made an array
                    np.full(len(colours), NORMAL_SHAPE), 0.0, 0.0, np.zeros(len(colours)), 1.0,
                    mosaic.white_level,
                )
            )  # fmt: skip
        except UsageError as error:
            raise ProfileError(f"ISO {one.iso:g}: {error.reason}", where=path) from error
    if not models:
        raise ProfileError(f"no ISO of {make} {model}", where=path)
    profile = CameraProfile.known(make, model, mosaic, models)
    return CameraProfile(
        profile.make, profile.model, profile.mosaic, profile.isos, notes=(GAUSSIAN_ONLY,)
    )


def is_darktable(path: Path) -> bool:
    """Whether a file is one of these, by its first bytes."""
    try:
        with path.open("rb") as file:
            return path.suffix == ".json" and b"noiseprofiles" in file.read(4096)
    except OSError:
        return False


def _read(path: Path) -> _File:
    try:
        if path.stat().st_size > _MOST:
            raise ProfileError(f"{path.stat().st_size} bytes", expected=f"at most {_MOST}",
                               where=path)  # fmt: skip
        return _File.model_validate(json.loads(path.read_bytes()))
    except FileNotFoundError as error:
        raise MissingError("no such file", expected="noiseprofiles.json", where=path) from error
    except OSError as error:
        raise ProfileError(f"cannot be read ({error.strerror})", where=path) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ProfileError(f"{place}: {first['msg']}", expected="a noiseprofiles.json",
                           where=path) from error  # fmt: skip
    except (ValueError, RecursionError) as error:
        raise ProfileError(f"no JSON ({error})", expected="a noiseprofiles.json",
                           where=path) from error  # fmt: skip


def _entries(found: _File, make: str, model: str, path: Path) -> Sequence[_Entry]:
    wanted, near = _plain(model, make), []
    for maker in found.noiseprofiles:
        same = _words(maker.maker)[:1] == _words(make)[:1]
        for one in maker.models:
            if same and _plain(one.model, make) == wanted:
                return one.profiles
            near += [one.model] if same else []
    raise MissingError(
        f"no {make} {model}",
        expected=", ".join(sorted(near)[:12]) or f"a camera of {len(found.noiseprofiles)} makers",
        where=path,
    )


def _words(text: str) -> list[str]:
    return text.lower().split()


def _plain(model: str, make: str) -> str:
    return " ".join(word for word in _words(model) if word not in _words(make)[:1])
