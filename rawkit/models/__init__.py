"""The networks, their weights, and inference in bounded memory.

`registry` knows every network by name, `weights` reads trained parameters from files, `amplified`
describes a decoded mosaic as a network's input, `inference` restores it::

    net, weights = load_network("weights")
    mosaic = amplified(image.pixels, image.mosaic, factor, describe(weights.network))
    for top, band in restore_bands(prepare(net), mosaic):
        picture[top : top + len(band)] = band
"""

from rawkit.models.amplified import AmplifiedMosaic, amplified, stabilised
from rawkit.models.budget import InferencePlan, plan_inference
from rawkit.models.cameras import SeenCamera
from rawkit.models.costs import BACKENDS, MemoryPlan, NetworkCosts, TrainingCosts
from rawkit.models.denoise import denoise_bands
from rawkit.models.exports import (
    EXPORTERS,
    Card,
    Exported,
    ExportedNetwork,
    card_path,
    check_mosaic,
    export_network,
    exporter_of,
    open_exported,
)
from rawkit.models.folding import fold_weight_norm, is_folded
from rawkit.models.geometry import Geometry
from rawkit.models.inference import STRIP_ROWS, restore_bands, restore_mosaic
from rawkit.models.ksigma import RENO_1600, KSigma, ShotAndRead, noise_seen
from rawkit.models.lamba2021 import Lamba2021
from rawkit.models.matching import parameter_names, parts_of
from rawkit.models.measure import count_macs, count_parameters, receptive_field, receptive_frames
from rawkit.models.neutral import LearnedNeutral, find_neutral, flat_response
from rawkit.models.openvino import PRECISIONS, compile_openvino
from rawkit.models.overlapping import PATCH, Overlap, overlapped_bands
from rawkit.models.padding import Padding, padding_for
from rawkit.models.pmrid import Pmrid
from rawkit.models.raw_unet import RawUnet, RawXtransUnet
from rawkit.models.registry import NETWORKS, Network, build, describe
from rawkit.models.safe import WEIGHTS_FORMAT, WEIGHTS_VERSION, encode_safetensors, save_safetensors
from rawkit.models.sid_unet import SidUnet, SidXtransUnet, packed_planes
from rawkit.models.sigma import MosaicWithSigma, with_sigma
from rawkit.models.stages import Staged, best_device, device_of, prepare
from rawkit.models.stages_onnx import export_stages
from rawkit.models.tiles import Area, Tile, tile_shape, tiles
from rawkit.models.unet3d import Unet3d
from rawkit.models.unet3d_variant import DEPTHS, FAMILY, Unet3dVariant, variant_named, variant_with
from rawkit.models.unpickle import read_tensors
from rawkit.models.weights import (
    CHECKPOINT_FORMAT,
    CHECKPOINT_VERSION,
    LoadedWeights,
    load_network,
    load_weights,
    trainable_state,
)

__all__ = [
    "BACKENDS",
    "CHECKPOINT_FORMAT",
    "CHECKPOINT_VERSION",
    "DEPTHS",
    "EXPORTERS",
    "FAMILY",
    "NETWORKS",
    "PATCH",
    "PRECISIONS",
    "RENO_1600",
    "STRIP_ROWS",
    "WEIGHTS_FORMAT",
    "WEIGHTS_VERSION",
    "AmplifiedMosaic",
    "Area",
    "Card",
    "Exported",
    "ExportedNetwork",
    "Geometry",
    "InferencePlan",
    "KSigma",
    "Lamba2021",
    "LearnedNeutral",
    "LoadedWeights",
    "MemoryPlan",
    "MosaicWithSigma",
    "Network",
    "NetworkCosts",
    "Overlap",
    "Padding",
    "Pmrid",
    "RawUnet",
    "RawXtransUnet",
    "SeenCamera",
    "ShotAndRead",
    "SidUnet",
    "SidXtransUnet",
    "Staged",
    "Tile",
    "TrainingCosts",
    "Unet3d",
    "Unet3dVariant",
    "amplified",
    "best_device",
    "build",
    "card_path",
    "check_mosaic",
    "compile_openvino",
    "count_macs",
    "count_parameters",
    "denoise_bands",
    "describe",
    "device_of",
    "encode_safetensors",
    "export_network",
    "export_stages",
    "exporter_of",
    "find_neutral",
    "flat_response",
    "fold_weight_norm",
    "is_folded",
    "load_network",
    "load_weights",
    "noise_seen",
    "open_exported",
    "overlapped_bands",
    "packed_planes",
    "padding_for",
    "parameter_names",
    "parts_of",
    "plan_inference",
    "prepare",
    "read_tensors",
    "receptive_field",
    "receptive_frames",
    "restore_bands",
    "restore_mosaic",
    "save_safetensors",
    "stabilised",
    "tile_shape",
    "tiles",
    "trainable_state",
    "variant_named",
    "variant_with",
    "with_sigma",
]
