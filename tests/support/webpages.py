"""A folder served as people serve it, and a page of it in a real browser."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page


class _Quiet(SimpleHTTPRequestHandler):
    """What ``python -m http.server`` answers with, without its log."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Isolating(_Quiet):
    """A server that sends the headers which the page's own ``_headers`` names."""

    def end_headers(self) -> None:
        """Add them."""
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()


@contextmanager
def folder_served(folder: Path, *, isolating: bool = False) -> Iterator[str]:
    """Serve a folder on this machine; yields its address."""
    handler = partial(_Isolating if isolating else _Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@contextmanager
def page_opened(
    browser: Browser, address: str, *, workers: bool = True, isolated: bool = False
) -> Iterator[Page]:
    """Open a page in a window of its own; nothing may leave the machine, nothing may fail.

    Without `workers` no service worker may run, as in private windows; `isolated` tells whether the
    server allows threads by itself.
    """
    context = browser.new_context(
        viewport={"width": 1100, "height": 800}, service_workers="allow" if workers else "block"
    )
    page = context.new_page()
    asked: list[str] = []
    errors: list[str] = []
    context.on("request", lambda one: asked.append(one.url))
    page.on("pageerror", lambda one: errors.append(str(one)))
    page.on("console", lambda one: errors.append(one.text) if "Content Sec" in one.text else None)
    page.goto(address)
    told = "processor cores" if workers or isolated else "one processor core"
    page.locator("#threads", has_text=told).wait_for()
    yield page
    context.close()
    hosts = {urlsplit(one).netloc for one in asked if not one.startswith(("blob:", "data:"))}
    assert hosts == {urlsplit(address).netloc}
    assert not errors
