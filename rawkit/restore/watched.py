"""A network whose steps somebody else sees: to show how far it is, to let others go first, to stop.

A picture of 12 MP takes some seconds in some tens of steps. Between two of them the watcher is
called, in the thread that restores.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from rawkit.errors import UsageError
from rawkit.models import Staged

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawkit.restore.restorer import Restorer


class _Watched(nn.Module):
    """Hands everything on; a module, so that its parameters say where it computes."""

    def __init__(self, net: Staged, step: Callable[[int], None]) -> None:
        super().__init__()
        self._net, self._step = net, step

    @property
    def geometry(self) -> Any:
        return self._net.geometry

    def squeeze(self, mosaic: Tensor) -> Tensor:
        self._step(0)
        return self._net.squeeze(mosaic)

    def look_far(self, squeezed: Tensor) -> Tensor:
        self._step(0)
        return self._net.look_far(squeezed)

    def render(self, mosaic: Tensor, features: Tensor) -> Tensor:
        self._step(mosaic.shape[-2] * mosaic.shape[-1])
        return self._net.render(mosaic, features)


def watched(restorer: Restorer, step: Callable[[int], None]) -> Restorer:
    """Return a restorer that calls `step` before each part of its work.

    `step` is told the pixels of the tile that comes next, halo included; 0 for what is not done in
    tiles. If it raises, the picture in work is dropped and the error comes through.

    Raises
    ------
    UsageError
        If the network does not run in stages.
    """
    if not isinstance(restorer.net, Staged):
        raise UsageError(f"a {type(restorer.net).__name__}", expected="a prepared network")
    return replace(restorer, net=_Watched(restorer.net, step))
