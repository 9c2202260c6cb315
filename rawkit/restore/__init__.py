"""Raw files to pictures: decode, amplify, pad, restore, cut, write."""

from rawkit.restore.batch import (
    Restored,
    Restorer,
    RestoreReport,
    amplifications_for,
    load_restorer,
    raw_files,
    restore_files,
    restore_image,
)
from rawkit.restore.picture import encode_png, orient, quantise, write_png
from rawkit.restore.profile import encoded_of, icc_profile, linear_of

__all__ = [
    "RestoreReport",
    "Restored",
    "Restorer",
    "amplifications_for",
    "encode_png",
    "encoded_of",
    "icc_profile",
    "linear_of",
    "load_restorer",
    "orient",
    "quantise",
    "raw_files",
    "restore_files",
    "restore_image",
    "write_png",
]
