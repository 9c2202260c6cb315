"""Shorts made of longs: what a sensor would have given in less time.

Of a long little but its light is taken; shot, read, row and column noise and rounding are a
`NoiseModel`'s, after ELD (Wei et al., CVPR 2020). Random numbers are counted, not drawn: those of a
pixel depend on key, sample and place alone, so a crop is the same whoever makes it and whenever.

The C module does it a pixel in some nanoseconds. Here is the plain way beside it, with the same
operations of single precision in the same order: the same integers.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rawkit import native
from rawkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rawkit.noise.model import NoiseModel

    Floats = NDArray[np.float32]

_HALF: Final = 64
_BLOCK: Final = 2 * _HALF
"""Pixels of a row whose numbers are counted together."""
_FEW: Final = 8.0
"""Mean number of electrons below which probabilities are summed up, and from which on quantiles are
expanded."""
_MOST: Final = 96
_TERMS: Final = 12
_FLAT: Final = 1e-3
"""Shapes nearer to 0 are taken as 0: single precision cannot divide by them."""
_ROUNDS: Final = 7
_ROW_OF_PLANE: Final = (0, 0, 1, 1)
"""Which of the two rows of a cell the planes R, G1, B, G2 lie on."""
_COLUMN_OF_PLANE: Final = (0, 1, 1, 0)
"""And which of its columns."""
_WORD: Final = 0xFFFFFFFF


def make_short(
    planes: NDArray[np.uint16],
    black: NDArray[np.floating[Any]] | Sequence[float],
    noise: NoiseModel,
    ratio: float,
    *,
    key: int,
    sample: int,
) -> None:
    """Make a short of the packed planes of a long, in place.

    Parameters
    ----------
    planes
        Packed planes R, G1, B, G2 of a long, shape (4, h, w), sensor units; C-contiguous.
    black
        Their black levels, shape (4,); those of the short, too.
    noise
        What is added, in the same units.
    ratio
        What the short must be multiplied by to be as bright as the long; above 0.
    key, sample
        Which random numbers: 64 bits each.

    Raises
    ------
    UsageError
        If the planes are not those of a Bayer mosaic, noise is of others, or the ratio is none.
    """
    if planes.ndim != 3 or len(planes) != noise.planes or noise.planes != len(_ROW_OF_PLANE):  # noqa: PLR2004 - plane, row, column
        raise UsageError(
            f"planes of shape {planes.shape} with noise of {noise.planes} planes",
            expected="the four of a Bayer mosaic",
        )
    if not (np.isfinite(ratio) and ratio > 0):
        raise UsageError(f"a ratio of {ratio}", expected="a number above 0")
    black = np.asarray(black, np.float64)
    numbers = np.stack([
        black, 1 / (ratio * noise.gain), noise.gain, noise.read_scale, _shapes(noise.read_shape),
        black + noise.bias, np.full(4, noise.step), np.full(4, noise.white),
    ], axis=1)  # fmt: skip
    sides = [_side(shape) for shape in noise.read_shape.tolist()]
    numbers = np.concatenate([numbers, sides], axis=1).astype(np.float32)
    rows, columns = _shared(noise, planes.shape[1:], key, sample)
    words = [key & _WORD, key >> 32 & _WORD, sample & _WORD, sample >> 32 & _WORD]
    if native.BUILT:
        native.functions.make_short(planes, numbers, rows, columns, *words)
    else:
        make_short_plainly(planes, numbers, rows, columns, words)


def _shapes(shapes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shapes so near to 0 that single precision cannot divide by them are 0."""
    return np.where(np.abs(shapes) < _FLAT, 0.0, shapes)


@lru_cache(256)
def _side(shape: float) -> tuple[float, ...]:
    """Return the series of ((1 - p)^L - 1) / L in p - 1/4, from the lowest term on.

    By the binomial theorem, and of the logarithm where L is 0; p is at most 1/2, so the twelfth
    term is below 1e-6.
    """
    # (1 - p)^L = (3/4)^L (1 - x)^L with x = (p - 1/4) / (3/4)
    flat = abs(shape) < _FLAT
    terms = [math.log(0.75) if flat else math.expm1(shape * math.log(0.75)) / shape]
    term = -1.0 if flat else -(0.75**shape)
    for k in range(1, _TERMS):
        terms.append(term / 0.75**k)
        term *= (k - shape) / (k + 1)
    return tuple(terms)


