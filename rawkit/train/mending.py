"""Dark frames of a training without what their cameras put into them, by profiles.

After PMN (Feng et al., ACM MM 2022): dark shading is subtracted before a network learns, as it is
before `rawkit restore --profile` has it restore. Crops are mended while they stream, by
`rawkit.stream.CropMender`; here is which profiles that takes, and whole frames to validate on.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from rawkit.errors import ProfileError, TrainingError, UsageError
from rawkit.locations import location_of
from rawkit.models import ShotAndRead
from rawkit.noise import beyond, mended, profile_identity
from rawkit.sensor import amplification_base, image_of_array, pack, unpack
from rawkit.store import Store, profiles_of
from rawkit.stream import CropMender, kinds_of, numbers_of, spread
from rawkit.train.mend_fields import STORED
from rawkit.train.shards import read_shard
from rawkit.train.shorts import camera_profile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from rawkit.noise import CameraProfile, Mended
    from rawkit.stream import PairSource
    from rawkit.train.settings import TrainSettings

MENDER_BYTES = 32 * 2**20
"""What profiles take while crops are mended, whatever the frames and ISOs: 8 MB each at 12 MP with
12,000 hot pixels, at most, as measured."""
MENDED_PIXEL = 4 * 4
"""Bytes a mosaic pixel of a crop while it is mended: values, shading, their difference, a mask."""
_ESTIMATED = 16
"""Pairs whose amplification is estimated anew."""


class Splits(Protocol):
    """Pairs to train and to validate on: `TrainData`."""

    @property
    def train(self) -> Sequence[PairSource]:
        """Pairs of the train split."""

    @property
    def val(self) -> Sequence[PairSource]:
        """Pairs of the val split; may be empty."""


def with_mending(values: Mapping[str, Any], data: Splits) -> dict[str, Any]:
    """Add to the fields of a new run's settings what follows from `mend`, if anything is asked.

    Frames are amplified by the ratio to their longs unless something else is asked for.

    Raises
    ------
    MissingError, ProfileError
        If a profile is not there, or does not fit the frames.
    UsageError
        If it is of another kind of mosaic.
    """
    found = dict(values)
    if not found.get("mend"):
        return found
    if found["mend"] != STORED:
        found["mend"] = str(Path(found["mend"]).absolute())
    asked = "amplification_value" in found  # a multiple of the estimate
    found.setdefault("amplification", "auto" if asked else "ratio")
    pairs = (data.train, data.val)
    mender = _mender(str(found["mend"]), pairs)
    return {**found, "mend_digest": _digest(mender, pairs)}


def mender_of(settings: TrainSettings, data: Splits) -> CropMender | None:
    """Return what mends the dark frames of a training; None where they stay as they are.

    Raises
    ------
    MissingError, ProfileError
        If a profile is gone or damaged, or does not fit the frames.
    TrainingError
        If profiles are others than the training was begun with.
    """
    if not settings.mends:
        return None
    pairs = (data.train, data.val)
    mender = _mender(settings.mend, pairs)
    if settings.mend_digest and _digest(mender, pairs) != settings.mend_digest:
        raise TrainingError(
            "other profiles than the run was begun with",
            expected=f"some whose digest is {settings.mend_digest}",
            where="the stores" if settings.mend == STORED else settings.mend,
            fix="Name the file it was begun with by --mend, wherever it lies now.",
        )
    return mender


def _mender(mend: str, splits: Sequence[Sequence[PairSource]]) -> CropMender:
    """Read profiles, and see that they fit all frames."""
    kinds = [one for pairs in splits for one in kinds_of(pairs)]
    if mend == STORED:
        stores = {one.store for one in kinds}
        mender = CropMender([], {name: _profiles_in(name) for name in sorted(stores)})
    else:
        mender = CropMender([camera_profile(Path(mend))])
    for one in kinds:
        mender.check(one.store, one.camera, one.area)
    for pairs in splits:
        _check_isos(pairs)
    return mender


def _profiles_in(store: str) -> list[CameraProfile]:
    location = location_of(store)
    found = list(profiles_of(Store(location)).values())
    if not found:
        raise ProfileError(
            "a store without a camera's profile", expected="one that was put in with it",
            where=location, fix="Put one in: rawkit ingest COLLECTION --profile MODEL.toml.",
        )  # fmt: skip
    return found


def _check_isos(pairs: Sequence[PairSource]) -> None:
    isos = numbers_of(pairs, "iso")
    unknown = np.flatnonzero(~(np.isfinite(isos) & (isos > 0)))
    if len(unknown):
        raise ProfileError(
            f"{len(unknown)} of {len(isos)} frames that do not say their ISO, such as "
            f"{pairs[int(unknown[0])].name}",
            expected="it, to look up the dark shading",
            fix="Leave them out with --iso 1-.",
        )


def _digest(mender: CropMender, splits: Sequence[Sequence[PairSource]]) -> str:
    """SHA-256 over what the profiles that are used say."""
    profiles = (
        mender.profile(one.store, one.camera) for pairs in splits for one in kinds_of(pairs)
    )
    return sha256(" ".join(sorted(set(map(profile_identity, profiles)))).encode()).hexdigest()


def isos_beyond(settings: TrainSettings, data: Splits) -> list[str]:
    """Say which ISOs of the training frames lie beyond the profiles that they are mended by."""
    mender = mender_of(settings, data)
    if mender is None or not len(data.train):
        return []
    isos = numbers_of(data.train, "iso")
    found = [
        beyond(mender.profile(one.store, one.camera), float(iso))
        for one in kinds_of(data.train)
        for iso in (isos.min(), isos.max())
    ]
    return list(dict.fromkeys(filter(None, found)))


class MendedFrames:
    """Whole dark frames as they are mended before `rawkit restore` restores them.

    Parameters
    ----------
    mender
        Knows the profiles.
    """

    def __init__(self, mender: CropMender) -> None:
        self._mender = mender

    def __call__(self, source: PairSource) -> tuple[PairSource, NDArray[np.float32]]:
        """Return a frame, and its packed planes (4, h, w) in sensor units, black still in them.

        Raises
        ------
        StoreDamagedError
            If it cannot be read.
        """
        done = self._mended(source)
        mosaic = done.image.mosaic
        black = np.array(mosaic.black_level, np.float32)[:, None, None]
        planes = pack(done.image.pixels, mosaic.phase).astype(np.float32)
        planes -= black
        planes /= np.float32(done.steps)
        planes += source.black_level[:, None, None]
        return source, planes

    def base(self, source: PairSource) -> float:
        """Estimate the amplification of a frame that was mended; raises as a call."""
        return amplification_base(self._mended(source).image)

    def noise(self, source: PairSource) -> ShotAndRead:
        """Return the noise of a frame by its camera's profile, as `rawkit restore` takes it."""
        found = self._mender.profile(source.store, source.camera).at(source.iso)
        gain, sigma = (float(np.mean(one)) for one in (found.gain, found.sigma))
        return ShotAndRead(gain, sigma**2)

    def _mended(self, source: PairSource) -> Mended:
        image = image_of_array(
            unpack(read_shard(source.packed)), pattern="RGGB", black=source.black_level.tolist(),
            white=source.white_level,
        )  # fmt: skip
        height, width, top, left = source.area
        profile = self._mender.profile(source.store, source.camera)
        return mended(image, profile, source.iso, at=(top, left), visible=(height, width))


def with_mended(
    columns: Sequence[NDArray[np.float32]], data: Splits, settings: TrainSettings
) -> list[NDArray[np.float32]]:
    """Estimate the amplification of some pairs anew, as `rawkit restore --profile` does of a file.

    `columns` are estimate, gain ratio and exposure ratio of all pairs, shape (pairs,) each.
    """
    mender = mender_of(settings, data)
    assert mender is not None  # noqa: S101 - asked where frames are mended
    frames = MendedFrames(mender)
    asked = spread(range(len(data.train)), _ESTIMATED)
    bases = np.array([frames.base(data.train[place]) for place in asked], np.float32)
    return [bases, *(column[asked] for column in columns[1:])]


def refuse_mending(*, asked: bool, what: str) -> None:
    """Refuse to mend frames that are not all there.

    Raises
    ------
    UsageError
        If it is asked for.
    """
    if asked:
        raise UsageError(
            f"--mend {what}",
            expected="a store that holds all frames: that profiles fit them is seen to first",
            fix="Ingest them first, and train without a collection or --disk.",
        )  # fmt: skip
