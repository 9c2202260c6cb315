"""One raw file: its exposure and mosaic, its pixels, packed planes, target and amplification."""

from rawkit.sensor.amplifier import (
    TARGET_MEAN,
    Amplification,
    amplification_base,
    base_of_histograms,
    base_of_values,
    bin_edges,
    bin_weights,
    normalise,
    pack_and_count,
    plane_histograms,
)
from rawkit.sensor.array import image_of_array
from rawkit.sensor.balance import (
    REFERENCE_NEUTRAL,
    UNKNOWN_BALANCE,
    Neutral,
    gains_to,
    neutral_of,
    plane_gains,
)
from rawkit.sensor.beside import LIBRAW, Decoded, Trust
from rawkit.sensor.by_pixel import by_pixel, in_cells
from rawkit.sensor.carried import Carried, read_carried
from rawkit.sensor.cells import BAYER, XTRANS, Cell
from rawkit.sensor.checks import LevelCheck, check_levels
from rawkit.sensor.decode import RawFile, decode, open_raw, overridden
from rawkit.sensor.description import matrix_to_srgb
from rawkit.sensor.equalise import (
    EQUALISED_WHITE,
    equalised,
    equalised_image,
    equalising_tables,
    grey_gains,
    level_counts,
)
from rawkit.sensor.exif import Exif, load_readers, read_exif
from rawkit.sensor.headerless import Headerless
from rawkit.sensor.linear import RESAMPLED
from rawkit.sensor.pack import PhaseCrop, pack, phase_crop, unpack
from rawkit.sensor.render import GivenPictures, RenderParameters
from rawkit.sensor.signature import Kind, is_raw, kind_of
from rawkit.sensor.tiff_mosaic import TiffMosaic
from rawkit.sensor.types import (
    MAX_RATIO,
    ColourMatrix,
    Exposure,
    Frame,
    Levels,
    Mosaic,
    RawImage,
    WhiteBalance,
    exposure_ratio,
    gain_ratio,
)
from rawkit.sensor.video import image_of_packed
from rawkit.sensor.whole import open_file

__all__ = [
    "BAYER",
    "EQUALISED_WHITE",
    "LIBRAW",
    "MAX_RATIO",
    "REFERENCE_NEUTRAL",
    "RESAMPLED",
    "TARGET_MEAN",
    "UNKNOWN_BALANCE",
    "XTRANS",
    "Amplification",
    "Carried",
    "Cell",
    "ColourMatrix",
    "Decoded",
    "Exif",
    "Exposure",
    "Frame",
    "GivenPictures",
    "Headerless",
    "Kind",
    "LevelCheck",
    "Levels",
    "Mosaic",
    "Neutral",
    "PhaseCrop",
    "RawFile",
    "RawImage",
    "RenderParameters",
    "TiffMosaic",
    "Trust",
    "WhiteBalance",
    "amplification_base",
    "base_of_histograms",
    "base_of_values",
    "bin_edges",
    "bin_weights",
    "by_pixel",
    "check_levels",
    "decode",
    "equalised",
    "equalised_image",
    "equalising_tables",
    "exposure_ratio",
    "gain_ratio",
    "gains_to",
    "grey_gains",
    "image_of_array",
    "image_of_packed",
    "in_cells",
    "is_raw",
    "kind_of",
    "level_counts",
    "load_readers",
    "matrix_to_srgb",
    "neutral_of",
    "normalise",
    "open_file",
    "open_raw",
    "overridden",
    "pack",
    "pack_and_count",
    "phase_crop",
    "plane_gains",
    "plane_histograms",
    "read_carried",
    "read_exif",
    "unpack",
]
