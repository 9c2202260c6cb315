"""Raw files to pictures: decode, amplify, pad, restore, cut, write."""

from rawkit.restore.batch import (
    MANIFEST,
    Output,
    Restored,
    RestoreReport,
    raw_files,
    restore_files,
)
from rawkit.restore.network import Restorer, amplifications_for, load_restorer, restore_image
from rawkit.restore.picture import PictureFormat, orient, quantise, write_picture, write_png
from rawkit.restore.profile import encoded_of, icc_profile, linear_of

__all__ = [
    "MANIFEST",
    "Output",
    "PictureFormat",
    "RestoreReport",
    "Restored",
    "Restorer",
    "amplifications_for",
    "encoded_of",
    "icc_profile",
    "linear_of",
    "load_restorer",
    "orient",
    "quantise",
    "raw_files",
    "restore_files",
    "restore_image",
    "write_picture",
    "write_png",
]
