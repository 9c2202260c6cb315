"""What is evaluated: a network with its weights, or a plain conversion to compare it with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from rawkit.errors import UsageError, WeightsError
from rawkit.evaluate.memory import tile_within
from rawkit.models import (
    AmplifiedMosaic,
    Staged,
    describe,
    load_network,
    padding_for,
    prepare,
    restore_bands,
)
from rawkit.pictures import convert_planes, linear_of
from rawkit.sensor import BAYER, Amplification, WhiteBalance, gains_to, unpack

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from rawkit.evaluate.light import Light
    from rawkit.evaluate.pairs import Pair
    from rawkit.models import LoadedWeights
    from rawkit.sensor import Neutral
    from rawkit.store import FrameRow

PLAIN = "plain"
"""Name of the plain conversion, in place of weights."""
_SATURATED = 0.9
"""Share of white above which a pixel says nothing of colour."""
_LEAST_PIXELS = 64
_BAND = 256
"""Rows of a target that are halved at a time."""


class Method(Protocol):
    """Makes a picture of a dark frame."""

    @property
    def name(self) -> str:
        """Name of the network, or ``plain``."""

    @property
    def digest(self) -> str:
        """SHA-256 of all that decides its pictures, hexadecimal."""

    @property
    def amplification(self) -> Amplification:
        """What its input is multiplied by unless a protocol says otherwise."""

    @property
    def licence(self) -> str | None:
        """A note on the licence of its weights; None where there is none."""

    def within(self, max_ram: int, height: int, width: int) -> Method:
        """Return the method as it stays within so many bytes on pictures of up to that size.

        What it takes to compare pictures is not its own: see `rawkit.evaluate.memory`.

        Raises
        ------
        UsageError
            If it cannot; the message names what would do.
        """

    def picture(self, pair: Pair, light: Light, factor: float) -> NDArray[np.float32]:
        """Restore a dark frame; (H, W, 3) of 0 to 1, BT.709 curve on sRGB primaries."""


@dataclass(frozen=True)
class NetworkMethod:
    """A network of the registry with weights."""

    name: str
    """Name in the registry."""
    net: Staged
    """Prepared for inference."""
    digest: str
    """SHA-256 of network, parameters, amplification and neutral, hexadecimal."""
    amplification: Amplification
    """As the network was trained; the plain estimate where the file does not say."""
    licence: str | None
    """A note on the licence of the weights."""
    tile: int | None = None
    """Side of a tile in pixels, see `rawkit.models.restore_bands`; None: the fastest."""
    neutral: Neutral | None = None
    """Where the network wants grey in its input; None: planes stay as the camera has them."""

    def within(self, max_ram: int, height: int, width: int) -> NetworkMethod:
        """Return the method with tiles that keep the process within so many bytes.

        Raises
        ------
        UsageError
            If not even the smallest tiles do.
        """
        return replace(self, tile=tile_within(self.name, max_ram, height, width))

    def picture(self, pair: Pair, light: Light, factor: float) -> NDArray[np.float32]:
        """Restore a dark frame; (H, W, 3) of 0 to 1.

        Where the network wants grey at a neutral, the planes are balanced by the balance that the
        truth was rendered with.
        """
        pixels = unpack(light.planes)
        height, width = pixels.shape
        black = unpack(light.black.reshape(-1, 1, 1))
        padding = padding_for(height, width, (0, 0), describe(self.name).multiple)
        mosaic = AmplifiedMosaic(
            pixels, black, np.float32(light.white) - black, factor, padding, self._gains(pair.long)
        )
        restored = np.empty((height, width, 3), np.float32)
        for top, band in restore_bands(self.net, mosaic, tile=self.tile):
            restored[top : top + len(band)] = band
        return restored

    def _gains(self, long: FrameRow) -> NDArray[np.float32] | None:
        """Gains of each pixel of the cell, (2, 2)."""
        if self.neutral is None:
            return None
        balance = WhiteBalance(long.white_balance, long.white_balance_source)
        gains = gains_to(self.neutral, balance, BAYER.colours)
        return None if gains is None else unpack(np.array(gains, np.float32)[:, None, None])


def load_method(weights: Path) -> NetworkMethod:
    """Load weights and prepare their network.

    Raises
    ------
    MissingError, WeightsError
        If there is no such file, or it is not weights of a known network.
    """
    net, loaded = load_network(weights)
    kind = loaded.settings.get("amplification", "auto")
    try:
        amplification = Amplification(kind, float(loaded.settings.get("amplification_value", 1.0)))
    except (TypeError, ValueError, UsageError) as error:
        raise WeightsError(f"settings that cannot be used ({error})", where=weights) from error
    digest = _digest(loaded, amplification)
    ready = prepare(net)
    if not isinstance(ready, Staged):
        raise WeightsError(
            f"a {type(ready).__name__}", expected="a network in stages", where=weights
        )
    return NetworkMethod(
        loaded.network, ready, digest, amplification, loaded.licence, neutral=loaded.neutral
    )


def _digest(loaded: LoadedWeights, amplification: Amplification) -> str:
    about = (loaded.network, amplification.kind, amplification.value)
    state, neutral = loaded.state_dict, loaded.neutral
    # As it was before there were neutrals, for weights without one.
    digest = sha256(repr(about if neutral is None else (*about, neutral)).encode())
    for name in sorted(state):
        values = state[name].detach().to(torch.float32).contiguous().numpy()
        digest.update(repr((name, values.shape)).encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


@dataclass
class PlainMethod:
    """No network: levels, amplification, bilinear demosaicing, the camera's colours, the curve.

    A store does not keep a camera's colour matrix, so the matrix from the sensor's colours to the
    target's is found anew for each long exposure, by least squares between its own packed planes
    and its target; white balance is part of it. It is the best case of a conversion without a
    network.
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

    def within(self, max_ram: int, height: int, width: int) -> PlainMethod:  # noqa: ARG002 - as every method
        """Return the method itself: in bands, it takes less than comparing pictures does."""
        return self

    def picture(self, pair: Pair, light: Light, factor: float) -> NDArray[np.float32]:
        """Convert a dark frame; (H, W, 3) of 0 to 1."""
        key = pair.group.store, pair.group.name, pair.long.index
        if self._matrix is None or self._matrix[0] != key:
            self._matrix = key, colour_matrix(pair)
        return convert_planes(light.planes, light.black, light.white, factor, self._matrix[1])


