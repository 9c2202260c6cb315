"""A picture and its file: its tone curve, what it says of its capture, how it is written.

`curve` is BT.709 and its profile, `write` the file formats in `formats`, band by band; `plain` the
one plain conversion that others are compared with, matched in brightness.
"""

from rawkit.pictures.capture import Capture, capture_of_file, capture_of_row
from rawkit.pictures.curve import (
    curve_constants,
    encoded_of,
    icc_profile,
    linear_of,
    profile_name,
    srgb_of,
)
from rawkit.pictures.formats import MosaicFile, encode_dng, greatest_scale
from rawkit.pictures.plain import LightMeter, as_bright, convert_planes, converted, demosaiced
from rawkit.pictures.stretch import stretch_bands
from rawkit.pictures.write import (
    PictureFormat,
    kept_to_turn,
    orient,
    quantise,
    upright_bands,
    upright_shape,
    write_bands,
    write_mosaic,
    write_picture,
    write_png,
)

__all__ = [
    "Capture",
    "LightMeter",
    "MosaicFile",
    "PictureFormat",
    "as_bright",
    "capture_of_file",
    "capture_of_row",
    "convert_planes",
    "converted",
    "curve_constants",
    "demosaiced",
    "encode_dng",
    "encoded_of",
    "greatest_scale",
    "icc_profile",
    "kept_to_turn",
    "linear_of",
    "orient",
    "profile_name",
    "quantise",
    "srgb_of",
    "stretch_bands",
    "upright_bands",
    "upright_shape",
    "write_bands",
    "write_mosaic",
    "write_picture",
    "write_png",
]
