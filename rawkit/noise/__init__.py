"""The noise of a camera: how much at which ISO, where it is dark and not black, as a file.

`CameraProfile` is what `rawkit calibrate` finds and everything else takes: `profile.at(iso)` is the
noise there (`NoiseModel`), `profile.shading(iso)` what is to be subtracted, `profile.hot` which
pixels are to be mended. `mended` does both to a mosaic. `read_profile` and `write_profile` read and
write its two files; `read_darktable` makes one of a user's own ``noiseprofiles.json``.
"""

from rawkit.noise.darktable import GAUSSIAN_ONLY, is_darktable, read_darktable
from rawkit.noise.hot import ENOUGH, near_in_plane
from rawkit.noise.interpolate import Line, relations
from rawkit.noise.mend import Mended, MendNote, beyond, check_fits, mended, profile_for
from rawkit.noise.model import NoiseModel
from rawkit.noise.profile import (
    CameraProfile,
    Estimate,
    IsoCurves,
    IsoProfile,
    camera_name,
)
from rawkit.noise.read import decode_profile, is_profile, read_profile
from rawkit.noise.shading import ShadingRange, cosines
from rawkit.noise.shots import make_short
from rawkit.noise.tukey import (
    LEAST_SHAPE,
    NORMAL_SHAPE,
    normal_scale,
    tukey_quantile,
    tukey_variance,
)
from rawkit.noise.write import (
    camera_file,
    encode_profile,
    profile_identity,
    profile_name,
    write_profile,
)

__all__ = [
    "ENOUGH",
    "GAUSSIAN_ONLY",
    "LEAST_SHAPE",
    "NORMAL_SHAPE",
    "CameraProfile",
    "Estimate",
    "IsoCurves",
    "IsoProfile",
    "Line",
    "MendNote",
    "Mended",
    "NoiseModel",
    "ShadingRange",
    "beyond",
    "camera_file",
    "camera_name",
    "check_fits",
    "cosines",
    "decode_profile",
    "encode_profile",
    "is_darktable",
    "is_profile",
    "make_short",
    "mended",
    "near_in_plane",
    "normal_scale",
    "profile_for",
    "profile_identity",
    "profile_name",
    "read_darktable",
    "read_profile",
    "relations",
    "tukey_quantile",
    "tukey_variance",
    "write_profile",
]
