"""Dark frames that a training makes of longs, with the noise of a calibrated camera.

After ELD (Wei et al., CVPR 2020; TPAMI 2021): noise that is modelled well enough takes the place of
pairs. `rawkit.stream.Shorts` makes them while longs stream; here are the profile behind it, and
whole frames to validate on where a split has no pairs.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rawkit.errors import MissingError, TrainingError, UsageError
from rawkit.files import sha256_of
from rawkit.noise import make_short, read_profile
from rawkit.sensor import BAYER
from rawkit.stream import Shorts, ShortSettings, longs_among, spread
from rawkit.train.shards import read_shard
from rawkit.train.short_fields import spans_of, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from rawkit.noise import CameraProfile
    from rawkit.stream import PairSource
    from rawkit.train.settings import TrainSettings

RATIO = "100-300"
"""What dark frames are multiplied by unless told otherwise: as in SID and ELD."""
SHORTS_BYTES = 16 * 2**20
"""What the profile and the noise of a row of chunks take, whatever the frames."""
LONG_BYTES = 4 * 128 * 4
"""Bytes of the quantiles of each long that the amplifier's estimate is made from."""
ADDED = 1.0
"""Most light that is added to pairs, in shares of their own."""
_PMN = "pmn"
"""Recipe that adds light where there is a profile."""
_VALIDATION_SEED = 0x5EED
_VALIDATION_EPOCH = 0xFFFF
_ASKED = 64
"""Longs that are asked for the amplifier's estimate of their shorts."""


def with_shorts(values: Mapping[str, Any]) -> dict[str, Any]:
    """Add to the fields of a new run's settings what follows from the profile, if any.

    Raises
    ------
    MissingError, ProfileError
        If its file is not there, or is no profile.
    UsageError
        If it is of another kind of mosaic, or nothing would be done with it.
    """
    found = with_texts(values)
    made = found.get("shorts", "real") != "real"
    if not found.get("profile"):
        return found
    if found.get("recipe") == _PMN and found.get("shorts", "real") != "synthetic":
        found.setdefault("shot_augment", True)
    if not (made or found.get("shot_augment")):
        raise UsageError(
            "--profile where nothing is done with it",
            expected="--shorts synthetic or both, or --shot-augment",
        )
    path = Path(found["profile"]).absolute()
    profile = camera_profile(path)
    isos = [one.iso for one in profile.isos]
    usual = {"shorts_ratio": RATIO, "shorts_iso": text_of([(min(isos), max(isos))])}
    return {
        **usual, **found, "profile": str(path), "profile_camera": profile.camera,
        "profile_digest": sha256_of(path),
    }  # fmt: skip


def with_texts(values: Mapping[str, Any]) -> dict[str, Any]:
    """Write ratios and ISOs that are asked for as the settings hold them.

    Raises
    ------
    UsageError
        If they are none.
    """
    texts = {name: text_of(values[name]) for name in ("shorts_ratio", "shorts_iso")
             if values.get(name)}  # fmt: skip
    return {**values, **texts}


def shorts_of(settings: TrainSettings, seed: int | None = None) -> Shorts | None:
    """Return what makes the dark frames of a training; None where all are real.

    Raises
    ------
    MissingError, ProfileError
        If the profile is gone or damaged.
    TrainingError
        If it is another one than the training was begun with.
    """
    if not settings.adds_noise:
        return None
    path = Path(settings.profile)
    profile = camera_profile(path)
    if settings.profile_digest and sha256_of(path) != settings.profile_digest:
        raise TrainingError(
            "another profile than the run was begun with",
            expected=f"a file with the SHA-256 {settings.profile_digest}",
            where=path,
            fix="Name the file it was begun with by --profile, wherever it lies now.",
        )
    asked = None
    if settings.makes_shorts:
        asked = ShortSettings(spans_of(settings.shorts_ratio), spans_of(settings.shorts_iso))
    return Shorts(
        profile, asked, settings.seed if seed is None else seed,
        estimates=settings.amplification == "auto" or seed is not None,
        added=ADDED if settings.shot_augment else 0.0,
    )  # fmt: skip


