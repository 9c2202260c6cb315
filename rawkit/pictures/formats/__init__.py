"""File formats of pictures, each written from bands of rows, top to bottom."""

from rawkit.pictures.formats.jpeg import encode_jpeg
from rawkit.pictures.formats.png import encode_png
from rawkit.pictures.formats.shape import PictureShape
from rawkit.pictures.formats.tiff import encode_tiff

__all__ = ["PictureShape", "encode_jpeg", "encode_png", "encode_tiff"]
