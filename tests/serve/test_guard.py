"""Who may ask, from where, how often, and what browsers may do with the answers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rawkit.errors import UsageError
from rawkit.serve import Limits, ServeSettings
from rawkit.workspace import Workspace
from tests.support.serving import served

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.serving import Client

pytest_plugins = ("tests.support.fixtures_serve", "tests.support.fixtures_workspace")

TOKEN = "correct-horse-battery"  # noqa: S105 - of a test


def test_a_page_elsewhere_cannot_ask(client: Client) -> None:
    own = client.address.rstrip("/")
    assert client.ask("api/works", "POST", b"", origin=own).status == 201
    assert client.ask("api/works", "POST", b"", origin="http://evil.example").status == 403
    assert client.ask("api/works", "POST", b"", origin="null").status == 403
    assert client.ask("api/works", "POST", b"", sec_fetch_site="cross-site").status == 403
    # A name that leads here by a trick, as in DNS rebinding.
    assert client.ask("api/about", host="evil.example").status == 421
    assert client.ask("api/about", host="localhost:1").status == 200


@pytest.mark.parametrize("path", ["", "api/about", "api/none", "assets/page.js", "work/none"])
def test_every_answer_forbids_framing_and_foreign_scripts(client: Client, path: str) -> None:
    headers = client.ask(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "path",
    ["assets/../app.py", "assets/%2e%2e%2fapp.py", "assets/..%2f..%2f__init__.py", "assets/none.js",
     "assets/page.html.j2", "workspace/reports/../../etc/passwd", "api/works/../works/none",
     "api/works/%2e%2e/photos/x"],
)  # fmt: skip
def test_names_are_no_paths(client: Client, path: str) -> None:
    found = client.ask(path)
    assert found.status == 404
    assert found.json["error"]["title"]


def test_a_token_is_asked_for_and_kept_in_a_cookie(
    serve_settings: ServeSettings, tmp_path: Path
) -> None:
    settings = replace(serve_settings, workspace=Workspace(tmp_path), token=TOKEN)
    with served(settings) as client:
        assert client.ask("api/about").status == 401
        assert client.ask("assets/page.js").status == 401
        assert client.ask("?token=wrong-horse-battery").status == 401
        assert client.ask("api/about", authorization=f"Bearer {TOKEN}").status == 200
        assert client.ask("api/about", authorization=f"Bearer {TOKEN}x").status == 401
        first = client.ask(f"//evil.example/?token={TOKEN}&a=b")
        assert first.status == 303
        assert first.headers["location"] == "/evil.example/?a=b"
        cookie = first.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        kept = cookie.partition(";")[0]
        assert client.ask("api/about", cookie=kept).status == 200
        assert client.ask("api/about", cookie="rawkit-token=no").status == 401


def test_a_client_that_asks_too_much_waits(serve_settings: ServeSettings, tmp_path: Path) -> None:
    limits = Limits(burst=20, rate=2.0, photos=1, works=3)
    settings = replace(serve_settings, workspace=Workspace(tmp_path), limits=limits)
    with served(settings) as client:
        work = client.new_work()
        assert client.upload(work, "a.dng", b"II*\0", restore=0).status == 201
        full = client.upload(work, "b.dng", b"II*\0", restore=0)
        assert full.status == 409
        for _ in range(2):
            client.new_work()
        assert client.ask("api/works", "POST", b"").status == 429
        answers = [client.ask("api/about") for _ in range(30)]
        late = [one for one in answers if one.status == 429]
        assert late
        assert all(int(one.headers["retry-after"]) > 0 for one in late)


def test_other_machines_may_connect_only_by_a_token_or_a_proxy(
    serve_settings: ServeSettings,
) -> None:
    for host in ("0.0.0.0", "192.168.1.2", "::", "night.example"):  # noqa: S104 - refused
        with pytest.raises(UsageError, match="without a token"):
            replace(serve_settings, host=host)
        replace(serve_settings, host=host, token=TOKEN)
        replace(serve_settings, host=host, behind_proxy=True)
    for host in ("127.0.0.1", "localhost", "::1", "127.1.2.3"):
        assert replace(serve_settings, host=host).is_local
    with pytest.raises(UsageError, match="a short token"):
        replace(serve_settings, token="short")  # noqa: S106 - of a test
    with pytest.raises(UsageError, match="odd characters"):
        replace(serve_settings, token="a token; with spaces")  # noqa: S106 - likewise
    with pytest.raises(UsageError, match="--max-ram"):
        replace(serve_settings, max_ram=10**9)
    with pytest.raises(UsageError, match="no weights"):
        replace(serve_settings, weights=())
