"""Shorts that are made of longs while these stream: as dark and as noisy as is asked for.

Which ratio and which ISO a sample has, and all of its noise, is a function of seed, epoch and
number of the sample: the same for any number of threads and processes, and after any interruption.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rawkit.errors import UsageError
from rawkit.noise import make_short
from rawkit.stream.augment import augment_levels
from rawkit.stream.bits import is_transposed
from rawkit.stream.light import Lights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rawkit.noise import CameraProfile, NoiseModel
    from rawkit.stream.pairs import PairSource
    from rawkit.stream.schedule import Use

_ISO_STEPS = 24
"""ISOs that are drawn to each doubling: noise at each is looked up once."""
_ADDED = 3
_LEAST = 1e-3
"""Least share of what may be added that is: none cannot be made."""
_DRAWS = 2
"""Which of the streams of random numbers ratios and ISOs come from; others are noise."""
Span = tuple[float, float]
"""Lowest and highest of a range; both alike are one value."""


@dataclass(frozen=True, slots=True)
class ShortSettings:
    """What shorts are like."""

    ratios: tuple[Span, ...]
    """What they must be multiplied by to be as bright as their long: least and largest of each
    range, which are drawn from alike; within each evenly by the logarithm."""
    isos: tuple[Span, ...]
    """Lowest and highest ISO speed of each range, likewise."""

    def __post_init__(self) -> None:
        """Refuse ranges that are none.

        Raises
        ------
        UsageError
            If there is none, a number is not above 0, or a range is the wrong way round.
        """
        for what, spans in (("ratios", self.ratios), ("ISOs", self.isos)):
            if not spans:
                raise UsageError(f"shorts of no {what}", expected="at least one")
            for low, high in spans:
                if not 0 < low <= high < math.inf:
                    raise UsageError(
                        f"{what} of shorts from {low:g} to {high:g}",
                        expected="numbers above 0, the lower one first",
                    )


@dataclass(frozen=True, slots=True)
class Drawn:
    """What is drawn for one sample."""

    iso: float
    """ISO speed of the short."""
    ratio: float
    """What the short must be multiplied by to be as bright as the long."""
    noise: NoiseModel
    """Its noise, in the units of the long."""
    base: float
    """The amplifier's estimate of the whole short; NaN where nobody asks for it."""


