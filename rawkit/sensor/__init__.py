"""One raw file: its exposure and mosaic, its pixels, packed planes, target and amplification."""

from rawkit.sensor.amplifier import Amplification, amplification_base, normalise
from rawkit.sensor.decode import RawFile, decode, open_raw
from rawkit.sensor.exif import Exif, read_exif
from rawkit.sensor.pack import PhaseCrop, pack, phase_crop, unpack
from rawkit.sensor.render import RenderParameters
from rawkit.sensor.types import (
    BAYER_PLANES,
    MAX_RATIO,
    Exposure,
    Frame,
    Mosaic,
    RawImage,
    WhiteBalance,
    exposure_ratio,
    gain_ratio,
)

__all__ = [
    "BAYER_PLANES",
    "MAX_RATIO",
    "Amplification",
    "Exif",
    "Exposure",
    "Frame",
    "Mosaic",
    "PhaseCrop",
    "RawFile",
    "RawImage",
    "RenderParameters",
    "WhiteBalance",
    "amplification_base",
    "decode",
    "exposure_ratio",
    "gain_ratio",
    "normalise",
    "open_raw",
    "pack",
    "phase_crop",
    "read_exif",
    "unpack",
]
