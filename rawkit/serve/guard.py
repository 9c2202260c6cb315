"""Who may ask, from where, and how often; and what browsers may do with the answers."""

from __future__ import annotations

import hmac
import time
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse

from rawkit.serve.answers import RefusedError, busy
from rawkit.serve.words import Reason

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from rawkit.serve.settings import ServeSettings

COOKIE = "rawkit-token"
_SAFE = {"GET", "HEAD", "OPTIONS"}
_LOCAL_NAMES = {"localhost", "127.0.0.1", "::1"}
_CLIENTS = 10_000
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}


class Guard:
    """Stands before the application.

    Parameters
    ----------
    app
        The application.
    settings
        Token and limits.
    """

    def __init__(self, app: ASGIApp, settings: ServeSettings) -> None:
        self._app, self._settings = app, settings
        self._buckets: dict[str, tuple[float, float]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            redirect = self._check(scope)
        except RefusedError as error:
            await error.response()(scope, receive, headed)
            return
        await (self._app if redirect is None else redirect)(scope, receive, headed)

    def _check(self, scope: Scope) -> RedirectResponse | None:
        headers = Headers(scope=scope)
        self._rate(scope)
        self._host(headers)
        if scope["method"] not in _SAFE:
            self._origin(headers)
        return self._token(scope, headers)

    def _rate(self, scope: Scope) -> None:
        """Let each client ask so often on average, and so many times at once."""
        limits, now = self._settings.limits, time.monotonic()
        client = (scope.get("client") or ("",))[0]
        left, since = self._buckets.get(client, (float(limits.burst), now))
        left = min(limits.burst, left + (now - since) * limits.rate)
        if left < 1:
            raise busy("Too many requests", "Wait a moment and try again.", 1)
        if len(self._buckets) > _CLIENTS:
            self._buckets.clear()
        self._buckets[client] = left - 1, now

    def _host(self, headers: Headers) -> None:
        """Refuse names that lead here by a trick: pages elsewhere could ask us otherwise."""
        if self._settings.token is not None or self._settings.behind_proxy:
            return
        name = urlsplit(f"//{headers.get('host', '')}").hostname
        if name not in _LOCAL_NAMES | {self._settings.host}:
            raise RefusedError(421, Reason(
                "host", "This server does not go by that name",
                "Open the address that `rawkit serve` has printed.",
            ))  # fmt: skip

    def _origin(self, headers: Headers) -> None:
        """Refuse requests that change something and come from pages elsewhere."""
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        ours = origin is None or urlsplit(origin).netloc == headers.get("host")
        if not ours or site not in (None, "same-origin", "none"):
            raise RefusedError(403, Reason(
                "origin", "The request comes from another page",
                "Use the page of this server itself.",
            ))  # fmt: skip

    def _token(self, scope: Scope, headers: Headers) -> RedirectResponse | None:
        """Ask for the token: in a header, a cookie, or once in the address for a cookie."""
        wanted = self._settings.token
        if wanted is None:
            return None
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        given = [headers.get("authorization", "").removeprefix("Bearer ").strip()]
        given += [] if cookie is None else [cookie.value]
        if any(_same(one, wanted) for one in given):
            return None
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        if any(name == "token" and _same(value, wanted) for name, value in query):
            rest = urlencode([one for one in query if one[0] != "token"])
            # One slash at the beginning: two would lead to another host.
            path = "/" + scope["path"].lstrip("/\\")
            answer = RedirectResponse(f"{path}?{rest}" if rest else path, 303)
            answer.set_cookie(COOKIE, wanted, httponly=True, samesite="strict")
            return answer
        raise RefusedError(401, Reason(
            "token", "This server asks for its token",
            "Open the address that it has printed, which ends in ?token=...; scripts send "
            "`Authorization: Bearer TOKEN`.",
        ), {"WWW-Authenticate": "Bearer"})  # fmt: skip


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
