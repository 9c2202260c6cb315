"""A camera's profile: its noise at each ISO that was looked at, dark shading, hot pixels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from rawkit.errors import UsageError
from rawkit.noise.interpolate import between
from rawkit.noise.model import NoiseModel
from rawkit.noise.shading import ShadingParts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Self

    from numpy.typing import NDArray

    from rawkit.noise.shading import ShadingRange
    from rawkit.sensor import Mosaic

GAIN_SOURCES: Final = ("flats", "frames", "pairs", "interpolated", "given")
"""Where a gain may come from: flat frames, smooth patches of ordinary frames, shorts and their
longs, other ISOs, or a file of another project."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Numbers with their intervals: one a packed plane, or one."""

    value: tuple[float, ...]
    """What was found."""
    low: tuple[float, ...]
    """Lower ends of the 95% intervals; NaN where nothing is known of them."""
    high: tuple[float, ...]
    """Upper ends of the 95% intervals; NaN where nothing is known of them."""

    def __post_init__(self) -> None:
        """Refuse ends that do not go with the values.

        Raises
        ------
        UsageError
            If there are not as many, or a value is not finite or outside its interval.
        """
        if not len(self.value) == len(self.low) == len(self.high) > 0:
            raise UsageError(
                f"{len(self.value)} values with {len(self.low)} and {len(self.high)} ends",
                expected="as many, and at least one",
            )
        for value, low, high in zip(self.value, self.low, self.high, strict=True):
            if not np.isfinite(value) or low > value or high < value:
                raise UsageError(
                    f"{value:g} in the interval {low:g} to {high:g}",
                    expected="a finite number within its interval",
                )

    @classmethod
    def exactly(cls, values: Iterable[float]) -> Self:
        """Return numbers of whose intervals nothing is known."""
        values = tuple(float(value) for value in values)
        nothing = (float("nan"),) * len(values)
        return cls(values, nothing, nothing)

    @classmethod
    def within(cls, values: Iterable[float], half: Iterable[float], least: float = -np.inf) -> Self:
        """Return numbers plus and minus half the widths of their intervals, from `least` up."""
        pairs = [(float(value), float(width)) for value, width in zip(values, half, strict=True)]
        return cls(
            tuple(value for value, _ in pairs),
            tuple(min(max(value - width, least), value) for value, width in pairs),
            tuple(value + width for value, width in pairs),
        )

    @property
    def array(self) -> NDArray[np.float64]:
        """The values, (P,)."""
        return np.array(self.value)


@dataclass(frozen=True, slots=True)
class IsoProfile:
    """What was found at one ISO; estimates hold one number a packed plane, or one."""

    iso: float
    """ISO speed, as EXIF has it."""
    gain: Estimate
    """System gain K of each plane, DN per electron."""
    gain_source: str
    """One of `GAIN_SOURCES`."""
    read_scale: Estimate
    """Scale of the Tukey lambda distribution of read noise, a plane each, DN."""
    read_shape: Estimate
    """Its shape, a plane each."""
    row: Estimate
    """Standard deviation of rows, DN; one number."""
    column: Estimate
    """Standard deviation of columns, DN; one number."""
    bias: Estimate
    """Mean of darkness less the black level, a plane each, DN."""
    step: float
    """Distance of neighbouring values, DN."""
    white: float
    """Where pixels saturate, DN, black level included."""
    white_seen: bool
    """Whether pixels were seen to saturate there; else it is what the file says."""
    dark_frames: int
    """Dark frames that were looked at."""
    flat_frames: int
    """Flat frames that were looked at."""

    def __post_init__(self) -> None:
        """Refuse what can be no noise; raises as `NoiseModel` and `UsageError` of a source."""
        if self.gain_source not in GAIN_SOURCES:
            raise UsageError(f"a gain from {self.gain_source!r}", expected=", ".join(GAIN_SOURCES))
        for name in ("row", "column"):
            if len(getattr(self, name).value) != 1:
                raise UsageError(f"{name} noise of each plane", expected="one number")
        self.model()

    def model(self) -> NoiseModel:
        """Return its values as a model."""
        return NoiseModel(
            iso=self.iso,
            gain=self.gain.array,
            read_scale=self.read_scale.array,
            read_shape=self.read_shape.array,
            row=self.row.value[0],
            column=self.column.value[0],
            bias=self.bias.array,
            step=self.step,
            white=self.white,
        )