def _shared(
    noise: NoiseModel, size: tuple[int, ...], key: int, sample: int
) -> tuple[Floats, Floats]:
    """Draw what all pixels of a row share, (4, h), and of a column, (4, w), in sensor units."""
    height, width = size
    counter = np.array([0, 0, sample, 1], np.uint64)
    generator = np.random.Generator(np.random.Philox(key=key, counter=counter))
    drawn = generator.standard_normal((2, height + width), np.float32)
    rows = np.float32(noise.row) * drawn[list(_ROW_OF_PLANE), :height]
    columns = np.float32(noise.column) * drawn[list(_COLUMN_OF_PLANE), height:]
    return np.ascontiguousarray(rows), np.ascontiguousarray(columns)


def make_short_plainly(
    planes: NDArray[np.uint16],
    numbers: Floats,
    rows: Floats,
    columns: Floats,
    words: Sequence[int],
) -> None:
    """Do what the native module's `make_short` does, with numpy alone."""
    _, height, width = planes.shape
    for number, plane in enumerate(planes):
        black, light, gain, scale, shape, offset, step, white, *side = numbers[number]
        shot, read = _words(height, width, number, words)
        mean = np.maximum(plane.astype(np.float32) - black, np.float32(0)) * light
        uniform = ((shot >> np.uint32(9)).astype(np.float32) + np.float32(0.5)) * np.float32(2**-23)
        electrons = np.where(mean < _FEW, _few(mean, uniform), _many(mean, uniform))
        value = gain * electrons + offset + scale * _tukey(read, shape, side)
        value = value + rows[number][:, None] + columns[number]
        value = np.minimum(np.maximum(value, np.float32(0)), white)
        value = (value * (np.float32(1) / step) + np.float32(0.5)).astype(np.int32)
        plane[...] = np.minimum(value.astype(np.float32) * step, np.float32(65535))


def philox(
    counter: Sequence[NDArray[np.uint32]], key: Sequence[int], rounds: int = _ROUNDS
) -> list[NDArray[np.uint32]]:
    """Philox4x32: four numbers of 32 bits for each counter of four.

    Source: Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011.
    """
    a, b, c, d = (one.astype(np.uint64) for one in counter)
    first_key, second_key = key
    low, shift = np.uint64(_WORD), np.uint64(32)
    for _ in range(rounds):
        first, second = np.uint64(0xD2511F53) * a, np.uint64(0xCD9E8D57) * c
        a, b = (second >> shift) ^ b ^ np.uint64(first_key), second & low
        c, d = (first >> shift) ^ d ^ np.uint64(second_key), first & low
        first_key = (first_key + 0x9E3779B9) & _WORD
        second_key = (second_key + 0xBB67AE85) & _WORD
    return [one.astype(np.uint32) for one in (a, b, c, d)]


