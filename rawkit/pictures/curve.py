"""An ICC profile for what rawkit writes: sRGB primaries with the BT.709 tone curve.

LibRaw's default rendering, and so every target and every restored picture, uses the curve of
ITU-R BT.709 (2.222, 4.5), not the one of sRGB. A viewer that is told so shows the right tones.
Written after ICC.1:2010 (version 4.3): a display profile of matrix and curves.
"""

from __future__ import annotations

import struct
from functools import cache

import numpy as np

PROFILE_NAME = "BT.709 curve on sRGB primaries"
LINEAR_NAME = "Linear light on sRGB primaries"
SRGB_NAME = "sRGB (IEC 61966-2-1)"
_SRGB = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
"""The curve of sRGB: exponent, scale and offset, slope below the value of the last."""
_D50 = (0.9642, 1.0, 0.8249)
# sRGB primaries adapted to D50 by the Bradford transform, as IEC 61966-2-1 profiles hold them.
_PRIMARIES = {
    b"rXYZ": (0.43607, 0.22249, 0.01392),
    b"gXYZ": (0.38515, 0.71687, 0.09708),
    b"bXYZ": (0.14307, 0.06061, 0.71410),
}


@cache
def curve_constants() -> tuple[float, float, float]:
    """Offset b, slope c and linear end d of the BT.709 curve with exponent 1/2.222, slope 4.5.

    Encoded e = 4.5 l below l = d / 4.5, and (1 + b) l^(1 / 2.222) - b above, where value and slope
    of both parts agree.
    """
    power, slope = 1 / 2.222, 4.5

    def gap(b: float) -> float:
        end = (b / ((1 + b) * (1 - power))) ** (1 / power)
        return float(slope * end - ((1 + b) * end**power - b))

    low, high = 1e-6, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if gap(middle) * gap(high) <= 0 else (low, middle)
    b = (low + high) / 2
    end = (b / ((1 + b) * (1 - power))) ** (1 / power)
    return b, slope, slope * end


def linear_of(encoded: np.ndarray) -> np.ndarray:
    """Invert the tone curve: encoded values of 0 to 1 to linear light of 0 to 1."""
    b, slope, end = curve_constants()
    return np.where(encoded < end, encoded / slope, ((encoded + b) / (1 + b)) ** 2.222)


def encoded_of(linear: np.ndarray) -> np.ndarray:
    """Apply the tone curve: linear light of 0 to 1 to encoded values of 0 to 1."""
    b, slope, end = curve_constants()
    return np.where(linear < end / slope, linear * slope, (1 + b) * linear ** (1 / 2.222) - b)


def srgb_of(linear: np.ndarray) -> np.ndarray:
    """Apply the curve of sRGB: linear light of 0 to 1 to encoded values of 0 to 1."""
    power, scale, offset, slope, end = _SRGB
    above = (np.maximum(linear, end * slope) ** (1 / power) - offset) / scale
    return np.where(linear < end * slope, linear / slope, above)


@cache
def icc_profile(*, linear: bool = False, srgb: bool = False) -> bytes:
    """Return the profile, or that of linear light, or of sRGB, on the same primaries.

    Always the same bytes.
    """
    b, slope, end = curve_constants()
    bt709 = (2.222, 1 / (1 + b), b / (1 + b), 1 / slope, end)
    values = (1.0, 1.0, 0.0, 1.0, 0.0) if linear else _SRGB if srgb else bt709
    curve = _parametric(values)
    tags: list[tuple[bytes, bytes]] = [
        (b"desc", _text(profile_name(linear=linear, srgb=srgb))),
        (b"cprt", _text("No copyright, use freely")),
        (b"wtpt", _xyz(_D50)),
        *((name, _xyz(values)) for name, values in _PRIMARIES.items()),
        (b"rTRC", curve),
        (b"gTRC", curve),
        (b"bTRC", curve),
    ]
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags:
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    size = 128 + len(table) + len(body)
    return _header(size) + table + body


def profile_name(*, linear: bool = False, srgb: bool = False) -> str:
    """Return what the profile of `icc_profile` is called."""
    return LINEAR_NAME if linear else SRGB_NAME if srgb else PROFILE_NAME


def _header(size: int) -> bytes:
    header = struct.pack(">I4sI4s4s4s", size, b"\0" * 4, 0x04300000, b"mntr", b"RGB ", b"XYZ ")
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28
    header += _fixed(_D50)
    return header + b"\0" * (128 - len(header))


def _fixed(values: tuple[float, ...]) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ " + b"\0" * 4 + _fixed(values)


def _parametric(values: tuple[float, ...]) -> bytes:
    """Curve of type 3: (a x + b)^g from d up, c x below."""
    return b"para" + b"\0" * 4 + struct.pack(">HH", 3, 0) + _fixed(values)


def _text(text: str) -> bytes:
    data = text.encode("utf-16-be")
    return b"mluc" + b"\0" * 4 + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(data), 28) + data
