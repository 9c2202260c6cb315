"""File formats of pictures, written from bands of rows, top to bottom, and of mosaics."""

from rawkit.pictures.formats.dng import MosaicFile, encode_dng, greatest_scale
from rawkit.pictures.formats.jpeg import encode_jpeg
from rawkit.pictures.formats.png import encode_png
from rawkit.pictures.formats.shape import PictureShape
from rawkit.pictures.formats.tiff import encode_tiff

__all__ = [
    "MosaicFile",
    "PictureShape",
    "encode_dng",
    "encode_jpeg",
    "encode_png",
    "encode_tiff",
    "greatest_scale",
]