class Shorts:
    """Makes shorts of longs. May be used by several threads.

    Parameters
    ----------
    profile
        Noise of the camera.
    settings
        What the shorts are like; None where there are no longs to make any of.
    seed
        Seed of everything random.
    estimates
        Whether the amplifier's estimate of each is wanted: some chunks of each long are read for
        it when its first sample comes.
    added
        Most light that is added to pairs of planes, in shares of what the long has; 0 adds none.
    """

    def __init__(
        self,
        profile: CameraProfile,
        settings: ShortSettings | None,
        seed: int,
        *,
        estimates: bool,
        added: float = 0.0,
    ) -> None:
        self._profile, self._settings, self._seed = profile, settings, seed
        self._added = added
        self._lights = Lights() if estimates else None
        self._models: dict[float, NoiseModel] = {}
        self._made: dict[tuple[int, int], Drawn] = {}

    def drawn(self, source: PairSource, epoch: int, number: int) -> Drawn:
        """Draw what the short of a sample is like, `number` from 0 within its epoch.

        Raises
        ------
        StoreDamagedError
            If the long cannot be read, for the estimate.
        """
        known = self._made.pop((epoch, number), None)
        if known is not None:
            return known
        counter = np.array([0, epoch, number, _DRAWS], np.uint64)
        generator = np.random.Generator(np.random.Philox(key=self._seed, counter=counter))
        first, second = generator.random(2).tolist()
        assert self._settings is not None  # noqa: S101 - asked where shorts are made
        ratio, _ = _of(self._settings.ratios, first)
        iso, is_exact = _of(self._settings.isos, second)
        if not is_exact:
            iso = 2 ** (round(math.log2(iso) * _ISO_STEPS) / _ISO_STEPS)
        noise = self.noise(source, iso)
        base = math.nan if self._lights is None else self._lights.base(source, noise, ratio)
        return Drawn(iso, ratio, noise, base)

    def noise(self, source: PairSource, iso: float) -> NoiseModel:
        """Return the noise of a short of a long at an ISO, in the units of the long."""
        black = float(source.black_level.mean())
        return self._at(iso).within(self._profile.mosaic, black, source.white_level)

    def change(
        self,
        planes: NDArray[np.uint16],
        target: NDArray[np.generic],
        sources: Sequence[PairSource],
        use: Use,
    ) -> None:
        """Make a crop of a long a short, or add light to a pair of planes, in place."""
        if sources[0].is_long:
            self.make(planes, sources, use)
        elif self._added and sources[0].target_levels is not None:
            self._add_light(planes, target, sources[0], use)

    def _add_light(
        self, short: NDArray[np.uint16], long: NDArray[Any], source: PairSource, use: Use
    ) -> None:
        """Add to a short a share of its long's light with the shot noise of it, and to the long.

        Shot noise augmentation of PMN (Feng et al., ACM MM 2022), whose code draws the share of
        each plane apart; here all planes have one, so that colours stay. Pairs whose ISO or ratio
        is not known stay as they are: nothing says how noisy light is.
        """
        ratio = source.gain_ratio if math.isfinite(source.gain_ratio) else source.exposure_ratio
        if not (math.isfinite(source.iso) and math.isfinite(ratio)):
            return
        number, augmentation = use.sample.number, use.sample.augmentation
        counter = np.array([0, use.epoch, number, _ADDED], np.uint64)
        generator = np.random.Generator(np.random.Philox(key=self._seed, counter=counter))
        share = self._added * max(float(generator.random()), _LEAST)
        noise = _turned(self.noise(source, source.iso), augmentation)
        nothing = np.zeros_like(noise.gain)
        pure = replace(
            noise, read_scale=nothing, row=0.0, column=0.0, bias=nothing, step=1.0, white=65535.0
        )
        assert source.target_levels is not None  # noqa: S101 - looked at before
        *_, white = source.target_levels.tolist()
        black = augment_levels(source.target_levels[:-1], augmentation).astype(np.float32)
        light = np.array(long, np.uint16, order="C")
        words = number | (use.epoch & 0xFFFF) << 32 | 1 << 63
        make_short(light, black.tolist(), pure, ratio / share, key=self._seed, sample=words)
        black = black[:, None, None]
        brighter = short + np.rint(light - black)
        short[...] = np.clip(brighter, 0, source.white_level).astype(np.uint16)
        brighter = np.rint(long + share * np.maximum(long - black, 0))
        long[...] = np.minimum(brighter, white).astype(long.dtype)

    def make(self, planes: NDArray[np.uint16], sources: Sequence[PairSource], use: Use) -> None:
        """Make a crop of a long, (4, n, n), or a clip, (T, 4, n, n), a short, in place."""
        sample, epoch = use.sample, use.epoch
        clip = planes[None] if len(sources) == 1 else planes
        drawn = self.drawn(sources[0], epoch, sample.number)
        self._made[epoch, sample.number] = drawn  # asked for once more, when the batch is whole
        noise = _turned(drawn.noise, sample.augmentation)
        for frame, (one, source) in enumerate(zip(clip, sources, strict=True)):
            levels = augment_levels(source.black_level, sample.augmentation)
            words = sample.number | (epoch & 0xFFFF) << 32 | frame << 48
            make_short(one, levels.tolist(), noise, drawn.ratio, key=self._seed, sample=words)

    def _at(self, iso: float) -> NoiseModel:
        found = self._models.get(iso)
        if found is None:
            found = self._models[iso] = self._profile.at(iso)
        return found


def _of(spans: Sequence[Span], share: float) -> tuple[float, bool]:
    """Return a value of some ranges, 0 to 1 being all of them, and whether it is the only one."""
    which, within = divmod(share * len(spans), 1.0)
    low, high = spans[min(int(which), len(spans) - 1)]
    return float(low * (high / low) ** within), low == high


def _turned(noise: NoiseModel, augmentation: int) -> NoiseModel:
    """Return noise in the order in which the planes of an augmented crop lie."""

    def turned(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return augment_levels(values, augmentation).astype(np.float64)

    if not is_transposed(augmentation):
        return noise
    return replace(
        noise, gain=turned(noise.gain), read_scale=turned(noise.read_scale),
        read_shape=turned(noise.read_shape), bias=turned(noise.bias),
    )  # fmt: skip