def _words(
    height: int, width: int, plane: int, words: Sequence[int]
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Two numbers for each pixel of a plane, (h, w)."""
    blocks = -(-width // _BLOCK)
    places = np.arange(blocks * _HALF, dtype=np.uint32)
    places, lines = np.broadcast_arrays(
        places, (plane * 65536 + np.arange(height, dtype=np.uint32))[:, None]
    )
    same = [np.full(places.shape, word, np.uint32) for word in words[2:]]
    a, b, c, d = (
        one.reshape(height, blocks, _HALF) for one in philox([places, lines, *same], words[:2])
    )
    shot, read = np.concatenate([a, c], axis=2), np.concatenate([b, d], axis=2)
    return shot.reshape(height, -1)[:, :width], read.reshape(height, -1)[:, :width]


def _log_2(x: Floats) -> Floats:
    shifted = x.view(np.uint32) - np.uint32(0x3F3504F3)
    exponent = (shifted.view(np.int32) >> 23).astype(np.float32)
    mantissa = ((shifted & np.uint32(0x7FFFFF)) + np.uint32(0x3F3504F3)).view(np.float32)
    f = mantissa - np.float32(1)
    s = f / (np.float32(2) + f)
    return exponent + np.float32(2.8853900) * (
        s * _horner(s * s, 1.0, 0.33333334, 0.2, 0.14285715, 0.11111111)
    )


def _exp_2(x: Floats) -> Floats:
    whole = (x + np.float32(1024.5)).astype(np.int32) - 1024
    f = x - whole.astype(np.float32)
    scale = ((whole + 127).astype(np.uint32) << np.uint32(23)).view(np.float32)
    return scale * _horner(
        f, 1.0, 0.69314718, 0.24022651, 0.055504109, 0.0096181291, 0.0013333558, 0.00015403530,
        0.000015252734,
    )  # fmt: skip


def _horner(x: Floats, *coefficients: float) -> Floats:
    """Return a polynomial, coefficients from the lowest on."""
    *rest, last = coefficients
    found = np.full_like(x, last)
    for one in reversed(rest):
        found = np.float32(one) + x * found
    return found


def _normal(u: Floats) -> Floats:
    """Quantile of the normal distribution; M. Giles, Approximating the erfinv function, 2012."""
    x = np.float32(2) * u - np.float32(1)
    w = np.float32(-0.69314718) * _log_2(np.float32(4) * (u * (np.float32(1) - u)))
    near = _horner(
        w - np.float32(2.5), 1.50140941, 0.246640727, -0.00417768164, -0.00125372503,
        0.00021858087, -4.39150654e-06, -3.5233877e-06, 3.43273939e-07, 2.81022636e-08,
    )  # fmt: skip
    far = _horner(
        np.sqrt(np.maximum(w, np.float32(0))) - np.float32(3), 2.83297682, 1.00167406,
        0.00943887047, -0.0076224613, 0.00573950773, -0.00367342844, 0.00134934322,
        0.000100950558, -0.000200214257,
    )  # fmt: skip
    return np.asarray(np.float32(1.41421356) * (np.where(w < 5, near, far) * x))  # noqa: PLR2004 - the paper's


def _few(mean: Floats, uniform: Floats) -> Floats:
    """Electrons of small means: where a uniform number lies among the sums of probabilities."""
    mean = np.where(mean < _FEW, mean, np.float32(0))
    chance = _exp_2(np.float32(-1.4426950) * mean)
    total, electrons = chance.copy(), np.zeros_like(mean)
    for count in range(1, _MOST + 1):
        above = uniform >= total
        electrons += above
        chance = chance * mean * (np.float32(1) / np.float32(count))
        total = total + chance
        if not above.any():
            break
    return electrons


def _many(mean: Floats, uniform: Floats) -> Floats:
    """Electrons of larger means, by the expansion of Cornish and Fisher to the fourth cumulant."""
    mean = np.maximum(mean, np.float32(_FEW))
    z = _normal(uniform)
    square, sigma = z * z, np.sqrt(mean - np.float32(0.083333333))
    x = mean + sigma * z + (square - np.float32(1)) * np.float32(0.16666667)
    x = x + z * (np.float32(1) - square) / (np.float32(72) * sigma)
    x = np.float32(0.5) * (x + np.abs(x)) + np.float32(0.5)
    return np.asarray(x.astype(np.int32), np.float32)


def _tukey(words: NDArray[np.uint32], shape: np.float32, side: Sequence[float]) -> Floats:
    """Quantiles of Tukey's lambda distribution: 31 bits say the tail, the 32nd the side."""
    tail = (words & np.uint32(0x7FFFFFFF)).astype(np.int32).astype(np.float32)
    tail = tail * np.float32(2**-32) + np.float32(2**-33)
    down = _log_2(tail)
    if shape == 0:
        quantile = np.float32(0.69314718) * down
    else:
        quantile = (_exp_2(shape * down) - np.float32(1)) * (np.float32(1) / shape)
    quantile = quantile - _horner(tail - np.float32(0.25), *side)
    return np.where(words >> np.uint32(31), -quantile, quantile)
