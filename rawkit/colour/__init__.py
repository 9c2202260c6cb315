"""The sensor's own colour for a network's pictures: true colour from any camera.

`cells` is what the mosaic says, `noise` how far that can be trusted, `matrix` what it means,
`scales` how it is averaged and `anchor` how it is put under a picture that comes in bands.
`development` decides for a mosaic which of all that is done to it.
`multiple` says what brightness it was taken for, and how bright a frame a network is fed.
"""

from rawkit.colour.anchor import AnchorMemory, ColourAnchor, SensorColour, anchor_memory
from rawkit.colour.cells import CellGrid, overview
from rawkit.colour.constants import SENSOR_CONSTANTS
from rawkit.colour.development import Development, Estimates, Learned, develop
from rawkit.colour.fit import SQUARE, fit_to_picture, fitted_matrix
from rawkit.colour.matrix import CameraMatrix, matrix_of
from rawkit.colour.mode import (
    COLOUR_MODES,
    NETWORK_COLOUR,
    ColourMode,
    ColourNote,
    asked_colour,
)
from rawkit.colour.multiple import Feeding, Range, automatic_factor, feeding
from rawkit.colour.noise import NoiseModel, estimate_noise

__all__ = [
    "COLOUR_MODES",
    "NETWORK_COLOUR",
    "SENSOR_CONSTANTS",
    "SQUARE",
    "AnchorMemory",
    "CameraMatrix",
    "CellGrid",
    "ColourAnchor",
    "ColourMode",
    "ColourNote",
    "Development",
    "Estimates",
    "Feeding",
    "Learned",
    "NoiseModel",
    "Range",
    "SensorColour",
    "anchor_memory",
    "asked_colour",
    "automatic_factor",
    "develop",
    "estimate_noise",
    "feeding",
    "fit_to_picture",
    "fitted_matrix",
    "matrix_of",
    "overview",
]
