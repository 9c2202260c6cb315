"""One step of training: forward, loss, backward, in pieces, on one device or several."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from rawkit.models import Unet3d, build, describe, packed_planes, padding_for
from rawkit.sensor import BAYER
from rawkit.stream import mosaic_of
from rawkit.train.average import MovingAverage
from rawkit.train.critic import Adversary
from rawkit.train.losses import Loss
from rawkit.train.schedule import rate_at
from rawkit.train.start import begins, start_state
from rawkit.train.teacher import Teacher

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
        self._teacher = Teacher(settings, fabric.device) if settings.teacher else None
        about = describe(settings.network)
        self._takes_clips, self._multiple = about.takes_clips, about.multiple
        torch.manual_seed(settings.seed)
        self.net: nn.Module = build(settings.network)
        """The network itself, whatever wraps it."""
        if isinstance(self.net, Unet3d):
            self.net.recompute = settings.recompute
        for name, parameter in self.net.named_parameters():
            if any(begins(name, part) for part in settings.freeze):
                parameter.requires_grad = False
        trained = [one for one in self.net.parameters() if one.requires_grad]
        optimizer = torch.optim.Adam(trained, lr=settings.learning_rate)
        self._module, self._optimizer = fabric.setup(self.net, optimizer)
        self.average = MovingAverage(self.net, settings.ema) if settings.ema else None
        """Moving average of the weights, if one is kept."""
        # Last, so that a network begins with the same weights with a critic and without.
        self.adversary = Adversary(settings, fabric) if settings.gan_weight else None
        """The critic that it is trained against, if there is one."""
        self._critic_loss = 0.0
        self._learned_from: Adversary | None = None

    def begin(self) -> None:
        """Begin with the weights that the settings name, if any.

        Raises
        ------
        MissingError, WeightsError, TrainingError
            If they cannot be used.
        """
        if not self._settings.init:
            return
        state = start_state(self._settings)
        self.net.load_state_dict(state)
        if self.average is not None:
            self.average.load(self.net.state_dict())

    def load(self, state: TrainState) -> None:
        """Go on where a checkpoint stands."""
        self.net.load_state_dict(dict(state.model))
        self._optimizer.load_state_dict(dict(state.optimizer))
        if self.average is not None:
            self.average.load(state.average or state.model)
        if self.adversary is not None:
            self.adversary.load(state.critic)
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
        adversary = self.adversary
        if adversary is not None and not adversary.takes_part(step):
            adversary = None
        if adversary is not None:
            adversary.begin(step, len(batch.planes))
        total, first = 0.0, 0
        for number, (planes, target) in enumerate(pieces, start=1):
            share = len(planes) / len(batch.planes)
            with self.fabric.no_backward_sync(self._module, enabled=number < len(pieces)):
                if adversary is None:
                    total += self._learn(planes, target, share)
                else:
                    total += self._learn_judged(adversary, planes, target, first, share)
            first += len(planes)
        self._learned_from = adversary
        self._critic_loss = 0.0 if adversary is None else adversary.meet()
        return total

    def wrong(self, loss: float) -> str:
        """Say which loss of the step is no number; empty if all are."""
        for name, value in (("the loss", loss), ("the critic's loss", self._critic_loss)):
            if not math.isfinite(value):
                return f"{name} is {value}"
        return ""

    def _learn(self, planes: Tensor, target: Tensor, share: float) -> float:
        """Add the gradients of a piece, such a share of its batch; returns its loss times that."""
        restored = self._restored(planes)
        if planes.ndim != _CLIPS:
            loss = self._loss(restored.float(), target) * share
            if self._teacher is not None:
                taught = self._loss(restored.float(), self._teacher.pictures(planes))
                loss = loss + self._settings.teacher_weight * share * taught
            self.fabric.backward(loss)
            return float(loss.detach())
        value, gradient = self._loss.of_clips(restored.float(), target)
        self.fabric.backward(restored, gradient=(gradient * share).to(restored.dtype))
        return value * share

    def _learn_judged(
        self, adversary: Adversary, planes: Tensor, target: Tensor, first: int, share: float
    ) -> float:
        """Do the same with a critic, which learns too; `first` is the piece's first crop."""
        restored = self._restored(planes)
        shown = restored.detach().float()
        clips = planes.ndim == _CLIPS
        value, gradient = (self._loss.of_clips if clips else self._loss.of_pictures)(shown, target)
        if self._teacher is not None:
            taught, its = self._loss.of_pictures(shown, self._teacher.pictures(planes))
            weight = self._settings.teacher_weight
            value, gradient = value + weight * taught, gradient.add_(its, alpha=weight)
        more, its_gradient = adversary.judge(shown, planes, first, share)
        gradient = gradient.add_(its_gradient).mul_(share)
        self.fabric.backward(restored, gradient=gradient.to(restored.dtype))
        del restored, gradient, its_gradient  # before the critic takes memory of its own
        adversary.learn(shown, target, planes, first, share)
        return (value + more) * share

    def _restored(self, planes: Tensor) -> Tensor:
        """Pictures of a piece, (B, 3, H, W), of clips (B, 3, T, H, W)."""
        if planes.ndim != _CLIPS:
            mosaic = mosaic_of(planes)
            height, width = mosaic.shape[-2:]
            padding = padding_for(height, width, (0, 0), self._multiple)
            if padding.padded_height == padding.height:
                pictures: Tensor = self._module(mosaic)
            else:
                pictures = padding.cut(self._module(padding.apply(mosaic)))  # of any even side
            return packed_planes(pictures, BAYER) if self._settings.target == "raw" else pictures
        if self._takes_clips:
            restored: Tensor = self._module(planes)
            return restored
        # Frame by frame.
        mosaics = mosaic_of(planes.transpose(1, 2).flatten(0, 1))
        pictures = self._module(mosaics)
        shape = (len(planes), -1, *pictures.shape[1:])
        return pictures.reshape(shape).transpose(1, 2)

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
        if self._learned_from is not None:
            self._learned_from.update()
        if self.average is not None:
            self.average.update(self.net, step)

    def warning(self) -> str:
        """Say it, once, if the critic has been of no use for long; empty else."""
        return "" if self.adversary is None else self.adversary.watch.warning()

    def metrics(self) -> dict[str, float | None]:
        """Return what is written down of the critic; nothing without one."""
        return {} if self.adversary is None else self.adversary.watch.metrics()

    def is_finite(self) -> bool:
        """Tell whether every weight is a number."""
        critic = self.adversary is None or self.adversary.is_finite()
        return critic and all(
            bool(parameter.isfinite().all()) for parameter in self.net.parameters()
        )

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

    def critic_state(self) -> dict[str, Any]:
        """State of the critic and of its optimizer; empty without one."""
        return {} if self.adversary is None else self.adversary.state()

    def scaler_state(self) -> Mapping[str, Any]:
        """State of the loss scaler; empty but with fp16."""
        state: Mapping[str, Any] = self.fabric.strategy.precision.state_dict()
        return state


def _on_cpu(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu() for name, value in state.items()}
