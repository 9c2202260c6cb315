"""The cameras of all collections, and those of raw denoising as data; their noise is made up."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from rawkit.synth.cameras import CANON_5D4, SONY_A7S2, SONY_RX100M6, Camera
from rawkit.synth.dng import BAYER_PATTERNS, Pattern
from rawkit.synth.noise import Level, SensorModel

_XTRANS: Final[Pattern] = (
    (1, 1, 0, 1, 1, 2),
    (1, 1, 2, 1, 1, 0),
    (2, 0, 1, 0, 2, 1),
    (1, 1, 2, 1, 1, 0),
    (1, 1, 0, 1, 1, 2),
    (0, 2, 1, 2, 0, 1),
)
"""Fujifilm's filter array, from one of its phases."""


def _levels(black: int, white: int) -> dict[str, tuple[Level, ...]]:
    return {"black_levels": (Level(0, black),), "white_levels": (Level(0, white),)}


def _levelled(sensor: SensorModel, black: int, white: int) -> SensorModel:
    return replace(sensor, black_levels=(Level(0, black),), white_levels=(Level(0, white),))


ELD_CAMERAS: Final[dict[str, tuple[Camera, str]]] = {
    "SonyA7S2": (SONY_A7S2, "ARW"),
    "NikonD850": (
        replace(
            SONY_A7S2,
            make="NIKON CORPORATION",
            model="NIKON D850",
            neutral=(0.46, 1.0, 0.68),
            sensor=replace(
                _levelled(SONY_A7S2.sensor, 400, 15892), full_well=60_000.0, base_iso=64
            ),
        ),
        "nef",
    ),
    "CanonEOS70D": (
        replace(
            CANON_5D4,
            model="Canon EOS 70D",
            sensor=replace(_levelled(CANON_5D4.sensor, 2048, 13584), full_well=27_000.0),
        ),
        "CR2",
    ),
    "CanonEOS700D": (
        replace(
            CANON_5D4,
            model="Canon EOS 700D",
            sensor=replace(_levelled(CANON_5D4.sensor, 2048, 15000), full_well=25_000.0),
        ),
        "CR2",
    ),
}
"""Camera and ending of each folder of ELD that holds pictures."""

DJI: Final = replace(
    SONY_A7S2,
    make="DJI",
    model="DJI",
    neutral=(0.52, 1.0, 0.57),
    sensor=SensorModel(
        full_well=20_000.0,
        base_iso=100,
        early_noise=2.0,
        late_noise=6.0,
        row_noise=0.4,
        black_levels=(Level(0, 4096), Level(1600, 4104), Level(6400, 4120)),
        white_levels=(Level(0, 65535),),
        bits=16,
    ),
)
"""The camera of LRD: 16 bit, and a black level that differs from file to file."""

SONY_A7C: Final = replace(SONY_A7S2, model="ILCE-7C")
"""The camera of most sets of RawNIND's Bayer half."""

FUJI_XT1: Final = replace(
    SONY_A7S2,
    make="FUJIFILM",
    model="X-T1",
    pattern=_XTRANS,
    neutral=(0.5, 1.0, 0.62),
    sensor=replace(_levelled(SONY_A7S2.sensor, 1024, 16383), full_well=40_000.0, base_iso=200),
)
"""A camera of RawNIND's X-Trans half."""

IMX686: Final = replace(
    SONY_A7S2,
    make="phone",
    model="IMX686",
    sensor=SensorModel(
        full_well=6_000.0,
        base_iso=100,
        early_noise=1.5,
        late_noise=0.7,
        row_noise=0.2,
        bits=10,
        **_levels(64, 1023),
    ),
)
"""The phone of LRID: 10 bit, black level 64."""

IMX385: Final = replace(
    SONY_A7S2,
    make="Sony",
    model="IMX385",
    pattern=BAYER_PATTERNS["GBRG"],
    sensor=SensorModel(
        full_well=60_000.0,
        base_iso=100,
        early_noise=1.2,
        late_noise=1.5,
        row_noise=0.3,
        bits=12,
        **_levels(240, 4095),
    ),
)
"""The video camera of CRVD and ReCRVD: 12 bit, GBRG, black level 240."""

MT9M001: Final = replace(
    SONY_A7S2,
    make="Micron",
    model="MT9M001",
    sensor=SensorModel(
        full_well=20_000.0,
        base_iso=100,
        early_noise=6.0,
        late_noise=0.6,
        row_noise=1.0,
        bits=8,
        **_levels(0, 255),
    ),
)
"""The camera of MCR: 8 bit, no black level."""

CAMERAS: Final[dict[str, Camera]] = {
    "sid": SONY_A7S2,
    "mid": CANON_5D4,
    "smid": SONY_RX100M6,
    "eld": SONY_A7S2,
    "lrd": DJI,
    "lrid": IMX686,
    "rawnind": SONY_A7C,
    "crvd": IMX385,
    "recrvd": IMX385,
    "mcr": MT9M001,
}
"""The camera of each collection, by its name; the first of several."""
