"""The critic's part of a step: it judges what was restored, and learns to judge better.

Within a step network and critic stand still: first both gradients are added up, piece by piece, of
one and the same state, then both change. So neither pieces nor processes change what is learnt, but
for rounding. Nothing here depends on what else is in a piece, and what dropout leaves is a function
of seed, step and the crop's place in the batch.

Clips are judged frame by frame, each with its own mosaic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from rawkit.train.critic.networks import build_critic, renew_norms
from rawkit.train.critic.objectives import OBJECTIVES
from rawkit.train.critic.watch import Verdict, Watch
from rawkit.train.schedule import share_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lightning_fabric import Fabric
    from torch import Tensor

    from rawkit.train.settings import TrainSettings

_BETAS = (0.5, 0.999)
"""Of the critic's Adam, as is usual since Radford, Metz and Chintala (ICLR 2016)."""
_PURPOSE = 0x637269746963
"""Sets the numbers drawn here apart from others of the same seed."""
_CLIPS = 5
"""Axes of a batch of clips."""


class Adversary:
    """A critic, its optimizer, and how it fares; float32 whatever the network computes in.

    Parameters
    ----------
    settings
        Of the training; its `gan_weight` is above 0.
    fabric
        Device and processes. The critic is not wrapped: its gradients are averaged here, once.
    """

    def __init__(self, settings: TrainSettings, fabric: Fabric) -> None:
        self._settings, self._fabric = settings, fabric
        self.critic = build_critic(
            settings.critic, conditional=settings.critic_conditional
        ).to(fabric.device)  # fmt: skip
        """The critic."""
        self._optimizer = torch.optim.Adam(
            self.critic.parameters(), lr=settings.critic_rate, betas=_BETAS
        )
        self._objective = OBJECTIVES[settings.critic_objective]
        self.watch = Watch()
        """How it fares."""
        self._kept: Tensor | None = None
        self._sums = [0.0, 0.0, 0.0]

    def takes_part(self, step: int) -> bool:
        """Tell whether step number `step`, from 0, comes after the warm-up."""
        return step >= self._settings.critic_warmup

    def begin(self, step: int, crops: int) -> None:
        """Begin step number `step`, from 0, on so many crops of this process."""
        for group in self._optimizer.param_groups:
            group["lr"] = self._settings.critic_rate * share_at(self._settings, step)
        self._optimizer.zero_grad(set_to_none=True)
        renew_norms(self.critic)
        self._kept = self._drawn(step, crops)
        self._sums = [0.0, 0.0, 0.0]

    def judge(
        self, restored: Tensor, planes: Tensor, first: int, share: float
    ) -> tuple[float, Tensor]:
        """Return the network's adversarial loss of a piece, weighed, and its gradient.

        Parameters
        ----------
        restored
            What the network made, (B, 3, H, W) or of clips (B, 3, T, H, W), float32.
        planes
            What it made that of, (B, 4, H / 2, W / 2) or (B, 4, T, H / 2, W / 2).
        first
            Place of the piece's first crop among those of this process, from 0.
        share
            Which part of the batch of this process the piece is.
        """
        weight = self._settings.gan_weight
        total, gradients = 0.0, []
        for count, frame, mosaic, kept in self._frames(restored, planes, first):
            seen = frame.detach().requires_grad_()
            loss = self._objective.fooled(self._word(seen, mosaic, kept)).mean() / count
            (gradient,) = torch.autograd.grad(loss, seen)
            gradients.append(gradient.mul_(weight))
            total += float(loss.detach())
        self._sums[0] += total * share
        whole = gradients[0] if restored.ndim != _CLIPS else torch.stack(gradients, 2)
        return weight * total, whole

    def learn(
        self, restored: Tensor, target: Tensor, planes: Tensor, first: int, share: float
    ) -> None:
        """Add the critic's own gradients of a piece; shapes as for `judge`."""
        pairs = zip(
            self._frames(restored.detach(), planes, first),
            self._frames(target, planes, first),
            strict=True,
        )
        for (count, fake, mosaic, kept), (_, real, _, _) in pairs:
            part = share / count
            self._add(fake, mosaic, kept, part, real=False)
            self._add(real, mosaic, kept, part, real=True)

    def meet(self) -> float:
        """Average gradients and losses over all processes; returns the critic's loss."""
        parameters = list(self.critic.parameters())
        if self._fabric.world_size > 1:
            found = [one.grad for one in parameters if one.grad is not None]
            sums = torch.tensor(self._sums, dtype=torch.float32, device=self._fabric.device)
            flat = torch.cat([*(one.flatten() for one in found), sums])
            mean = self._fabric.all_reduce(flat, reduce_op="mean")
            assert isinstance(mean, torch.Tensor)  # noqa: S101 - as what went in
            *parts, sums = torch.split(mean, [*(one.numel() for one in found), len(sums)])
            for one, part in zip(found, parts, strict=True):
                one.copy_(part.view_as(one))
            self._sums = sums.tolist()
        return self._sums[1]

    def update(self) -> None:
        """Change the critic by its gradients."""
        self._optimizer.step()
        self.watch.see(Verdict(*self._sums))

    def is_finite(self) -> bool:
        """Tell whether every weight is a number."""
        return all(bool(one.isfinite().all()) for one in self.critic.parameters())

    def state(self) -> dict[str, Any]:
        """State of the critic and of its optimizer."""
        model = {name: one.detach().cpu() for name, one in self.critic.state_dict().items()}
        return {"model": model, "optimizer": self._optimizer.state_dict()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on where a checkpoint stands."""
        self.critic.load_state_dict(dict(state["model"]))
        self._optimizer.load_state_dict(dict(state["optimizer"]))

    def _add(
        self, picture: Tensor, mosaic: Tensor, kept: Tensor | None, part: float, *, real: bool
    ) -> None:
        """Add the gradients of pictures of one kind, which count by `part`."""
        objective, penalty = self._objective, self._settings.critic_r1 if real else 0.0
        picture = picture.detach().requires_grad_(penalty > 0)
        word = self._word(picture, mosaic, kept)
        loss = (objective.real(word) if real else objective.restored(word)).mean()
        if penalty:
            loss = loss + 0.5 * penalty * _slope(word, picture)
        torch.autograd.backward(loss * part)
        right = word > objective.threshold if real else word < objective.threshold
        self._sums[1] += float(loss.detach()) * part
        self._sums[2] += 0.5 * float(right.float().mean()) * part

    def _word(self, picture: Tensor, mosaic: Tensor, kept: Tensor | None) -> Tensor:
        """Ask the critic of pictures; returns (B, places)."""
        seen = 2 * picture - 1
        if self._settings.critic_conditional:
            beside = mosaic.clamp(0, 1).repeat_interleave(2, -1).repeat_interleave(2, -2)
            seen = torch.cat([seen, 2 * beside - 1], 1)
        found: Tensor = self.critic(seen, kept)
        return found

    def _frames(
        self, pictures: Tensor, planes: Tensor, first: int
    ) -> Iterator[tuple[int, Tensor, Tensor, Tensor | None]]:
        """Yield how many frames there are, each, its mosaic's planes and what dropout leaves."""
        if pictures.ndim != _CLIPS:
            yield 1, pictures, planes, self._kept_of(first, len(pictures), 0)
            return
        count = pictures.shape[2]
        for time in range(count):
            kept = self._kept_of(first, len(pictures), time)
            yield count, pictures[:, :, time], planes[:, :, time], kept

    def _kept_of(self, first: int, count: int, time: int) -> Tensor | None:
        return None if self._kept is None else self._kept[first : first + count, time]

    def _drawn(self, step: int, crops: int) -> Tensor | None:
        """Draw what dropout leaves of the hidden numbers, (crops, frames, hidden)."""
        hidden = self.critic.hidden
        if not hidden:
            return None
        share = 1 - getattr(self.critic, "DROPPED", 0.0)
        settings, ranks = self._settings, self._fabric.world_size
        generator = np.random.default_rng([_PURPOSE, settings.seed, step])
        shape = (crops * ranks, settings.clip, hidden)
        kept = (generator.random(shape, dtype=np.float32) < share).astype(np.float32) / share
        # The samples of a batch are dealt to the processes in turn.
        mine = kept[self._fabric.global_rank :: ranks]
        return torch.from_numpy(mine.astype(np.float32)).to(self._fabric.device)


def _slope(word: Tensor, picture: Tensor) -> Tensor:
    """Squared gradient of what a critic says by the pixels, a mean over pictures and places.

    Mescheder, Geiger and Nowozin, "Which training methods for GANs do actually converge?" (ICML
    2018), R1: of a critic with one number a picture. With several it is divided by their number, so
    that it does not grow with the crop.
    """
    (gradient,) = torch.autograd.grad(word.sum(), picture, create_graph=True)
    return gradient.square().sum() / word.numel()
