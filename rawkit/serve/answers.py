"""Answers that say why not, and headers that every answer has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError
from starlette.responses import JSONResponse, Response

from rawkit.serve.board import problem_of
from rawkit.serve.schemas import ErrorBody
from rawkit.serve.words import Reason

if TYPE_CHECKING:
    from pydantic import BaseModel
    from starlette.requests import Request

_BODY_BYTES = 10_000


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


_Body = TypeVar("_Body", bound="BaseModel")


async def read_body(request: Request, model: type[_Body]) -> _Body:
    """Read a message from the body of a request.

    Raises
    ------
    RefusedError
        If it is too long, or not such a message.
    """
    body = bytearray()
    async for data in request.stream():
        body += data
        if len(body) > _BODY_BYTES:
            raise usage("The request is too long", "It holds a few settings.")
    try:
        return model.model_validate_json(bytes(body) or b"{}")
    except ValidationError as error:
        raise invalid(error) from None


def usage(title: str, text: str) -> RefusedError:
    """Return the refusal of a request that was made wrong."""
    return RefusedError(422, Reason("usage", title, text))


def invalid(error: ValidationError) -> RefusedError:
    """Return the refusal of settings that cannot be used: the first that is wrong."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(one) for one in first["loc"])
    return usage("A setting cannot be used", f"{where}: {first['msg']}." if where else first["msg"])


def answer(model: BaseModel, status: int = 200, headers: dict[str, Any] | None = None) -> Response:
    """Return a message as JSON."""
    return JSONResponse(model.model_dump(mode="json"), status, headers=headers)