def colour_matrix(pair: Pair) -> NDArray[np.float32]:
    """Matrix (3, 3) from normalised sensor colours (row vectors) to linear light of the target."""
    planes, long = pair.long_planes(), pair.long
    black = np.array(long.black_level, np.float32)[:, None, None]
    normalised = (planes.astype(np.float32) - black) / (np.float32(long.white_level) - black)
    sensor = np.stack(
        [normalised[0], (normalised[1] + normalised[3]) / 2, normalised[2]], -1
    ).reshape(-1, 3)
    target = pair.target()
    light = np.empty((target.shape[0] // 2, target.shape[1] // 2, 3), np.float32)
    for top in range(0, len(light), _BAND // 2):
        light[top : top + _BAND // 2] = _halved(target[2 * top : 2 * top + _BAND])
    truth = light.reshape(-1, 3)
    usable = (sensor.max(1) < _SATURATED) & (truth.max(1) < _SATURATED) & (truth.min(1) > 0)
    if np.count_nonzero(usable) < _LEAST_PIXELS:
        usable = np.ones(len(truth), bool)
    solved = np.linalg.lstsq(
        sensor[usable].astype(np.float64), truth[usable].astype(np.float64), rcond=None
    )[0]
    return np.asarray(solved, np.float32)


def _halved(target: NDArray[np.unsignedinteger]) -> NDArray[np.float32]:
    """Means of linear light over 2x2 pixels of a target (H, W, 3), H and W even."""
    light = linear_of(target.astype(np.float32) / np.float32(np.iinfo(target.dtype).max))
    means = (light[::2, ::2] + light[1::2, ::2] + light[::2, 1::2] + light[1::2, 1::2]) / 4
    return np.asarray(means, np.float32)
