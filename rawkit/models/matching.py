"""Which network a set of named parameters belongs to."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import torch

from rawkit.errors import WeightsError
from rawkit.models.folding import fold_weight_norm
from rawkit.models.registry import build, describe, names_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from torch import Tensor

PREFIXES = ("_orig_mod.", "module.")
"""What compiled and parallel networks put before the names they save."""

_PUBLISHED_SUFFIXES = {
    "weight_g": "parametrizations.weight.original0",
    "weight_v": "parametrizations.weight.original1",
    "weight": "weight",
    "bias": "bias",
}
_SHOWN = 3


@dataclass(frozen=True)
class LayerMatch:
    """A network whose every parameter is there, in its shape, and nothing else."""

    network: str
    """Name in the registry."""
    state_dict: "Mapping[str, Tensor]"
    """The parameters under our names."""
    published: bool
    """Whether they came under the published names."""
    folded: bool
    """Whether weight norm is folded into the weights."""


def match(state: "Mapping[str, Tensor]", stated: str | None = None) -> LayerMatch | None:
    """Find the network that `state` fits; only `stated` is tried if it is given.

    Parameters
    ----------
    state
        Parameter name, ours or published, -> values.
    stated
        Name of the network in the registry, or None.

    Returns
    -------
    LayerMatch or None
        None if no network has just these names and shapes; `misfit` then says why.
    """
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    for network in _candidates(state, stated):
        ours = our_names(network, state)
        renamed = {ours[name]: shape for name, shape in shapes.items()}
        for folded in (False, True):
            # Two names that became one leave fewer than there were.
            if renamed == expected_shapes(network, folded=folded) and len(renamed) == len(state):
                return LayerMatch(
                    network=network,
                    state_dict={ours[name]: value for name, value in state.items()},
                    published=any(ours[name] != name for name in state),
                    folded=folded,
                )
    return None


def misfit(state: "Mapping[str, Tensor]", stated: str | None, source: object) -> WeightsError:
    """Return the error that says why `match` found nothing.

    Parameters
    ----------
    state, stated
        As for `match`.
    source
        The file, for the message.
    """
    network, folded = _nearest(state, stated)
    expected = expected_shapes(network, folded=folded)
    ours = our_names(network, state)
    found = {ours[name]: tuple(value.shape) for name, value in state.items()}
    if not found.keys() & expected.keys():
        return WeightsError(
            f"parameters of no known network: {_some(state)}",
            expected=f"those of {' or '.join(_candidates(state, stated))}, such as "
            f"{_some(expected)}",
            where=source,
        )
    twice = sorted({name for name in ours.values() if list(ours.values()).count(name) > 1})
    if twice:
        return WeightsError(
            f"parameters that do not fit {network}: {_some(twice)} twice, under two names",
            expected=f"its {len(expected)} parameters and no others",
            where=source,
        )
    missing = expected.keys() - found.keys()
    unknown = found.keys() - expected.keys()
    if missing or unknown:
        parts = [f"{len(missing)} missing: {_some(sorted(missing))}"] if missing else []
        parts += [f"{len(unknown)} unknown: {_some(sorted(unknown))}"] if unknown else []
        return WeightsError(
            f"parameters that do not fit {network} ({'; '.join(parts)})",
            expected=f"its {len(expected)} parameters and no others",
            where=source,
        )
    differing = [name for name, shape in found.items() if shape != expected[name]]
    return WeightsError(
        f"{len(differing)} parameters of other shapes than in {network}: "
        + _some(f"{name} {found[name]}" for name in differing),
        expected=_some(f"{name} {expected[name]}" for name in differing),
        where=source,
    )


@cache
def expected_shapes(network: str, *, folded: bool) -> "dict[str, tuple[int, ...]]":
    """Return the shape of every parameter of a network of the registry, by our names.

    Parameters
    ----------
    network
        Name in the registry.
    folded
        Whether weight norm is folded into the weights.
    """
    # Not on the "meta" device: its arithmetic loads sympy, 85 MB that stay.
    with torch.random.fork_rng(devices=[]):
        net = build(network)
    if folded:
        fold_weight_norm(net)
    return {name: tuple(value.shape) for name, value in net.state_dict().items()}


def parameter_names(network: str) -> tuple[str, ...]:
    """Return the names of the parameters of a network that is trained, ours, in their order."""
    return tuple(expected_shapes(network, folded=False))


def parts_of(network: str) -> tuple[str, ...]:
    """Return the parts of a network of the registry: what its parameters' names begin with.

    Raises
    ------
    UsageError
        If there is no such network.
    """
    return tuple(dict.fromkeys(name.partition(".")[0] for name in parameter_names(network)))


def our_names(network: str, names: "Iterable[str]") -> dict[str, str]:
    """Return our name of each parameter; a name that is not a published one stays.

    Parameters
    ----------
    network
        Name in the registry.
    names
        Parameter names, ours or published.
    """
    modules = describe(network).published_modules
    ours = {}
    for name in names:
        module, _, suffix = name.rpartition(".")
        known = module in modules and suffix in _PUBLISHED_SUFFIXES
        ours[name] = f"{modules[module]}.{_PUBLISHED_SUFFIXES[suffix]}" if known else name
    return ours


def _candidates(state: "Mapping[str, Tensor]", stated: str | None) -> tuple[str, ...]:
    if stated is not None:
        return (stated,)
    return names_for({name: tuple(value.shape) for name, value in state.items()})


def _nearest(state: "Mapping[str, Tensor]", stated: str | None) -> tuple[str, bool]:
    """Return the network, and whether folded, that shares the most names with `state`."""

    def differing(choice: tuple[str, bool]) -> int:
        network, folded = choice
        names = set(our_names(network, state).values())
        return len(names ^ expected_shapes(network, folded=folded).keys())

    choices = [
        (network, folded) for network in _candidates(state, stated) for folded in (False, True)
    ]
    return min(choices, key=differing)


def _some(names: "Iterable[str]") -> str:
    """Join the first few names."""
    listed = list(names)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more
