"""Weights in a safetensors file: a JSON header and bare numbers, nothing that could run.

rawkit's own files carry in the header's metadata, under ``rawkit`` and as JSON, what a checkpoint
holds beside its tensors::

    format    "rawkit-weights"
    version   1
    network   name in the registry
    settings  how it was trained
    licence   terms inherited from the weights training began with; absent where there are none
    cameras   for each camera model its pairs and its neutral; absent where none is known
    neutral   where grey is put in its input; absent where planes stay as the camera has them
"""

import json
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from rawkit.errors import UsageError, WeightsError
from rawkit.files import write_atomically
from rawkit.models.matching import match, misfit
from rawkit.models.registry import describe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

    from rawkit.models.cameras import SeenCamera
    from rawkit.sensor import Neutral

WEIGHTS_FORMAT = "rawkit-weights"
"""What the metadata of rawkit's own file holds under ``format``."""

WEIGHTS_VERSION = 1
"""What the metadata of this version's file holds under ``version``."""

_KEY = "rawkit"
"""The one key of the metadata: several would be written in any order."""

_LENGTH_BYTES = 8
_MAX_HEADER = 100_000_000
"""What the format allows; no pickle or zip begins with so small a number and a brace."""
_OPENING = b"{"


def encode_safetensors(
    network: str,
    state_dict: "Mapping[str, Tensor]",
    settings: "Mapping[str, Any]",
    *,
    licence: str | None = None,
    cameras: "Mapping[str, SeenCamera] | None" = None,
    neutral: "Neutral | None" = None,
    where: object = None,
) -> bytes:
    """Return a file with the weights of a network; `load_weights` reads it back.

    The same weights and settings give the same bytes.

    Parameters
    ----------
    network
        Name in the registry.
    state_dict
        Parameter name, ours, -> values; with weight norm attached or folded.
    settings
        How it was trained: plain values that JSON can hold.
    licence
        Terms inherited from the weights training began with.
    cameras
        The cameras of the training pairs, by model.
    neutral
        Where grey was put in the planes; None where they stayed as the camera has them.
    where
        What errors name.

    Raises
    ------
    UsageError
        If there is no such network, or the settings are no plain values.
    WeightsError
        If the parameters do not fit the network.
    """
    describe(network)
    if match(state_dict, network) is None:
        raise misfit(state_dict, network, where)
    seen = {model: one.as_dict() for model, one in (cameras or {}).items()}
    about = {
        "format": WEIGHTS_FORMAT,
        "version": WEIGHTS_VERSION,
        "network": network,
        "settings": dict(settings),
        **({} if licence is None else {"licence": licence}),
        **({"cameras": seen} if seen else {}),
        **({} if neutral is None else {"neutral": list(neutral)}),
    }
    try:
        metadata = {_KEY: json.dumps(about, sort_keys=True)}
    except (TypeError, ValueError) as error:
        raise UsageError(f"settings that JSON cannot hold ({error})", where=where) from error
    tensors = {
        # Copies: parameters that share memory are refused by the format.
        name: value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        for name, value in state_dict.items()
    }
    return bytes(save(tensors, metadata))


def save_safetensors(
    path: "Path",
    network: str,
    state_dict: "Mapping[str, Tensor]",
    settings: "Mapping[str, Any]",
    *,
    licence: str | None = None,
    cameras: "Mapping[str, SeenCamera] | None" = None,
    neutral: "Neutral | None" = None,
) -> None:
    """Write the file of `encode_safetensors` atomically; ``weights.safetensors`` in a run.

    Raises
    ------
    UsageError, WeightsError
        As for `encode_safetensors`.
    OutputError
        If it cannot be written; what was there before is intact.
    """
    data = encode_safetensors(
        network, state_dict, settings, licence=licence, cameras=cameras, neutral=neutral, where=path
    )
    write_atomically(path, data)


def is_safetensors(start: bytes) -> bool:
    """Tell from the first nine bytes or more whether a file is one."""
    length = int.from_bytes(start[:_LENGTH_BYTES], "little")
    return start[_LENGTH_BYTES:].startswith(_OPENING) and length <= _MAX_HEADER


def read_safetensors(path: "Path") -> dict[str, Any]:
    """Return what a safetensors file holds.

    Returns
    -------
    dict
        For a file of rawkit its metadata and under ``model`` its tensors; for any other the tensors
        themselves; on the CPU.

    Raises
    ------
    WeightsError
        If it is cut short, damaged, or its metadata is not what rawkit writes.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError, ValueError, KeyError, AttributeError) as error:
        raise WeightsError(
            f"a weights file that is cut short or damaged ({path.stat().st_size} bytes)",
            expected="a whole safetensors file",
            where=path,
            fix="Copy or download it again.",
        ) from error
    if _KEY not in metadata:
        return tensors
    try:
        about = json.loads(metadata[_KEY])
    except ValueError:
        about = None
    if not isinstance(about, dict) or "format" not in about:
        raise WeightsError(
            f"metadata that is {metadata[_KEY][:40]!r}", expected="what rawkit writes", where=path
        )
    return {**about, "model": tensors}
