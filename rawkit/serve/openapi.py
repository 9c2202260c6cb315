"""The description of the API, OpenAPI 3.1, made from the routes and the messages.

Each route says here what it takes and answers; a test sees to it that none is left out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from pydantic.json_schema import models_json_schema

from rawkit import __version__
from rawkit.serve import schemas
from rawkit.serve.schemas import Wanted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel
    from starlette.routing import Route

_REF = "#/components/schemas/{model}"
_BINARY = {"type": "string", "format": "binary"}
_ANSWERS: dict[str, tuple[int, type[BaseModel] | str | None]] = {
    "about": (200, schemas.About),
    "describe": (200, "application/json"),
    "begin_work": (201, schemas.WorkView),
    "show_work": (200, schemas.WorkView),
    "delete_work": (204, None),
    "follow_work": (200, "text/event-stream"),
    "zip_work": (200, "application/zip"),
    "restore_one": (200, "image/*"),
    "upload": (201, schemas.PhotoView),
    "show_photo": (200, schemas.PhotoView),
    "delete_photo": (204, None),
    "show_thumbnail": (200, "image/jpeg"),
    "show_view": (200, "image/jpeg"),
    "ask_picture": (202, schemas.PictureView),
    "show_picture": (200, schemas.PictureView),
    "send_picture": (200, "image/*"),
    "show_holdings": (200, schemas.Holdings),
    "show_store": (200, schemas.StoreDetails),
    "show_frames": (200, schemas.Frames),
    "show_sheet": (200, "image/jpeg"),
    "take_frame": (201, schemas.PhotoView),
}
"""Name of the endpoint -> status of its answer, and what that holds."""
_BODIES: dict[str, type[BaseModel]] = {"ask_picture": Wanted, "take_frame": schemas.WantedFrame}
_FRACTION = {"type": "number", "minimum": 0, "maximum": 1}
_NAME = {"type": "string", "maxLength": 300}
_QUERIES: dict[str, dict[str, dict[str, Any]]] = {
    "upload": {
        "name": {**_NAME, "description": "Name of the file, where the body is the file itself."},
        "restore": {"type": "string", "enum": ["0", "1"], "default": "1",
                    "description": "0: only read it; pictures are asked for later."},
    },
    "restore_one": {
        "name": {**_NAME, "description": "Name of the file, where the body is the file itself."},
    },
    "show_view": {
        "side": {"type": "string", "enum": ["network", "plain", "truth", "picture"],
                 "default": "network"},
        "left": {**_FRACTION, "default": 0}, "top": {**_FRACTION, "default": 0},
        "right": {**_FRACTION, "default": 1}, "bottom": {**_FRACTION, "default": 1},
        "pixels": {"type": "integer", "minimum": 1000, "maximum": 4000000, "default": 600000},
        "picture": {**_NAME, "description": "The finished picture, for that side."},
    },
    "send_picture": {"inline": {"type": "string", "description": "Show it instead of saving it."}},
    "show_frames": {"scene": _NAME},
    "show_sheet": {"scene": _NAME},
}  # fmt: skip
_SETTINGS = {"upload", "restore_one", "show_view"}
"""Endpoints that take the fields of `Wanted` in the query."""
_REFUSALS = "Why not, in words."
_PATH = re.compile(r"\{(\w+)(?::\w+)?\}")


def description_of(routes: Sequence[Route]) -> dict[str, Any]:
    """Describe the API as OpenAPI has it."""
    modes: list[tuple[type[BaseModel], Literal["validation", "serialization"]]] = [
        (one, "serialization") for one in _models()
    ]
    _, found = models_json_schema(modes, ref_template=_REF)
    paths: dict[str, Any] = {}
    for route in routes:
        at = paths.setdefault(_PATH.sub(r"{\1}", route.path), {})
        method = "get" if "GET" in (route.methods or ()) else min(route.methods or ()).lower()
        at[method] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "rawkit serve", "version": __version__,
                 "description": "Raw files to pictures: post a file, follow it, get the picture."},
        "paths": paths,
        "components": {
            "schemas": found["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }  # fmt: skip


def _models() -> list[type[BaseModel]]:
    found = [one for _, one in _ANSWERS.values() if isinstance(one, type)]
    found += [*_BODIES.values(), schemas.ErrorBody]
    return sorted(set(found), key=lambda one: one.__name__)


def _operation(route: Route) -> dict[str, Any]:
    name = route.name
    status, holds = _ANSWERS[name]
    parameters = [
        {"name": one, "in": "path", "required": True, "schema": {"type": "string"}}
        for one in _PATH.findall(route.path)
    ]
    parameters += [
        {"name": one, "in": "query", "required": False, "schema": schema}
        for one, schema in {**_QUERIES.get(name, {}), **_settings(name)}.items()
    ]
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": (route.endpoint.__doc__ or "").strip().splitlines()[0],
        "parameters": parameters,
        "responses": {
            str(status): _answer(holds),
            "4XX": {"description": _REFUSALS, "content": _json(schemas.ErrorBody)},
            "507": {"description": "No room is left.", "content": _json(schemas.ErrorBody)},
        },
    }
    if name in _BODIES:
        operation["requestBody"] = {"required": True, "content": _json(_BODIES[name])}
    if name in ("upload", "restore_one"):
        form = {"type": "object", "required": ["file"], "properties": {"file": _BINARY}}
        operation["requestBody"] = {
            "required": True,
            "content": {"application/octet-stream": {"schema": _BINARY},
                        "multipart/form-data": {"schema": form}},
        }  # fmt: skip
    return operation


def _settings(name: str) -> dict[str, dict[str, Any]]:
    """Return the fields of `Wanted` as parameters of a query, where null is left out."""
    if name not in _SETTINGS:
        return {}
    found: dict[str, dict[str, Any]] = {}
    for field, schema in Wanted.model_json_schema()["properties"].items():
        kinds = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
        found[field] = {key: value for key, value in kinds[0].items() if key != "title"}
    return found


def _answer(holds: type[BaseModel] | str | None) -> dict[str, Any]:
    if holds is None:
        return {"description": "Done."}
    if isinstance(holds, str):
        schema: dict[str, Any] = {"type": "object"} if holds.endswith("json") else {}
        return {"description": "What was asked for.", "content": {holds: {"schema": schema}}}
    return {"description": (holds.__doc__ or "").strip(), "content": _json(holds)}


def _json(model: type[BaseModel]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _REF.format(model=model.__name__)}}}
