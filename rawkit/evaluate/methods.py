"""What is evaluated: anything that makes pictures of dark frames, a network with its weights."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from rawkit.colour import SQUARE, Learned, asked_colour, develop, fitted_matrix
from rawkit.errors import UsageError, WeightsError
from rawkit.evaluate.clips import ClipMethod, balancing_gains
from rawkit.evaluate.memory import tile_within
from rawkit.evaluate.plain import colour_matrix
from rawkit.evaluate.raw import no_planes
from rawkit.evaluate.restored import one_by_one
from rawkit.models import (
    AmplifiedMosaic,
    Overlap,
    Staged,
    amplified,
    denoise_bands,
    describe,
    find_neutral,
    load_network,
    overlapped_bands,
    padding_for,
    prepare,
    restore_bands,
)
from rawkit.pictures import convert_planes
from rawkit.restore import NoiseChoice
from rawkit.sensor import (
    BAYER,
    Amplification,
    ColourMatrix,
    WhiteBalance,
    image_of_array,
    neutral_of,
    pack,
    unpack,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from rawkit.colour import ColourMode, Estimates
    from rawkit.evaluate.light import Light
    from rawkit.evaluate.pairs import Pair
    from rawkit.evaluate.protocol import Protocol as Rules
    from rawkit.evaluate.restored import Restored
    from rawkit.evaluate.videos import Video
    from rawkit.models import LoadedWeights
    from rawkit.sensor import Neutral, RawImage


_LEVELS = 65535
"""White of planes that are converted."""


class Method(Protocol):
    """Makes a picture of a dark frame."""

    @property
    def name(self) -> str:
        """Name of the network, or ``plain``."""

    @property
    def digest(self) -> str:
        """SHA-256 of all that decides its pictures, hexadecimal."""

    @property
    def licence(self) -> str | None:
        """A note on the licence of its weights; None where there is none."""

    def within(
        self, max_ram: int, height: int, width: int, pieces: tuple[int, int] | None = None, /
    ) -> Method:
        """Return the method as it stays within so many bytes on pictures of up to that size.

        `pieces` are those that a network for clips is to be given, see `Protocol.pieces`. What it
        takes to compare pictures is not its own: see `rawkit.evaluate.memory`.

        Raises
        ------
        UsageError
            If it cannot; the message names what would do.
        """

    def amplification_of(self, pair: Pair) -> Amplification:
        """Return what a frame is multiplied by unless a protocol says otherwise."""

    def picture(self, pair: Pair, light: Light, factor: float) -> NDArray[np.float32]:
        """Restore a dark frame; (H, W, 3) of 0 to 1, BT.709 curve on sRGB primaries."""

    def planes(self, pair: Pair, light: Light, factor: float) -> NDArray[np.float32]:
        """Denoise a dark frame; (h, w, 4), normalised and amplified, not clipped.

        Raises
        ------
        UsageError
            If it gives pictures.
        """

    def frames(self, video: Video, first: int, protocol: Rules) -> Iterator[Restored]:
        """Restore the frames of a video from `first`, from 0, to the last, in order."""


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
    learned: Learned = field(default_factory=Learned)
    """What the weights have learned of cameras."""
    colour: ColourMode = "network"
    """Whose colours its pictures have."""
    overlap: Overlap | None = None
    """How patches overlap that pictures are made in; None: they are made whole."""
    k_sigma: bool = False
    """Whether it takes mosaics after the k-sigma transform."""

    def within(
        self,
        max_ram: int,
        height: int,
        width: int,
        pieces: tuple[int, int] | None = None,  # noqa: ARG002 - as every method
    ) -> NetworkMethod:
        """Return the method with tiles that keep the process within so many bytes.

        Raises
        ------
        UsageError
            If not even the smallest tiles do.
        """
        anchored = self.colour != "network"
        tile = tile_within(self.name, max_ram, height, width, anchored=anchored)
        return replace(self, tile=tile)

    def picture(self, pair: Pair, light: Light, factor: float) -> NDArray[np.float32]:
        """Restore a dark frame; (H, W, 3) of 0 to 1.

        Where the network wants grey at a neutral, the planes are balanced by the balance that the
        truth was rendered with.
        """
        if describe(self.name).gives == "mosaic":
            return self._converted(pair, light, factor)
        if self.colour != "network":
            return self._developed(pair, light, factor)
        pixels = unpack(light.planes)
        height, width = pixels.shape
        black = unpack(light.black.reshape(-1, 1, 1))
        padding = padding_for(height, width, (0, 0), describe(self.name).multiple)
        gains = balancing_gains(self.neutral, pair.long)
        mosaic = AmplifiedMosaic(
            pixels, black, np.float32(light.white) - black, factor, padding, gains
        )
        restored = np.empty((height, width, 3), np.float32)
        for top, band in self._bands(mosaic):
            restored[top : top + len(band)] = band
        return restored

    def planes(self, pair: Pair, light: Light, factor: float) -> NDArray[np.float32]:
        """Denoise a dark frame; (h, w, 4), normalised and amplified, not clipped.

        The noise, where the network is told it, is what the frame itself shows.

        Raises
        ------
        MosaicError
            If that shows none.
        UsageError
            If the network gives pictures.
        """
        about = describe(self.name)
        if about.gives != "mosaic":
            raise no_planes(self.name)
        image = image_of(pair, light)
        noise = None
        if self.k_sigma or about.takes_sigma:
            noise, _ = NoiseChoice().of(image, pair.dark.iso)
        bands = denoise_bands(
            self.net, image.pixels, image.mosaic, about, factor=factor, noise=noise,
            k_sigma=self.k_sigma, tile=self.tile,
        )  # fmt: skip
        found = np.ascontiguousarray(pack(np.concatenate(list(bands))).transpose(1, 2, 0))
        found *= np.float32(factor) / (np.float32(light.white) - light.black.astype(np.float32))
        return found

    def _converted(self, pair: Pair, light: Light, factor: float) -> NDArray[np.float32]:
        """Convert a denoised mosaic plainly: by the matrix from the long to its picture."""
        planes = self.planes(pair, light, factor).transpose(2, 0, 1)
        values = np.rint(planes.clip(0, 1) * np.float32(_LEVELS)).astype(np.uint16)
        matrix = colour_matrix(pair)
        return convert_planes(values, np.zeros(len(values), np.float32), _LEVELS, 1.0, matrix)

    def amplification_of(self, pair: Pair) -> Amplification:  # noqa: ARG002 - as every method
        """Return what it was trained with."""
        return self.amplification

    def frames(self, video: Video, first: int, protocol: Rules) -> Iterator[Restored]:
        """Restore the frames of a video one by one."""
        return one_by_one(self, video, first, protocol)

    def in_colours(self, colour: ColourMode) -> NetworkMethod:
        """Return the method whose pictures have other colours, with a digest of its own."""
        if colour == "network":
            return self
        digest = sha256(f"{self.digest} {asked_colour(colour)}".encode()).hexdigest()
        return replace(self, colour=colour, digest=digest)

    def in_patches(self, overlap: Overlap | None) -> NetworkMethod:
        """Return the method that works in overlapping patches, with a digest of its own."""
        if overlap is None:
            return self
        overlap.check(describe(self.name).multiple)
        if describe(self.name).gives == "mosaic":
            raise UsageError(
                f"overlapping patches of {self.name}, which gives mosaics", expected="no --overlap"
            )
        digest = sha256(f"{self.digest} overlap {overlap.text()}".encode()).hexdigest()
        return replace(self, overlap=overlap, digest=digest)

    def _bands(self, mosaic: AmplifiedMosaic) -> Iterator[tuple[int, NDArray[np.float32]]]:
        if self.overlap is not None:
            return overlapped_bands(self.net, mosaic, self.overlap)
        return restore_bands(self.net, mosaic, tile=self.tile)

    def _developed(self, pair: Pair, light: Light, factor: float) -> NDArray[np.float32]:
        """Restore a dark frame as `rawkit restore` does, by its own balance and matrix."""
        image = image_of(pair, light)

        def factors(found: Estimates) -> list[float]:
            return [found.base * factor / light.base if light.by_estimate else factor]

        (development,) = develop(
            image, self.learned, self.colour, factors, base=light.base, camera=pair.dark.model
        )
        mosaic = amplified(
            image.pixels, image.mosaic, development.fed, describe(self.name), development.gains
        )
        bands = self._bands(mosaic)
        restored = np.empty((*image.pixels.shape, 3), np.float32)
        top = 0
        for band in development.coloured(band for _, band in bands):
            restored[top : top + len(band)] = band
            top += len(band)
        return restored


def image_of(pair: Pair, light: Light) -> RawImage:
    """Lay a dark frame out as a mosaic, with its balance and its matrix.

    A store that does not keep the matrix has it of the long and its picture.
    """
    row = pair.dark
    pixels = unpack(light.planes)
    balance = WhiteBalance(row.white_balance, row.white_balance_source)
    image = image_of_array(pixels, pattern="RGGB", black=light.black.tolist(), white=light.white)
    if row.colour_matrix is not None:
        matrix = ColourMatrix(row.colour_matrix, row.colour_matrix_source or "file")
        return replace(image, white_balance=balance, colour_matrix=matrix)
    red, green, blue = neutral_of(pair.long.white_balance, BAYER.colours)
    fitted = fitted_matrix(colour_matrix(pair, SQUARE), (green / red, 1.0, green / blue))
    return replace(image, white_balance=balance, colour_matrix=fitted)


def load_method(
    weights: Path, colour: ColourMode = "network", overlap: tuple[int, int] | None = None
) -> NetworkMethod | ClipMethod:
    """Load weights and prepare their network, whose pictures are to have such colours.

    With an `overlap`, times and side, they are made in overlapping patches; see
    `rawkit.models.Overlap`.

    Raises
    ------
    MissingError, WeightsError
        If there is no such file, or it is not weights of a known network.
    UsageError
        If the network takes no such patches.
    """
    net, loaded = load_network(weights)
    kind = loaded.settings.get("amplification", "auto")
    try:
        amplification = Amplification(kind, float(loaded.settings.get("amplification_value", 1.0)))
    except (TypeError, ValueError, UsageError) as error:
        raise WeightsError(f"settings that cannot be used ({error})", where=weights) from error
    digest = _digest(loaded, amplification)
    ready = prepare(net)
    if describe(loaded.network).takes_clips:
        if colour == "sensor":
            raise UsageError(
                f"the sensor's colours of {loaded.network}, which takes clips",
                expected="--colour network, or auto",
                where=weights,
            )
        if overlap is not None:
            raise UsageError(
                f"overlapping patches of {loaded.network}, which takes clips",
                expected="a network of single frames",
                where=weights,
            )
        return ClipMethod(
            loaded.network, ready, digest, amplification, loaded.licence, loaded.neutral
        )
    if not isinstance(ready, Staged):
        raise WeightsError(
            f"a {type(ready).__name__}", expected="a network in stages", where=weights
        )
    learned = Learned(
        {model: one.neutral for model, one in loaded.cameras.items()},
        loaded.neutral,
        loaded.published,
        lambda: _asked(ready, loaded.network),
    )
    method = NetworkMethod(
        loaded.network, ready, digest, amplification, loaded.licence,
        neutral=loaded.neutral, learned=learned,
        k_sigma=bool(loaded.settings.get("k_sigma", describe(loaded.network).stabilised)),
    )  # fmt: skip
    patches = None if overlap is None else Overlap(*overlap)
    return method.in_colours(colour).in_patches(patches)


def _asked(net: Staged, network: str) -> Neutral | None:
    """Find the grey that weights make neutral by asking them."""
    about = describe(network)
    found = find_neutral(net, about.cell, about.multiple)
    return (found.red, 1.0, found.blue) if found.found else None


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
