"""What a training is asked for, and all settings that follow from it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rawkit.errors import UsageError
from rawkit.models import FAMILY, NETWORKS, describe, variant_with
from rawkit.stream import CLIP_LIVE_WINDOWS
from rawkit.train.data import default_crop, default_steps, ratio_to_estimate
from rawkit.train.differing import differences
from rawkit.train.memory import fit_memory
from rawkit.train.mend_fields import STORED
from rawkit.train.mending import with_mending
from rawkit.train.recipes import find_recipe
from rawkit.train.settings import MS_SSIM_MIN_CROP, TrainSettings
from rawkit.train.short_fields import SHORTS
from rawkit.train.shorts import with_shorts, with_texts
from rawkit.train.start import EPOCHS, LEAST_STEPS, check_start, with_start
from rawkit.train.teacher import with_teacher

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rawkit.train.data import TrainData

MAX_RAM = 3 * 10**9
"""Bytes that each process of a training may use unless told otherwise."""
FREE = frozenset({"steps", "learning_rate", "clip_norm", "accumulate", "recompute"})
"""Settings that may change when a run is resumed."""
CLIP = 16
"""Frames of a clip, of a network that takes clips, unless told otherwise: as published."""
RAW_NETWORK = "raw-unet"
"""Network that is trained from raw to raw unless told otherwise."""
_SIGMA = "-sigma"
"""What the name of a network ends in that is told the noise."""
_CROPS_PER_WINDOW = 2
"""Clips taken from each window: half of what is taken of frames, as all are in memory at once."""
_BLOCK_SIDE = 384
"""Mosaic pixels a side of the patches that are read at once."""
_PARTS = ("residual", "depth", "width")
"""What may be asked of a network beside its name."""


def settings_for(
    subset: str,
    data: TrainData,
    changes: Mapping[str, Any],
    recipe: str | None = None,
    max_ram: int = MAX_RAM,
    ranks: int = 1,
) -> TrainSettings:
    """Return the settings of a new run: defaults, then the recipe, then the changes.

    Raises
    ------
    UsageError
        If they make no sense together.
    """
    published = find_recipe(recipe) if recipe else None
    changes = with_start(changes, recipe)
    values = dict(published.values) if published else {}
    values |= _without_m(changes, str(values.get("amplification", "auto")))
    if published:
        values["recipe"] = published.name
    values = with_shorts(with_teacher(_for_patches(_for_raw(_for_clips(values, ranks)))))
    values = with_mending(values, data)
    if "crop" not in values:
        values["crop"] = default_crop(data, augment=values.get("augment", True))
    if values["crop"] < MS_SSIM_MIN_CROP:
        values.setdefault("ms_ssim_weight", 0.0)
    settings = TrainSettings(subset=subset, **{"steps": 1, **values})
    if "steps" not in values:
        epochs, least = (EPOCHS, LEAST_STEPS) if settings.init else (40, 1000)
        steps = default_steps(data, settings, epochs, least)
        if published and published.crops_per_long:
            steps = math.ceil(published.crops_per_long * data.longs / settings.batch_size)
        settings = replace(settings, steps=steps)
    settings = replace(settings, ratio_to_estimate=ratio_to_estimate(data, settings))
    fixed = {"accumulate", "recompute"} & set(changes)
    return fit_memory(settings, data, max_ram, ranks=ranks, fixed=fixed)


def wants_clips(changes: Mapping[str, Any], recipe: str | None) -> bool:
    """Tell whether a training that is asked for is one on clips.

    Raises
    ------
    UsageError
        If there is no such recipe or network.
    """
    changes = with_start(changes, recipe)
    values = {**(find_recipe(recipe).values if recipe else {}), **changes}
    return bool(_for_clips(values, 1).get("clip", 1) > 1)


def wants_raw(changes: Mapping[str, Any], recipe: str | None) -> bool:
    """Tell whether a training that is asked for is one from raw to raw.

    Raises
    ------
    UsageError
        If there is no such recipe or network.
    """
    changes = with_start(changes, recipe)
    values = {**(find_recipe(recipe).values if recipe else {}), **changes}
    return bool(_for_raw(values).get("target") == "raw")


def wants_shorts(changes: Mapping[str, Any]) -> str:
    """Tell where the dark frames of a training that is asked for come from.

    Raises
    ------
    UsageError
        If there are no such ones.
    """
    found = str(changes.get("shorts") or "real")
    if found not in SHORTS:
        raise UsageError(f"shorts {found!r}", expected=", ".join(SHORTS))
    return found


def _for_raw(values: Mapping[str, Any]) -> dict[str, Any]:
    """Add what a network that gives mosaics is trained by, where nothing else is asked for."""
    found = dict(values)
    if found.pop("sigma_map", None):
        found["network"] = _told(found.get("network", RAW_NETWORK))
    if "target" not in found and "network" in found:
        found["target"] = "raw" if describe(found["network"]).gives == "mosaic" else "picture"
    if found.get("target") == "raw":
        usual = {"network": RAW_NETWORK, "ms_ssim_weight": 0.0, "amplification": "ratio"}
        found = {**usual, **found}
        found.setdefault("k_sigma", describe(found["network"]).stabilised)
    return found


def _told(network: str) -> str:
    """Return the name of a network that is told the noise, of that without or its own."""
    if describe(network).takes_sigma:
        return network
    told = f"{network}{_SIGMA}"
    if told not in NETWORKS:
        raise UsageError(
            f"a sigma map for {network}", expected=f"{RAW_NETWORK}, or no --sigma-map",
        )  # fmt: skip
    return told


def _for_clips(values: Mapping[str, Any], ranks: int) -> dict[str, Any]:
    """Add what a network that takes clips is trained by, where nothing else is asked for."""
    found = dict(values)
    if found.get("clip", 1) > 1 or any(found.get(part) for part in _PARTS):
        found.setdefault("network", FAMILY)
    found = _with_variant(found, found.get("network", ""))
    if "network" in found and describe(found["network"]).takes_clips:
        usual = {"clip": CLIP, "batch_size": ranks, "ms_ssim_weight": 0.0}
        found = {**usual, **found}
    if found.get("clip", 1) > 1:
        usual = {"crops_per_window": _CROPS_PER_WINDOW, "live_windows": CLIP_LIVE_WINDOWS}
        found = {**usual, **found}
    return found


def _for_patches(values: Mapping[str, Any]) -> dict[str, Any]:
    """Add what a training on patches in a grid is done by, where nothing else is asked for.

    Of frames as they are, as only those are covered exactly; patches of a square of about 384
    pixels are read at once.
    """
    found = dict(values)
    if found.get("stride") and "crop" in found:
        side = max(1, 1 + (_BLOCK_SIDE - found["crop"]) // found["stride"])
        found = {"augment": False, "crops_per_window": side**2, **found}
    return found


def _with_variant(values: Mapping[str, Any], network: str) -> dict[str, Any]:
    """Put `residual`, `depth` and `width` into the name of the network, which has them."""
    found = {name: value for name, value in values.items() if name not in _PARTS}
    parts = {name: values[name] for name in _PARTS if values.get(name) is not None}
    if parts:
        found["network"] = variant_with(found.get("network", network), **parts)
    return found


def resumed_settings(
    saved: TrainSettings, changes: Mapping[str, Any], recipe: str | None
) -> TrainSettings:
    """Keep a run's settings; only what `FREE` names may change, and where its files lie."""
    changes = check_start(saved, changes)
    asked = with_texts(_with_variant(_without_m(changes, saved.amplification), saved.network))
    if asked.pop("sigma_map", None):
        asked["network"] = _told(str(asked.get("network", saved.network)))
    if recipe is not None:
        asked["recipe"] = recipe
    wanted = {**saved.as_dict(), **asked}
    for name in {"milestones", "freeze"} & asked.keys():
        wanted[name] = list(asked[name])
    files = {name for name in ("teacher", "profile", "mend") if getattr(saved, name)}
    free = FREE | files
    for name in files & {name for name, value in asked.items() if value}:
        if (name, asked[name]) != ("mend", STORED):
            asked[name] = str(Path(asked[name]).absolute())
    changed = differences(saved.as_dict(), wanted, free)
    if changed:
        raise UsageError(
            f"another training with --resume: {', '.join(changed)}",
            expected="the settings the run was begun with",
            fix="Begin another run to change them; only --steps, --lr, --clip-norm, --accumulate "
            "and --recompute may change.",
        )
    return replace(saved, **{name: value for name, value in asked.items() if name in free})


def _without_m(changes: Mapping[str, Any], amplification: str) -> dict[str, Any]:
    """Put the value for `m`, a multiple of the estimate, where the settings have it."""
    values = dict(changes)
    if "m" not in values:
        return values
    kind = values.get("amplification", "auto" if amplification == "number" else amplification)
    if kind != "auto":
        raise UsageError(f"--m with an amplification by {kind}", expected="--amplify auto")
    values["amplification_value"] = values.pop("m")
    return values
