"""Answers that say why not, and headers that every answer has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from rawkit.serve.board import problem_of
from rawkit.serve.schemas import ErrorBody
from rawkit.serve.words import Reason

if TYPE_CHECKING:
    from pydantic import BaseModel


class RefusedError(Exception):
    """A request that is answered with a reason.

    Parameters
    ----------
    status
        HTTP status.
    reason
        What to tell whoever asked.
    headers
        Headers besides.
    """

    def __init__(self, status: int, reason: Reason, headers: dict[str, str] | None = None) -> None:
        super().__init__(reason.title)
        self.status, self.reason, self.headers = status, reason, headers or {}
        self.name = ""
        """What the file is called that was refused, if it is about one."""
        self.size = 0
        """Bytes of it that had come."""

    def response(self) -> Response:
        """Return it as JSON."""
        body = ErrorBody(error=problem_of(self.reason))
        return JSONResponse(body.model_dump(), self.status, headers=self.headers)


def missing(what: str = "It") -> RefusedError:
    """Return the refusal of what is not there, or not any more."""
    return RefusedError(404, Reason(
        "missing", f"{what} is not here",
        "Perhaps it was deleted: files and pictures are kept for a limited time.",
    ))  # fmt: skip


def busy(what: str, text: str, seconds: int = 5) -> RefusedError:
    """Return the refusal of what can be asked for again later."""
    return RefusedError(429, Reason("busy", what, text), {"Retry-After": str(seconds)})


def answer(model: BaseModel, status: int = 200, headers: dict[str, Any] | None = None) -> Response:
    """Return a message as JSON."""
    return JSONResponse(model.model_dump(mode="json"), status, headers=headers)
