"""A folder served as people serve it, and a page of it in a real browser."""

from __future__ import annotations

import io
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from rawkit.pictures import quantise
from rawkit.restore import decode_single, restore_single

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray
    from playwright.sync_api import Browser, Page

    from rawkit.restore import Restorer


REAL = (
    "Blackmagic_BMPCC_lowlight_GBRG.dng", "CANON_EOS_D30_5s.CRW", "CANON_G2_CRW_0304.CRW",
    "CANON_S40_CRW_0101.CRW", "KODAK_DC120_P003911_compressed.KDC", "RAW_KODAK_DC50.KDC",
)  # fmt: skip
QUICK = REAL[-2:]
"""Of a megapixel and less."""


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
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
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


def restored(page: Page, path: Path) -> NDArray[np.uint8]:
    """Choose a file, wait for its picture, save it."""
    count = page.locator(".card").count()
    page.locator("#files").set_input_files(path)
    card = page.locator(".card").nth(count)
    card.locator(".remove:visible").wait_for(timeout=120_000)
    with page.expect_download() as waiting:
        card.locator(".save").click(timeout=2000)
    assert waiting.value.suggested_filename == f"{path.stem}.png"
    picture = Image.open(io.BytesIO(waiting.value.path().read_bytes()))
    assert picture.info["icc_profile"]
    return np.asarray(picture)


def expected(path: Path, restorer: Restorer) -> NDArray[np.unsignedinteger]:
    """Return the picture of `rawkit restore`."""
    return quantise(restore_single(decode_single(path), restorer), 8)


def differs(found: NDArray[Any], wanted: NDArray[Any]) -> int:
    """Return by how much pictures differ at most, of 255."""
    assert found.shape == wanted.shape
    return int(np.abs(found.astype(int) - wanted.astype(int)).max())