class MadeFrames:
    """Whole dark frames made of longs: the same for all trainings, whatever their seed.

    Parameters
    ----------
    settings
        Of the training.
    frames
        What is validated on, longs among them or not.
    """

    def __init__(self, settings: TrainSettings, frames: Sequence[PairSource]) -> None:
        made = any(one.is_long for one in frames)
        self.shorts = shorts_of(settings, _VALIDATION_SEED) if made else None
        """What makes them; None where all frames are real."""
        self._numbers = {one.name: number for number, one in enumerate(frames)}

    def __call__(self, source: PairSource) -> tuple[PairSource, NDArray[np.uint16]]:
        """Return a frame as it is to be restored, and its packed planes (4, h, w).

        Raises
        ------
        StoreDamagedError
            If it cannot be read.
        """
        planes = read_shard(source.packed)
        if self.shorts is None or not source.is_long:
            return source, planes
        number = self._numbers[source.name]
        drawn = self.shorts.drawn(source, _VALIDATION_EPOCH, number)
        short = np.array(planes, np.uint16, order="C")
        make_short(
            short, source.black_level.tolist(), drawn.noise, drawn.ratio, key=_VALIDATION_SEED,
            sample=number,
        )  # fmt: skip
        seen = replace(
            source, iso=drawn.iso, gain_ratio=drawn.ratio, exposure_ratio=drawn.ratio,
            amplification_base=drawn.base,
        )  # fmt: skip
        return seen, short


def with_made(
    columns: Sequence[NDArray[np.float32]], pairs: Sequence[PairSource], settings: TrainSettings
) -> list[NDArray[np.float32]]:
    """Put what is drawn for some of the longs in the place of what the longs themselves have.

    `columns` are estimate, gain ratio and exposure ratio of all pairs, shape (pairs,) each. Where
    there are pairs and longs, as many longs are asked, so that each kind counts half.
    """
    shorts = shorts_of(settings, settings.seed)
    assert shorts is not None  # noqa: S101 - asked where some are made
    is_long = longs_among(pairs)
    asked = spread(np.flatnonzero(is_long).tolist(), _ASKED)
    drawn = [shorts.drawn(pairs[place], 0, number) for number, place in enumerate(asked)]
    real = spread(np.flatnonzero(~is_long).tolist(), max(1, len(drawn)))
    made = [[one.base for one in drawn], *[[one.ratio for one in drawn]] * 2]
    return [
        np.concatenate([column[real], np.array(values, np.float32)])
        for column, values in zip(columns, made, strict=True)
    ]


def validated_on_made(val: Sequence[PairSource]) -> bool:
    """Tell whether frames that are validated on are made of longs."""
    return bool(longs_among(val).any()) if len(val) else False


def other_cameras(train: Sequence[PairSource], settings: TrainSettings) -> list[str]:
    """Return the cameras of longs that dark frames are made of by another one's profile."""
    if not settings.makes_shorts:
        return []
    longs = [train[place] for place in np.flatnonzero(longs_among(train)).tolist()]
    cameras = sorted({one.camera for one in longs} - {""})
    return [one for one in cameras if not settings.profile_camera.lower().endswith(one.lower())]


def refuse_shorts(*, made: bool, what: str) -> None:
    """Refuse made dark frames where longs come and go.

    Raises
    ------
    UsageError
        If any are to be made.
    """
    if made:
        raise UsageError(
            f"dark frames that are made {what}",
            expected="a store that holds all longs: how bright they are is read from them",
            fix="Ingest them first, and train without a collection or --disk.",
        )


def camera_profile(path: Path) -> CameraProfile:
    """Read the profile of a Bayer camera.

    Raises
    ------
    MissingError, ProfileError
        If its file is not there, or is no profile.
    UsageError
        If it is of another kind of mosaic.
    """
    if not path.exists():
        raise MissingError(
            "no such file", expected="a camera's profile, made by `rawkit calibrate`", where=path
        )
    profile = read_profile(path)
    if profile.mosaic.cell != BAYER:
        raise UsageError(
            f"the profile of a mosaic of {profile.mosaic.pattern_text}",
            expected="that of a Bayer camera: networks for others are not trained", where=path,
        )  # fmt: skip
    return profile
