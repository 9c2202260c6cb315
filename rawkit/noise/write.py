"""Writing a camera's profile: a TOML file that people read, and a compressed map beside it."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import blake3
import numpy as np

from rawkit.errors import UsageError
from rawkit.files import write_together
from rawkit.noise.interpolate import relations
from rawkit.noise.profile import camera_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from rawkit.noise.profile import CameraProfile, Estimate

FORMAT: Final = 1
"""Version of the file."""
SUFFIX: Final = ".toml"
MAP_SUFFIX: Final = ".npz"
ESTIMATES: Final = ("gain", "read_scale", "read_shape", "row", "column", "bias")
"""Fields of an ISO that are estimates, in the order of the file."""
_HEAD: Final = """\
# Noise of a camera, found by `rawkit calibrate`. DN are the units of the raw file; lists hold one
# number a packed plane; low and high are the ends of intervals of 95%. gain: DN per electron.
# read_scale, read_shape: Tukey lambda distribution of read noise. row, column: standard deviations.
# bias: mean of darkness less the black level. The file named by `map` lies beside this one.
"""


def profile_name(profile: CameraProfile) -> str:
    """Return the name of a profile's file, see `camera_file`."""
    return camera_file(profile.make, profile.model)


def camera_file(make: str, model: str) -> str:
    """Return the name of the file of a camera's profile, in letters that all systems take."""
    text = re.sub(r"[^A-Za-z0-9.+-]+", "-", camera_name(make, model)).strip("-.")
    return f"{text or 'camera'}{SUFFIX}"


def profile_identity(profile: CameraProfile) -> str:
    """Return what tells a profile from others: the BLAKE3 of what it says, hexadecimal."""
    path = Path(f"profile{SUFFIX}")
    return blake3.blake3(encode_profile(profile, path)[path]).hexdigest()


def write_profile(profile: CameraProfile, path: Path) -> None:
    """Write a profile as `path`, which ends in ``.toml``, and a map ``.npz`` beside it.

    The same profile gives the same bytes. Both are replaced whole, the map first.

    Raises
    ------
    UsageError
        If `path` does not end in ``.toml``.
    OutputError
        If they cannot be written; what was there before is still there.
    """
    write_together(encode_profile(profile, path).items())


def encode_profile(profile: CameraProfile, path: Path) -> dict[Path, bytes]:
    """Return the files that `write_profile` writes, the map first; raises as it does."""
    if path.suffix != SUFFIX:
        raise UsageError(f"a profile named {path.name}", expected=f"a name that ends in {SUFFIX}")
    beside = path.with_suffix(MAP_SUFFIX)
    packed = _npz(_maps(profile))
    text = _HEAD + _text(profile, beside.name, blake3.blake3(packed).hexdigest())
    return {beside: packed, path: text.encode()}


def _text(profile: CameraProfile, beside: str, digest: str) -> str:
    mosaic = profile.mosaic
    lines = _lines(
        {
            "format": FORMAT,
            "make": profile.make,
            "model": profile.model,
            "map": beside,
            "map_blake3": digest,
            "notes": list(profile.notes),
        }
    )
    lines += ["", "[mosaic]"]
    lines += _lines(
        {
            "pattern": mosaic.pattern_text,
            "height": mosaic.height,
            "width": mosaic.width,
            "black_level": list(mosaic.black_level),
            "white_level": mosaic.white_level,
        }
    )
    for one in profile.isos:
        lines += ["", "[[iso]]"]
        lines += _lines({"iso": float(one.iso), "gain_source": one.gain_source})
        lines += [f"{name} = {_estimate(getattr(one, name))}" for name in ESTIMATES]
        lines += _lines(
            {
                "step": float(one.step),
                "white": float(one.white),
                "white_seen": one.white_seen,
                "dark_frames": one.dark_frames,
                "flat_frames": one.flat_frames,
            }
        )
    # For readers: made anew from the numbers above by whoever needs them.
    for name, line in relations([one.model() for one in profile.isos]).items():
        lines += ["", f"[relation.{name}]  # log {name} = slope log K + intercept"]
        lines += _lines(
            {part: round(getattr(line, part), 5) for part in ("slope", "intercept", "scatter")}
        )
    for found in profile.ranges:
        lines += ["", "[[shading]]", *_lines({"low": float(found.low), "high": float(found.high)})]
    return "\n".join(lines) + "\n"


def _lines(values: Mapping[str, Any]) -> list[str]:
    return [f"{name} = {_value(value)}" for name, value in values.items()]


def _estimate(found: Estimate) -> str:
    parts = [f"value = {_value(list(found.value))}"]
    if np.isfinite([*found.low, *found.high]).any():
        parts += [f"low = {_value(list(found.low))}", f"high = {_value(list(found.high))}"]
    return "{ " + ", ".join(parts) + " }"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        # Seven digits are more than was found; TOML wants a point or an exponent.
        text = f"{value:.7g}"
        return text if re.search(r"[.en]", text) else f"{text}.0"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return _string(str(value))


def _string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda m: f"\\u{ord(m[0]):04X}", escaped) + '"'


def _maps(profile: CameraProfile) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {"hot": profile.hot}
    for number, found in enumerate(profile.ranges):
        for name in ("smooth", "rows", "columns"):
            arrays[f"shading{number}_{name}"] = getattr(found, name)
    for curves in profile.curves:
        arrays[f"iso{curves.iso:g}_transfer"] = curves.transfer
        arrays[f"iso{curves.iso:g}_probability"] = curves.probability
    return arrays


def _npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Compress arrays as numpy's own files have them, without the time of day in them."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, _npy(array))
    return sink.getvalue()


def _npy(array: NDArray[Any]) -> bytes:
    sink = io.BytesIO()
    np.lib.format.write_array(sink, np.ascontiguousarray(array), allow_pickle=False)
    return sink.getvalue()
