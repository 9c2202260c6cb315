"""Where the noise of a frame is known from, for networks that are told it or take the transform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from rawkit.errors import MosaicError
from rawkit.models import ShotAndRead, noise_seen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.sensor import RawImage


class NoiseProfile(Protocol):
    """The noise of a camera at any ISO; `rawkit.noise.CameraProfile` is one."""

    def at(self, iso: float) -> _NoiseAt:
        """Return the noise at an ISO."""
        ...


class _NoiseAt(Protocol):
    @property
    def gain(self) -> NDArray[np.float64]: ...

    @property
    def sigma(self) -> NDArray[np.float64]: ...


@dataclass(frozen=True, slots=True)
class NoiseChoice:
    """Where the noise of a frame is known from; from the frame itself where nothing is given."""

    given: ShotAndRead | None = None
    """The noise of every frame."""
    profile: NoiseProfile | None = None
    """Profile of the camera, which knows it at the ISO of each frame."""

    def of(
        self, image: RawImage, iso: float | None, steps: int = 1
    ) -> tuple[ShotAndRead, str]:  # fmt: skip
        """Return the noise of a frame, in its sensor units, and a line that says whence.

        `steps` are those of its pixels in a sensor unit.

        Raises
        ------
        MosaicError
            If a profile is given and the file does not say its ISO, or nothing is, and the frame
            does not show its noise.
        """
        if self.given is not None:
            return self.given, "given"
        if self.profile is not None:
            if iso is None:
                raise MosaicError(
                    "a file that does not say its ISO", expected="it, to look up its noise",
                    fix="Name the noise with --noise K,SIGMA.",
                )  # fmt: skip
            found = self.profile.at(iso)
            gain, sigma = (float(np.mean(one)) for one in (found.gain, found.sigma))
            return ShotAndRead(gain, sigma**2), f"profile, ISO {iso:g}"
        seen = noise_seen(image.pixels, image.mosaic, steps)
        if seen is None:
            raise MosaicError(
                "a frame that does not show its noise", expected="smooth patches of some light",
                fix="Name a profile of the camera with --profile, or --noise K,SIGMA.",
            )  # fmt: skip
        return seen, "the frame itself"