@dataclass(frozen=True, slots=True, eq=False)
class IsoCurves:
    """What the figures of one ISO are drawn from."""

    iso: float
    """ISO speed."""
    transfer: NDArray[np.float32]
    """Photon transfer curve, (n, 3): plane (0-based), mean above black, variance; DN, DN^2."""
    probability: NDArray[np.float32]
    """Probability plots of read noise, (P, 2, m): quantiles of the distribution of scale 1 that
    was fitted, and those that were found, DN; (0, 2, 0) without dark frames."""


@dataclass(frozen=True, slots=True, eq=False)
class CameraProfile:
    """The noise of one camera over its ISOs.

    Of the visible mosaic, as `RawImage.pixels` has it; planes are packed planes, as
    `rawkit.sensor.pack` makes them.
    """

    make: str
    """Camera maker, as EXIF spells it."""
    model: str
    """Camera model, as EXIF spells it."""
    mosaic: Mosaic
    """Pattern, levels and size of the frames it was found from."""
    isos: tuple[IsoProfile, ...]
    """What was found at each ISO, by rising ISO; at least one."""
    ranges: tuple[ShadingRange, ...] = ()
    """Dark shading in each range of the sensor's gain, by rising ISO; none without dark frames."""
    hot: NDArray[np.int32] = field(default_factory=lambda: np.empty((0, 2), np.int32))
    """Hot and dead pixels, (n, 2): row and column of the visible mosaic, from 0."""
    curves: tuple[IsoCurves, ...] = ()
    """What figures are drawn from, by rising ISO; may be none."""
    notes: tuple[str, ...] = ()
    """What has to be known of it, such as ISOs without flat frames."""

    def __post_init__(self) -> None:
        """Put the ISOs in order, and refuse what does not go together.

        Raises
        ------
        UsageError
            If there is no ISO, one twice, or planes, shading or hot pixels do not fit the mosaic.
        """
        isos = tuple(sorted(self.isos, key=lambda one: one.iso))
        if not isos or len({one.iso for one in isos}) < len(isos):
            raise UsageError(
                f"a profile of the ISOs {[one.iso for one in isos]}",
                expected="at least one, and none twice",
            )
        planes, size = self.mosaic.cell.planes, (self.mosaic.height, self.mosaic.width)
        found = {one.gain.array.size for one in isos}
        if found != {planes}:
            raise UsageError(f"noise of {sorted(found)} planes", expected=f"{planes}")
        for one in self.ranges:
            if one.size != size or one.smooth.shape[1] != planes:
                raise UsageError(
                    f"dark shading of {one.size} pixels and {one.smooth.shape[1]} planes",
                    expected=f"{size} and {planes}",
                )
        hot = np.array(self.hot, np.int32).reshape(-1, 2)
        if hot.size and (hot.min() < 0 or (hot.max(axis=0) >= size).any()):
            raise UsageError("a hot pixel outside the mosaic", expected=f"rows, columns in {size}")
        hot.flags.writeable = False
        ranges = tuple(sorted(self.ranges, key=lambda one: one.low))
        for name, value in (("isos", isos), ("hot", hot), ("ranges", ranges)):
            object.__setattr__(self, name, value)

    @property
    def camera(self) -> str:
        """Maker and model, the maker once."""
        return camera_name(self.make, self.model)

    def at(self, iso: float) -> NoiseModel:
        """Return the noise at an ISO.

        At an ISO of the profile it is what was found there. Between two, the logarithms of gain
        and of the scales of noise are linear: log K over log ISO, scales over log K (as ELD
        found them to be over all ISOs); shape and bias are linear over log K. Beyond the ends the
        lines of all ISOs go on, and shape and bias stay. `NoiseModel.source` says which.

        Raises
        ------
        UsageError
            If the ISO is not a positive number.
        """
        if not (np.isfinite(iso) and iso > 0):
            raise UsageError(f"noise at ISO {iso}", expected="an ISO above 0")
        return between([one.model() for one in self.isos], float(iso))

    def range_at(self, iso: float) -> ShadingRange | None:
        """Return the range of the sensor's gain whose shading is nearest to an ISO."""

        def distance(one: ShadingRange) -> float:
            return float(np.log(max(one.low / iso, iso / one.high, 1.0)))

        return min(self.ranges, key=distance, default=None)

    def shading(self, iso: float, span: tuple[int, int] | None = None) -> NDArray[np.float32]:
        """Return the dark shading at an ISO, (H, W), DN: the mean of darkness less the black level.

        To be subtracted from the visible mosaic beside the black level. The bias of the planes is
        in it: who subtracts it has subtracted that as well. Beyond the ISOs of a range its lines
        are held at its ends. Without dark frames it is the bias alone. It is made anew each time,
        which takes some tenths of a second for 12 MP; with a `span`, only rows from its first up
        to its second, which is not in it.

        Raises
        ------
        UsageError
            If the ISO is not a positive number.
        """
        _check_iso(iso)
        mosaic = self.mosaic
        positions, side = mosaic.positions(), mosaic.cell.side
        found = self.range_at(iso)
        if found is not None:
            return found.mosaic(_held(found, iso), positions, side, span)
        first, last = span or (0, mosaic.height)
        bias = self.at(iso).bias
        shading = np.empty((last - first, mosaic.width), np.float32)
        for y, x, plane in positions:
            shading[(y - first) % side :: side, x::side] = bias[plane]
        return shading

    def shading_parts(self, iso: float) -> ShadingParts:
        """Return what the dark shading at an ISO is the sum of: that of single crops costs little.

        Planes are numbered as `mosaic` numbers them.

        Raises
        ------
        UsageError
            If the ISO is not a positive number.
        """
        _check_iso(iso)
        found = self.range_at(iso)
        if found is not None:
            return found.parts(_held(found, iso))
        height, width = self.mosaic.height, self.mosaic.width
        nothing = (np.zeros(size, np.float32) for size in (height, width))
        return ShadingParts(self.at(iso).bias[:, None, None], *nothing)

    def shading_bounds(self, iso: float) -> tuple[float, float]:
        """Return what the dark shading at an ISO does not lie below, and above, DN.

        Raises
        ------
        UsageError
            If the ISO is not a positive number.
        """
        _check_iso(iso)
        found = self.range_at(iso)
        if found is not None:
            return found.bounds(_held(found, iso))
        bias = self.at(iso).bias
        return float(bias.min()), float(bias.max())

    def planes_at(self, iso: float) -> NDArray[np.float64]:
        """Return the mean of darkness less the black level of each plane at an ISO, (P,), DN."""
        found = self.range_at(iso)
        return self.at(iso).bias if found is None else found.means(_held(found, iso))

    @classmethod
    def known(
        cls,
        make: str,
        model: str,
        mosaic: Mosaic,
        models: Sequence[NoiseModel],
        *,
        ranges: tuple[ShadingRange, ...] = (),
        hot: NDArray[np.int32] | None = None,
    ) -> Self:
        """Make a profile of models whose numbers are known: of a simulated camera, say.

        Raises
        ------
        UsageError
            As the constructor.
        """
        isos = tuple(
            IsoProfile(
                iso=one.iso,
                gain=Estimate.exactly(one.gain),
                gain_source="given",
                read_scale=Estimate.exactly(one.read_scale),
                read_shape=Estimate.exactly(one.read_shape),
                row=Estimate.exactly([one.row]),
                column=Estimate.exactly([one.column]),
                bias=Estimate.exactly(one.bias),
                step=one.step,
                white=one.white,
                white_seen=False,
                dark_frames=0,
                flat_frames=0,
            )
            for one in models
        )
        hot = np.empty((0, 2), np.int32) if hot is None else hot
        return cls(make, model, mosaic, isos, ranges, hot)


def _check_iso(iso: float) -> None:
    if not (np.isfinite(iso) and iso > 0):
        raise UsageError(f"dark shading at ISO {iso}", expected="an ISO above 0")


def camera_name(make: str, model: str) -> str:
    """Return maker and model as one name, the maker once."""
    whole = model.lower().startswith(make.lower())
    return model if whole or not make else f"{make} {model}"


def _held(found: ShadingRange, iso: float) -> float:
    return min(max(iso, found.low), found.high)
