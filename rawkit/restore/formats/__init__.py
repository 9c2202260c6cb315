"""File formats of pictures, each written from bands of rows, top to bottom."""

from rawkit.restore.formats.jpeg import encode_jpeg
from rawkit.restore.formats.png import encode_png
from rawkit.restore.formats.shape import PictureShape
from rawkit.restore.formats.tiff import encode_tiff

__all__ = ["PictureShape", "encode_jpeg", "encode_png", "encode_tiff"]
