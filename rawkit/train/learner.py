"""One step of training: forward, loss, backward, in pieces, on one device or several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from rawkit.models import Unet3d, build, describe, packed_planes
from rawkit.sensor import BAYER
from rawkit.stream import mosaic_of
from rawkit.train.average import MovingAverage
from rawkit.train.losses import Loss
from rawkit.train.schedule import rate_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lightning_fabric import Fabric
    from torch import Tensor, nn

    from rawkit.stream import TensorBatch
    from rawkit.train.checkpoint import TrainState
    from rawkit.train.settings import TrainSettings


_CLIPS = 5
"""Axes of a batch of clips."""


class Learner:
    """A network, its optimizer, and what else changes with every step."""

    def __init__(self, settings: TrainSettings, fabric: Fabric) -> None:
        self._settings, self.fabric = settings, fabric
        self._loss = Loss(settings).to(fabric.device)
        self._takes_clips = describe(settings.network).takes_clips
        torch.manual_seed(settings.seed)
        self.net: nn.Module = build(settings.network)
        """The network itself, whatever wraps it."""
        if isinstance(self.net, Unet3d):
            self.net.recompute = settings.recompute
        optimizer = torch.optim.Adam(self.net.parameters(), lr=settings.learning_rate)
        self._module, self._optimizer = fabric.setup(self.net, optimizer)
        self.average = MovingAverage(self.net, settings.ema) if settings.ema else None
        """Moving average of the weights, if one is kept."""

    def load(self, state: TrainState) -> None:
        """Go on where a checkpoint stands."""
        self.net.load_state_dict(dict(state.model))
        self._optimizer.load_state_dict(dict(state.optimizer))
        if self.average is not None:
            self.average.load(state.average or state.model)
        if state.scaler:
            self.fabric.strategy.precision.load_state_dict(dict(state.scaler))

    def gradients(self, batch: TensorBatch, step: int) -> float:
        """Compute the gradients of step number `step`, from 0; returns this process's loss."""
        self._module.train()
        for group in self._optimizer.param_groups:
            group["lr"] = rate_at(self._settings, step)
        self._optimizer.zero_grad(set_to_none=True)
        pieces = list(zip(*(one.tensor_split(self._settings.accumulate)
                            for one in (batch.planes, batch.target)), strict=True))  # fmt: skip
        pieces = [piece for piece in pieces if len(piece[0])]
        total = 0.0
        for number, (planes, target) in enumerate(pieces, start=1):
            with self.fabric.no_backward_sync(self._module, enabled=number < len(pieces)):
                total += self._learn(planes, target, len(planes) / len(batch.planes))
        return total

    def _learn(self, planes: Tensor, target: Tensor, share: float) -> float:
        """Add the gradients of a piece, such a share of its batch; returns its loss times that."""
        if planes.ndim != _CLIPS:
            restored = self._module(mosaic_of(planes))
            if self._settings.target == "raw":
                restored = packed_planes(restored, BAYER)
            loss = self._loss(restored.float(), target) * share
            self.fabric.backward(loss)
            return float(loss.detach())
        if self._takes_clips:
            restored = self._module(planes)
        else:  # frame by frame
            mosaics = mosaic_of(planes.transpose(1, 2).flatten(0, 1))
            pictures = self._module(mosaics)
            shape = (len(planes), -1, *pictures.shape[1:])
            restored = pictures.reshape(shape).transpose(1, 2)
        value, gradient = self._loss.of_clips(restored.float(), target)
        self.fabric.backward(restored, gradient=(gradient * share).to(restored.dtype))
        return value * share

    def update(self, step: int) -> None:
        """Change the weights by the gradients; `step` counts the steps done with it, from 1."""
        if self._settings.clip_norm:
            self.fabric.clip_gradients(
                self._module,
                self._optimizer,
                max_norm=self._settings.clip_norm,
                error_if_nonfinite=False,  # the next loss tells, with its step
            )
        self._optimizer.step()
        if self.average is not None:
            self.average.update(self.net, step)

    def is_finite(self) -> bool:
        """Tell whether every weight is a number."""
        return all(bool(parameter.isfinite().all()) for parameter in self.net.parameters())

    def best_net(self) -> nn.Module:
        """Return the network to validate and restore with: of the average, if there is one."""
        if self.average is None:
            return self.net
        net = build(self._settings.network).to(self.fabric.device)
        net.load_state_dict(self.average.state)
        return net

    def weights(self) -> dict[str, Tensor]:
        """State of the network on the CPU."""
        return _on_cpu(self.net.state_dict())

    def best_weights(self) -> dict[str, Tensor]:
        """State of the network to restore with on the CPU."""
        return _on_cpu(self.net.state_dict() if self.average is None else self.average.state)

    def optimizer_state(self) -> Mapping[str, Any]:
        """State of the optimizer."""
        state: Mapping[str, Any] = self._optimizer.state_dict()
        return state

    def scaler_state(self) -> Mapping[str, Any]:
        """State of the loss scaler; empty but with fp16."""
        state: Mapping[str, Any] = self.fabric.strategy.precision.state_dict()
        return state


def _on_cpu(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu() for name, value in state.items()}
