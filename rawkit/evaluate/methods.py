"""What is evaluated: a network with its weights, or a plain conversion to compare it with."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np
import torch

from rawkit.errors import UsageError, WeightsError
from rawkit.models import describe, load_network, padding_for, prepare, restore_mosaic
from rawkit.restore import encoded_of, linear_of
from rawkit.sensor import Amplification
from rawkit.stream.dataset import mosaic_of, normalise_planes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from rawkit.evaluate.light import Light
    from rawkit.evaluate.pairs import Pair

PLAIN = "plain"
"""Name of the plain conversion, in place of weights."""
_SATURATED = 0.9
"""Share of white above which a pixel says nothing of colour."""
_LEAST_PIXELS = 64


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

    def picture(self, pair: Pair, light: Light, factor: float) -> NDArray[np.float32]:
        """Restore a dark frame; (H, W, 3) of 0 to 1, BT.709 curve on sRGB primaries."""


@dataclass(frozen=True)
class NetworkMethod:
    """A network of the registry with weights."""

    name: str
    """Name in the registry."""
    net: nn.Module
    """Prepared for inference."""
    digest: str
    """SHA-256 of network, parameters and amplification, hexadecimal."""
    amplification: Amplification
    """As the network was trained; the plain estimate where the file does not say."""
    licence: str | None
    """A note on the licence of the weights."""

    def picture(self, pair: Pair, light: Light, factor: float) -> NDArray[np.float32]:  # noqa: ARG002 - a method may look at the pair
        """Restore a dark frame; (H, W, 3) of 0 to 1."""
        planes = normalise_planes(
            torch.from_numpy(light.planes)[None],
            torch.from_numpy(light.black)[None],
            torch.tensor([light.white]),
            torch.tensor([factor]),
        )
        mosaic = mosaic_of(planes)
        height, width = mosaic.shape[-2:]
        padding = padding_for(height, width, (0, 0), describe(self.name).multiple)
        restored = padding.cut(restore_mosaic(self.net, padding.apply(mosaic)))
        return np.ascontiguousarray(restored[0].permute(1, 2, 0).numpy())


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
    digest = _digest(loaded.network, loaded.state_dict, amplification)
    return NetworkMethod(loaded.network, prepare(net), digest, amplification, loaded.licence)


def _digest(network: str, state: Mapping[str, Tensor], amplification: Amplification) -> str:
    digest = sha256(repr((network, amplification.kind, amplification.value)).encode())
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

    def picture(self, pair: Pair, light: Light, factor: float) -> NDArray[np.float32]:
        """Convert a dark frame; (H, W, 3) of 0 to 1."""
        key = pair.group.store, pair.group.name, pair.long.index
        if self._matrix is None or self._matrix[0] != key:
            self._matrix = key, colour_matrix(pair)
        rgb = demosaiced(light.planes)
        black = np.array([light.black[0], (light.black[1] + light.black[3]) / 2, light.black[2]])
        rgb -= black.astype(np.float32)
        rgb *= np.float32(factor / (light.white - float(black.mean())))
        linear = np.clip(rgb @ self._matrix[1], 0, 1)
        return np.asarray(encoded_of(linear), np.float32)


def demosaiced(planes: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Demosaic packed planes R, G1, B, G2 (4, h, w) bilinearly, sensor units; (2h, 2w, 3)."""
    _, height, width = planes.shape
    mosaic = np.empty((2 * height, 2 * width), np.uint16)
    mosaic[::2, ::2], mosaic[::2, 1::2] = planes[0], planes[1]
    mosaic[1::2, ::2], mosaic[1::2, 1::2] = planes[3], planes[2]
    return cv2.cvtColor(mosaic, cv2.COLOR_BayerRGGB2RGB).astype(np.float32)


def colour_matrix(pair: Pair) -> NDArray[np.float32]:
    """Matrix (3, 3) from normalised sensor colours (row vectors) to linear light of the target."""
    planes, long = pair.long_planes(), pair.long
    black = np.array(long.black_level, np.float32)[:, None, None]
    normalised = (planes.astype(np.float32) - black) / (np.float32(long.white_level) - black)
    sensor = np.stack(
        [normalised[0], (normalised[1] + normalised[3]) / 2, normalised[2]], -1
    ).reshape(-1, 3)
    target = pair.target()
    scale = np.float32(np.iinfo(target.dtype).max)
    light = linear_of(target.astype(np.float32) / scale)
    light = (light[::2, ::2] + light[1::2, ::2] + light[::2, 1::2] + light[1::2, 1::2]) / 4
    truth = light.reshape(-1, 3)
    usable = (sensor.max(1) < _SATURATED) & (truth.max(1) < _SATURATED) & (truth.min(1) > 0)
    if np.count_nonzero(usable) < _LEAST_PIXELS:
        usable = np.ones(len(truth), bool)
    solved = np.linalg.lstsq(
        sensor[usable].astype(np.float64), truth[usable].astype(np.float64), rcond=None
    )[0]
    return np.asarray(solved, np.float32)
