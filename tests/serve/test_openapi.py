"""The description of the API is true, and nothing that fits it breaks the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from rawkit.serve.app import ROUTES
from rawkit.serve.openapi import description_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.serving import Client

pytest_plugins = ("tests.support.fixtures_serve", "tests.support.fixtures_workspace")

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)
"""Not whether all that fits is taken: settings that exclude each other fit, too."""
OPERATIONS = [
    (path, method)
    for path, methods in description_of(ROUTES)["paths"].items()
    for method in methods
]


def test_every_request_is_described() -> None:
    found = description_of(ROUTES)
    assert {route.path for route in ROUTES} == set(found["paths"])
    assert sum(len(one) for one in found["paths"].values()) == len(ROUTES)
    for methods in found["paths"].values():
        for one in methods.values():
            assert one["summary"].endswith(".")
    for one in found["components"]["schemas"].values():
        for name, field in one.get("properties", {}).items():
            assert field.get("description"), (one["title"], name)


@pytest.fixture(scope="module")
def things(client: Client, darks: list[Path]) -> dict[str, str]:
    """Make what requests can be about."""
    work = client.new_work()
    client.upload(work, "dark.ARW", darks[0].read_bytes())
    photo = client.settled(work)["dark.ARW"]
    return {"work": work, "photo": photo["id"], "picture": photo["pictures"][0]["id"],
            "store": "sid"}  # fmt: skip


@pytest.fixture(scope="module")
def described(client: Client) -> Any:
    """Load the description from the server itself."""
    return schemathesis.openapi.from_url(f"{client.address}api/openapi.json")


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=lambda one: one.strip("/"))
def test_no_request_breaks_the_server(
    described: Any, things: dict[str, str], path: str, method: str
) -> None:
    operation = described[path][method.upper()]
    name = operation.definition.raw["operationId"]

    @given(case=operation.as_strategy(), known=st.booleans())
    @settings(max_examples=6, derandomize=True, suppress_health_check=[*HealthCheck])
    def check(case: Any, known: bool) -> None:  # noqa: FBT001 - of hypothesis
        # Half of the requests are about what is there, and stays; news of it would never end.
        if known and not name.startswith(("delete", "follow")):
            for one in case.path_parameters or {}:
                case.path_parameters[one] = things[one]
        case.call_and_validate(checks=CHECKS, headers={"Connection": "close"})

    check()
