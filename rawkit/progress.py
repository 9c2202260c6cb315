"""How long-running functions say how far they are, without knowing who listens."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager


class Advance(Protocol):
    """Called with the units done since the last call, and a short note to show beside the bar."""

    def __call__(self, done: int = 1, note: str = "") -> None:
        """Advance by `done` units."""


class Progress(Protocol):
    """Shows stages of work; the command line draws bars, the default is silent."""

    def stage(self, label: str, total: int | None, unit: str) -> AbstractContextManager[Advance]:
        """Open a stage of `total` units (None: unknown)."""


class Silent:
    """Shows nothing."""

    @contextmanager
    def stage(self, label: str, total: int | None, unit: str) -> Iterator[Advance]:  # noqa: ARG002 - the protocol's
        """Open a stage that nobody sees."""
        yield _ignore


def _ignore(done: int = 1, note: str = "") -> None:
    """Drop the news."""


SILENT: Progress = Silent()
