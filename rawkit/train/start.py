"""The weights that a training starts from: published ones, or those of a run.

What a file says of its weights (network, amplification, balance) holds for the training unless
something else is asked for, and its terms go along to all that is made of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rawkit.errors import MissingError, TrainingError, UsageError
from rawkit.files import sha256_of
from rawkit.models import (
    describe,
    load_weights,
    parameter_names,
    parts_of,
    trainable_state,
    variant_with,
)
from rawkit.sensor import REFERENCE_NEUTRAL
from rawkit.train.recipes import find_recipe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from rawkit.models import LoadedWeights
    from rawkit.train.settings import TrainSettings

RATE = 5e-5
"""Rate of a training that starts from trained weights, unless told otherwise."""
EPOCHS = 10
"""Epochs of it, likewise."""
LEAST_STEPS = 200
"""Steps of it at least, likewise."""
_PARTS = ("residual", "depth", "width")
_FROM_FILE = ("amplification", "amplification_value", "k_sigma")
_BUT = "all-but-"
"""What precedes the one part that is not frozen."""


def with_start(changes: Mapping[str, Any], recipe: str | None = None) -> dict[str, Any]:
    """Add to what a new run is asked for what follows from the file it starts from, if any.

    Raises
    ------
    MissingError, WeightsError
        If the file is not there, or holds no weights.
    UsageError
        If another network is asked for, or one without weights is to be frozen.
    """
    values = dict(changes)
    if not values.get("init"):
        if values.get("freeze"):
            raise UsageError(
                "--freeze of weights that are random", expected="weights to start from",
                fix="Name them with --init.",
            )  # fmt: skip
        return values
    if values.get("init_digest"):
        return values
    path = Path(values["init"]).absolute()
    if not path.is_file():
        raise MissingError("no such file", expected="weights of a trained network", where=path)
    loaded = load_weights(path)
    asked = {**(find_recipe(recipe).values if recipe else {}), **values}
    _check_network(asked, loaded)
    values = {name: value for name, value in values.items() if name not in _PARTS}
    values |= {"network": loaded.network, "init": str(path), "init_digest": sha256_of(path)}
    values["init_licence"] = loaded.licence or ""
    for name, value in _from_file(loaded).items():
        if name not in asked and not (name.startswith("amplification") and _amplified(asked)):
            values[name] = value
    values.setdefault("learning_rate", asked.get("learning_rate", RATE))
    if values.get("freeze"):
        values["freeze"] = frozen_parts(loaded.network, values["freeze"])
    return values


def frozen_parts(network: str, asked: Sequence[str]) -> tuple[str, ...]:
    """Return what the names of parameters that stay as they are begin with.

    `asked` are parts of the network, longer beginnings of parameters' names, or ``all-but-PART``.

    Raises
    ------
    UsageError
        If the network has no such part, or nothing would be left to train.
    """
    parts, names = parts_of(network), parameter_names(network)
    found: list[str] = []
    for one in asked:
        kept = one.removeprefix(_BUT)
        fitting = [name for name in names if begins(name, kept)]
        if not fitting:
            raise UsageError(
                f"{one!r} to freeze of {network}",
                expected=f"{', '.join(parts)}, longer beginnings of parameters' names, or "
                f"{_BUT}PART",
            )
        if kept == one:
            found.append(one)
        else:
            depth = kept.count(".") + 1
            beside = [".".join(name.split(".")[:depth]) for name in names]
            found += [name for name in beside if name != kept]
    if all(any(begins(name, one) for one in found) for name in names):
        raise UsageError(
            f"all of {network} to freeze", expected=f"some of {', '.join(parts)} to be trained"
        )
    return tuple(dict.fromkeys(found))


def begins(name: str, part: str) -> bool:
    """Tell whether a parameter's name begins with a part, whole words only."""
    return name == part or name.startswith(f"{part}.")


def start_state(settings: TrainSettings) -> dict[str, Tensor]:
    """Return the weights that a training starts from, weight norm attached.

    Raises
    ------
    MissingError, WeightsError
        If the file is not there any more, or holds something else.
    TrainingError
        If it is another file than when the training was planned.
    """
    path = Path(settings.init)
    loaded = load_weights(path)
    if sha256_of(path) != settings.init_digest or loaded.network != settings.network:
        raise TrainingError(
            "other weights than the training was planned with",
            expected=f"a file with the SHA-256 {settings.init_digest}",
            where=path,
            fix="Begin again.",
        )
    return trainable_state(loaded)


def check_start(saved: TrainSettings, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes to a run that is resumed, without the file it was begun with.

    Raises
    ------
    MissingError
        If a file is named and is not there.
    UsageError
        If it is another one than the run was begun with.
    """
    values = dict(changes)
    if values.get("freeze") and saved.init:
        values["freeze"] = frozen_parts(saved.network, values["freeze"])
    if not values.get("init"):
        return values
    path = Path(values.pop("init"))
    if not path.is_file():
        raise MissingError("no such file", expected="weights of a trained network", where=path)
    if sha256_of(path) != saved.init_digest:
        raise UsageError(
            "other weights to start from than the run was begun with",
            expected=f"a file with the SHA-256 {saved.init_digest}" if saved.init_digest
            else "none: the run began with random weights",
            where=path,
            fix="Leave --init out: a run that is resumed needs no such file.",
        )  # fmt: skip
    return values


def _check_network(asked: Mapping[str, Any], loaded: LoadedWeights) -> None:
    """Refuse another network than the file's, and grey in a place that nothing else puts it."""
    wanted = asked.get("network", loaded.network)
    parts = {name: asked[name] for name in _PARTS if asked.get(name) is not None}
    if parts:
        wanted = variant_with(wanted, **parts)
    if describe(wanted).name != loaded.network:
        raise UsageError(
            f"a training of {wanted} from weights of {loaded.network}",
            expected=f"--network {loaded.network}, or none",
            where=loaded.source,
        )
    if loaded.neutral not in (None, REFERENCE_NEUTRAL):
        raise UsageError(
            f"weights that want grey at {loaded.neutral}", expected=f"at {REFERENCE_NEUTRAL}",
            where=loaded.source,
        )  # fmt: skip


def _from_file(loaded: LoadedWeights) -> dict[str, Any]:
    """Return the settings that weights were trained with, as far as their file says."""
    found = {name: loaded.settings[name] for name in _FROM_FILE if name in loaded.settings}
    found["target"] = "raw" if describe(loaded.network).gives == "mosaic" else "picture"
    found["balance"] = loaded.neutral is not None
    if describe(loaded.network).takes_clips and "clip" in loaded.settings:
        found["clip"] = loaded.settings["clip"]
    return found


def _amplified(asked: Mapping[str, Any]) -> bool:
    return "amplification" in asked or "m" in asked
