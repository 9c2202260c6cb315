"""Weight norm in and out: a norm and a direction per channel while training, one weight after."""

from typing import TypeVar

from torch import nn
from torch.nn.utils import parametrize

Net = TypeVar("Net", bound=nn.Module)


def is_folded(net: nn.Module) -> bool:
    """Return whether no layer of `net` computes its weight anew at each call."""
    return not any(parametrize.is_parametrized(module) for module in net.modules())


def fold_weight_norm(net: Net) -> Net:
    """Replace every weight-normed weight by its product, in place.

    The output stays the same to rounding; the parameters become fewer by one for each output
    channel, so an optimiser made before no longer fits. A network that is folded already stays
    as it is.

    Returns
    -------
    nn.Module
        `net` itself.
    """
    for module in net.modules():
        if parametrize.is_parametrized(module, "weight"):
            _own_class(module)
            parametrize.remove_parametrizations(module, "weight")
    return net


def _own_class(module: nn.Module) -> None:
    """Give a parametrised module a class that no copy of it shares.

    The computed weight is a property of a class made for the module. A deep copy shares that
    class, and removing the property for the one would take the weight from the other.
    """
    shared = type(module)
    module.__class__ = type(shared.__name__, shared.__bases__, dict(shared.__dict__))
