"""Read trained weights, whoever wrote them, without ever running code from the file.

Known are rawkit's own safetensors file and checkpoint, the published file (``{"model": ...}`` under
the published layers' names), and a bare mapping of parameter names to tensors in either kind of
file. Which network they belong to is told by the names; rawkit's own files also state it.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.utils import parametrize

from rawkit.errors import UsageError, WeightsError
from rawkit.models.cameras import SeenCamera, cameras_of, neutral_from
from rawkit.models.folding import fold_weight_norm
from rawkit.models.matching import PREFIXES, match, misfit
from rawkit.models.registry import NETWORKS, build, describe
from rawkit.models.safe import (
    WEIGHTS_FORMAT,
    WEIGHTS_VERSION,
    is_safetensors,
    read_safetensors,
)
from rawkit.models.unpickle import read_start, read_tensors
from rawkit.sensor import Neutral

if TYPE_CHECKING:
    import os

    from torch import nn

CHECKPOINT_FORMAT = "rawkit-checkpoint"
"""What a checkpoint of rawkit holds under ``"format"``."""

CHECKPOINT_VERSION = 1
"""What a checkpoint of this version of rawkit holds under ``"version"``."""

_VERSIONS = {CHECKPOINT_FORMAT: CHECKPOINT_VERSION, WEIGHTS_FORMAT: WEIGHTS_VERSION}
_KINDS = {CHECKPOINT_FORMAT: "a checkpoint", WEIGHTS_FORMAT: "weights"}
_NORMS, _DIRECTIONS = "weight.original0", "weight.original1"
_FIX = "Name a checkpoint of rawkit or a published weights file."


@dataclass(frozen=True)
class LoadedWeights:
    """The parameters of one network, read from a file and found to fit."""

    network: str
    """Name of the network in the registry."""
    state_dict: Mapping[str, Tensor] = field(repr=False)
    """Name of the parameter in our network -> its values, on the CPU."""
    settings: Mapping[str, Any]
    """How it was trained, plain values; empty where the file does not say."""
    source: Path
    """The file."""
    licence: str | None
    """Terms of use: those of published weights, or what a checkpoint holds under ``"licence"``
    as it was trained on from such; None where there are none."""
    folded: bool
    """Whether weight norm is folded into the weights."""
    cameras: Mapping[str, SeenCamera] = field(default_factory=dict)
    """Camera model as EXIF spells it -> what of it the weights were trained on; empty where the
    file does not say. Pairs of no known camera are left out."""
    neutral: Neutral | None = None
    """Where the weights want grey in their input: `rawkit.sensor.gains_to` says what planes are
    multiplied by. None: they were trained on planes as the cameras have them."""

    @property
    def published(self) -> bool:
        """Whether they are published ones: under terms of their own, and not trained here."""
        return self.licence is not None and not self.settings


def load_weights(path: "str | os.PathLike[str]") -> LoadedWeights:
    """Read the weights in a file and find out which network they belong to.

    Parameters
    ----------
    path
        The published file, weights or a checkpoint of rawkit, or a bare state dict; names may begin
        with ``module.`` or ``_orig_mod.``, as wrapped networks save them.

    Raises
    ------
    MissingError
        If there is no such file.
    WeightsError
        If the file is a folder, unreadable, empty, cut short, damaged, no weights file, holds
        pickled code (which is never run) or numbers that are not finite, is a checkpoint of
        another version, or if its names or shapes fit no known network.
    """
    source = Path(path)
    safe = is_safetensors(read_start(source))
    content = _mapping(read_safetensors(source) if safe else read_tensors(source), source)
    settings: Mapping[str, Any] = {}
    licence: str | None = None
    cameras: Mapping[str, SeenCamera] = {}
    neutral: Neutral | None = None
    stated: str | None = None
    model: object = content
    if "format" in content:
        _check_version(content, source)
        stated = _stated_network(content, source)
        settings = _mapping(content.get("settings", {}), source)
        licence = _licence(content)
        cameras = cameras_of(content.get("cameras"), source)
        neutral = neutral_from(content.get("neutral"), source)
        model = content.get("model")
    elif "model" in content:
        model = content["model"]
    state = _state(model, source)
    found = match(state, stated)
    if found is None:
        raise misfit(state, stated, source)
    # Only now: the shapes of a file that fits no network may be too large to look through.
    _check_finite(state, source)
    if found.published:
        licence = describe(found.network).licence
        cameras = describe(found.network).cameras
    return LoadedWeights(
        network=found.network,
        state_dict=found.state_dict,
        settings=settings,
        source=source,
        licence=licence,
        folded=found.folded,
        cameras=cameras,
        neutral=neutral,
    )


def load_network(
    path: "str | os.PathLike[str]", *, expect: str | None = None
) -> "tuple[nn.Module, LoadedWeights]":
    """Build the network a weights file belongs to and load the weights.

    Parameters
    ----------
    path
        As for `load_weights`.
    expect
        Name of the network it must be; any if None.

    Returns
    -------
    nn.Module
        The network on the CPU, in evaluation mode, with weight norm unless the file has it
        folded.
    LoadedWeights
        What the file held.

    Raises
    ------
    UsageError
        If `expect` is no known network.
    MissingError, WeightsError
        As for `load_weights`; also if the file belongs to another network than `expect`.
    """
    if expect is not None:
        describe(expect)
    loaded = load_weights(path)
    if expect not in {None, loaded.network}:
        raise WeightsError(
            f"weights of {loaded.network}", expected=f"weights of {expect}", where=loaded.source
        )
    net = build(loaded.network)
    if loaded.folded:
        fold_weight_norm(net)
    net.load_state_dict(loaded.state_dict, strict=True)
    return net.eval(), loaded


def trainable_state(loaded: LoadedWeights) -> dict[str, Tensor]:
    """Return loaded weights with weight norm attached, as a training changes them.

    What was folded is taken apart again: the norm and the direction of each channel, whose product
    it is to rounding. A channel of zeros has no direction; any will do.
    """
    if not loaded.folded:
        return dict(loaded.state_dict)
    with torch.random.fork_rng(devices=[]):
        net = build(loaded.network)
    folded = dict(loaded.state_dict)
    for name, module in net.named_modules():
        if parametrize.is_parametrized(module, "weight"):
            weight = folded.pop(f"{name}.weight")
            # Sets the norm and the direction; the property is made anew for each such class.
            module.weight = weight
    left = net.load_state_dict(folded, strict=False)
    assert not left.unexpected_keys  # noqa: S101 - the names have been matched
    state = {name: value.detach() for name, value in net.state_dict().items()}
    for name, norms in state.items():
        if name.endswith(_NORMS):
            direction = state[f"{name.removesuffix(_NORMS)}{_DIRECTIONS}"]
            direction[(norms == 0).flatten()] = 1.0
    return state


def _mapping(content: object, source: Path) -> Mapping[str, Any]:
    if isinstance(content, Mapping) and all(isinstance(key, str) for key in content):
        return content
    raise WeightsError(
        f"not weights but a {type(content).__name__}",
        expected="a mapping of names to tensors",
        where=source,
        fix=_FIX,
    )


def _check_version(content: Mapping[str, Any], source: Path) -> None:
    known = content["format"]
    if not isinstance(known, str) or known not in _VERSIONS:
        raise WeightsError(
            f"a file of format {known!r}",
            expected=f"format {' or '.join(map(repr, _VERSIONS))}",
            where=source,
            fix=_FIX,
        )
    version = content.get("version")
    if version != _VERSIONS[known]:
        raise WeightsError(
            f"{_KINDS[known]} of version {version}",
            expected=f"version {_VERSIONS[known]}",
            where=source,
            fix="Use the version of rawkit that wrote it, or train again.",
        )


def _stated_network(content: Mapping[str, Any], source: Path) -> str:
    name = content.get("network")
    with suppress(UsageError):
        return describe(str(name)).name
    raise WeightsError(
        f"a checkpoint of an unknown network, {name!r}",
        expected=f"one of {', '.join(NETWORKS)}",
        where=source,
    )


def _licence(content: Mapping[str, Any]) -> str | None:
    """Return the terms a checkpoint inherits from the weights its training began with."""
    licence = content.get("licence")
    return licence if isinstance(licence, str) else None


def _is_parameter(value: object) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point() and value.layout == torch.strided


def _state(model: object, source: Path) -> dict[str, Tensor]:
    state = dict(_mapping(model, source))
    others = [name for name, value in state.items() if not _is_parameter(value)]
    if others or not state:
        raise WeightsError(
            f"values that are no real tensors, such as {others[0]!r}"
            if others
            else "no parameters",
            expected="a mapping of parameter names to tensors",
            where=source,
            fix=_FIX,
        )
    for prefix in PREFIXES:
        if all(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state


def _check_finite(state: Mapping[str, Tensor], source: Path) -> None:
    spoilt = [name for name, value in state.items() if not value.isfinite().all()]
    if spoilt:
        raise WeightsError(
            f"{len(spoilt)} parameters that are not finite, such as {spoilt[0]}",
            expected="finite numbers",
            where=source,
            fix="The training diverged or the file is damaged: take an earlier checkpoint.",
        )
