"""Conversions without a network, to compare networks with."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rawkit.colour import SQUARE, fit_to_picture
from rawkit.evaluate.raw import amplified_planes, no_planes
from rawkit.evaluate.restored import curves_of, fed, one_by_one
from rawkit.pictures import convert_planes, demosaiced
from rawkit.sensor import Amplification, equalised

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rawkit.evaluate.light import Light
    from rawkit.evaluate.pairs import Pair
    from rawkit.evaluate.protocol import Protocol
    from rawkit.evaluate.restored import Restored
    from rawkit.evaluate.videos import Video

PLAIN, EQUALISED = "plain", "equalised"
"""Names of the conversions, in place of weights."""
_AS_IT_IS: Final = Amplification("number", 1.0)
_WHITE: Final = np.float32(65535)


@dataclass
class PlainMethod:
    """No network: levels, amplification, bilinear demosaicing, the camera's colours, the curve.

    A store does not keep a camera's colour matrix, so the matrix from the sensor's colours to the
    target's is found anew for each long exposure, by least squares between its own packed planes
    and its target; white balance is part of it. It is the best case of a conversion without a
    network. Where a dark frame came with a picture and there is no long, the dark frame takes its
    place, and how much darker it is is part of the matrix; a video has one matrix, of its first
    frame.
    """

    amplification: Amplification = Amplification("ratio")  # noqa: RUF009 - frozen: one serves all
    """The gain ratio to the truth, unless a protocol says otherwise."""
    name: str = PLAIN
    """``plain``."""
    licence: str | None = None
    """Nobody's weights."""

    _matrix: tuple[Any, NDArray[np.float32]] | None = None
    """The long last seen and its matrix: its pairs come one after another."""

    @property
    def digest(self) -> str:
        """SHA-256 of the method's name and version, hexadecimal."""
        return sha256(repr((PLAIN, 1, self.amplification)).encode()).hexdigest()

    def within(self, *_: object) -> PlainMethod:
        """Return the method itself: in bands, it takes less than comparing pictures does."""
        return self

    def amplification_of(self, pair: Pair) -> Amplification:
        """Return the gain ratio; 1 where the matrix has it."""
        return _AS_IT_IS if pair.given else self.amplification

    def picture(self, pair: Pair, light: Light, factor: float) -> NDArray[np.float32]:
        """Convert a dark frame; (H, W, 3) of 0 to 1."""
        key = pair.group.store, pair.group.name, pair.long.index
        if self._matrix is None or self._matrix[0] != key:
            matrix = _given_matrix(pair, factor) if pair.given else colour_matrix(pair)
            self._matrix = key, matrix
        return convert_planes(light.planes, light.black, light.white, factor, self._matrix[1])

    def planes(self, pair: Pair, light: Light, factor: float) -> NDArray[np.float32]:  # noqa: ARG002 - as every method
        """Return the planes as they are: what a figure without a network is measured on."""
        return amplified_planes(light, factor)

    def frames(self, video: Video, first: int, protocol: Protocol) -> Iterator[Restored]:
        """Convert the frames of a video from `first`, from 0, to the last, in order."""
        pair = video.pairs[0]
        if not pair.given:
            yield from one_by_one(self, video, first, protocol)
            return
        _, factor = fed(pair, self, protocol)
        yield from one_by_one(
            _WithMatrix(self, _given_matrix(pair, factor)), video, first, protocol
        )


@dataclass(frozen=True)
class _WithMatrix:
    """The plain conversion of the frames of one video."""

    plain: PlainMethod
    """What it is of."""
    matrix: NDArray[np.float32]
    """From normalised, amplified sensor colours, as row vectors, to linear light: (3, 3)."""

    def amplification_of(self, pair: Pair) -> Amplification:
        return self.plain.amplification_of(pair)

    def picture(self, pair: Pair, light: Light, factor: float) -> NDArray[np.float32]:  # noqa: ARG002 - as every method
        return convert_planes(light.planes, light.black, light.white, factor, self.matrix)

    def planes(self, pair: Pair, light: Light, factor: float) -> NDArray[np.float32]:
        return self.plain.planes(pair, light, factor)


def _given_matrix(pair: Pair, factor: float) -> NDArray[np.float32]:
    """Matrix (3, 3) from a dark frame that is multiplied by `factor` to the picture it came with.

    Means of squares are compared: noise of single pixels would make the matrix too dark.
    """
    return np.asarray(colour_matrix(pair, SQUARE) / np.float32(factor), np.float32)


def colour_matrix(pair: Pair, square: int = 1) -> NDArray[np.float32]:
    """Matrix (3, 3) from normalised sensor colours (row vectors) to linear light of the target."""
    long = pair.long
    planes, target = pair.long_planes(), pair.target()
    return fit_to_picture(planes, long.black_level, long.white_level, target, square=square)


@dataclass
class EqualisedMethod:
    """No network: histogram equalisation, as pictures that nobody can see are made visible.

    All pixels of a video share one curve, after a balance by the file or, where it is unknown, by
    the means of the planes; see `rawkit.sensor.equalise`. What comes out is shown as it is.
    """

    name: str = EQUALISED
    """``equalised``."""
    licence: str | None = None
    """Nobody's weights."""

    _tables: tuple[tuple[str, str], NDArray[np.uint16]] | None = None
    """The frame last seen and its curves."""

    @property
    def digest(self) -> str:
        """SHA-256 of the method's name and version, hexadecimal."""
        return sha256(repr((EQUALISED, 1)).encode()).hexdigest()

    def within(self, *_: object) -> EqualisedMethod:
        """Return the method itself: it takes less than comparing pictures does."""
        return self

    def amplification_of(self, pair: Pair) -> Amplification:  # noqa: ARG002 - as every method
        """Return 1: the curve is all there is."""
        return _AS_IT_IS

    def picture(self, pair: Pair, light: Light, factor: float) -> NDArray[np.float32]:  # noqa: ARG002 - as every method
        """Equalise a dark frame by itself; (H, W, 3) of 0 to 1."""
        return _equalised_picture(light.planes, curves_of([pair], balanced=True))

    def planes(self, *_: object) -> NDArray[np.float32]:
        """Refuse: what is equalised no longer tells how much light there was."""
        raise no_planes(self.name)

    def frames(self, video: Video, first: int, protocol: Protocol) -> Iterator[Restored]:
        """Equalise the frames of a video by one curve, from `first`, from 0, to the last."""
        yield from one_by_one(
            _WithCurve(curves_of(video.pairs, balanced=True)), video, first, protocol
        )


@dataclass(frozen=True)
class _WithCurve:
    """Equalisation of the frames of one video."""

    tables: NDArray[np.uint16]
    """The curve of each plane, (4, 65536)."""

    def amplification_of(self, pair: Pair) -> Amplification:  # noqa: ARG002 - as every method
        return _AS_IT_IS

    def picture(self, pair: Pair, light: Light, factor: float) -> NDArray[np.float32]:  # noqa: ARG002 - as every method
        return _equalised_picture(light.planes, self.tables)

    def planes(self, *_: object) -> NDArray[np.float32]:
        raise no_planes(EQUALISED)


def _equalised_picture(
    planes: NDArray[np.uint16], tables: NDArray[np.uint16]
) -> NDArray[np.float32]:
    picture = demosaiced(equalised(planes, tables))
    picture /= _WHITE
    return picture
