"""A trained network whose pictures are a further target of a training: distillation.

Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network" (2015), for pictures: what
is restored is compared with the teacher's picture as it is with the long exposure, by the same
losses. The teacher is shown the same crops; it learns nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from rawkit.errors import MissingError, TrainingError, UsageError
from rawkit.files import sha256_of
from rawkit.models import describe, load_network, load_weights, prepare
from rawkit.sensor import REFERENCE_NEUTRAL
from rawkit.stream import mosaic_of

if TYPE_CHECKING:
    from torch import Tensor

    from rawkit.train.settings import TrainSettings


class Teacher:
    """The network that some settings name, ready to be asked.

    Raises
    ------
    MissingError, WeightsError
        If its file is not there, or holds something else.
    TrainingError
        If its file is another one than the training was begun with.
    """

    def __init__(self, settings: TrainSettings, device: torch.device) -> None:
        path = Path(settings.teacher)
        net, _ = load_network(path, expect=settings.teacher_network)
        if sha256_of(path) != settings.teacher_digest:
            raise TrainingError(
                "another teacher than the run was begun with",
                expected=f"a file with the SHA-256 {settings.teacher_digest}",
                where=path,
                fix="Name the file it was begun with by --teacher, wherever it lies now.",
            )
        self._net = prepare(net, device=device)

    @torch.no_grad()
    def pictures(self, planes: Tensor) -> Tensor:
        """Return its pictures, float32 (B, 3, H, W), of amplified planes (B, 4, H/2, W/2)."""
        found: Tensor = self._net(mosaic_of(planes).float())
        return found.float().contiguous()


def with_teacher(values: dict[str, Any]) -> dict[str, Any]:
    """Add to the fields of a new run's settings what follows from the file of its teacher, if any.

    Raises
    ------
    MissingError, WeightsError
        If the file is not there, or holds no weights.
    UsageError
        If it cannot teach: it takes clips, reads another kind of mosaic, wants other sides or
        grey in another place than the network that is trained.
    """
    if not values.get("teacher"):
        return values
    path = Path(values["teacher"]).absolute()
    if not path.exists():
        raise MissingError("no such file", expected="weights of a trained network", where=path)
    loaded = load_weights(path)
    about = describe(loaded.network)
    neutral = REFERENCE_NEUTRAL if values.get("balance") else None
    if loaded.neutral != neutral:
        raise UsageError(
            "a teacher whose planes are "
            + ("not balanced" if neutral else "balanced")
            + ", and a training whose planes are"
            + ("" if neutral else " not"),
            expected="both alike: the teacher is shown the same crops",
            where=path,
            fix="Leave --balance out." if neutral else "Use --balance.",
        )
    if about.takes_clips or about.cell != describe(values.get("network", "lamba2021")).cell:
        raise UsageError(
            f"{loaded.network} as a teacher",
            expected="a network that takes single mosaics of the same kind",
            where=path,
        )
    return {
        **values,
        "teacher": str(path),
        "teacher_network": loaded.network,
        "teacher_digest": sha256_of(path),
        "teacher_licence": loaded.licence or "",
    }
