"""The networks, their weights, and inference in bounded memory.

`registry` knows every network by name, `weights` reads trained parameters from files,
`inference` restores one mosaic with them::

    net, weights = load_network("weights")
    picture = restore_mosaic(prepare(net), mosaic)
"""

from rawkit.models.folding import fold_weight_norm, is_folded
from rawkit.models.inference import TwoStage, prepare, restore_mosaic
from rawkit.models.lamba2021 import Lamba2021
from rawkit.models.padding import Padding, padding_for
from rawkit.models.registry import NETWORKS, Network, build, describe
from rawkit.models.safe import WEIGHTS_FORMAT, WEIGHTS_VERSION, save_safetensors
from rawkit.models.sid_unet import SidUnet
from rawkit.models.tiles import Tile, Window, tiles
from rawkit.models.weights import (
    CHECKPOINT_FORMAT,
    CHECKPOINT_VERSION,
    LoadedWeights,
    load_network,
    load_weights,
)

__all__ = [
    "CHECKPOINT_FORMAT",
    "CHECKPOINT_VERSION",
    "NETWORKS",
    "WEIGHTS_FORMAT",
    "WEIGHTS_VERSION",
    "Lamba2021",
    "LoadedWeights",
    "Network",
    "Padding",
    "SidUnet",
    "Tile",
    "TwoStage",
    "Window",
    "build",
    "describe",
    "fold_weight_norm",
    "is_folded",
    "load_network",
    "load_weights",
    "padding_for",
    "prepare",
    "restore_mosaic",
    "save_safetensors",
    "tiles",
]
