"""The site of the pages: complete, its links lead somewhere, and it asks nobody for anything."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest

from tests.docs.pages import DOCS, PAGES, name_of, prose_of
from tests.support.paths import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from playwright.sync_api import Browser

pytest_plugins = ("tests.support.fixtures_browser",)


def build(root: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of a checkout strictly, as `make docs` does."""
    return subprocess.run(
        [Path(sys.executable).with_name("mkdocs"), "build", "--strict", "--site-dir", site],
        cwd=root, capture_output=True, text=True, check=False, env={"NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site."""
    folder = tmp_path_factory.mktemp("site")
    built = build(REPOSITORY, folder)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Serve the site, and return where."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site)) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


class Addresses(HTMLParser):
    """What a page of the site has its reader's browser fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        """Addresses of scripts, styles, pictures, frames and the like."""

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        """Take the addresses of a tag that is not a link for people to follow."""
        found = dict(attrs)
        if tag == "link" and "canonical" in (found.get("rel") or ""):
            return
        for name in ("src", "srcset", "data", "poster") + (() if tag == "a" else ("href",)):
            if address := found.get(name):
                self.fetched.append(address)


def test_every_page_of_the_folder_is_in_the_site(site: Path) -> None:
    for page in DOCS.rglob("*.md"):
        path = page.relative_to(DOCS).with_suffix("")
        built = site / "index.html" if path.name == "index" else site / path / "index.html"
        assert built.is_file(), name_of(page)
    assert not list(site.rglob("*.py"))


def test_no_page_fetches_anything_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        found = Addresses()
        found.feed(page.read_text("utf-8"))
        assert found.fetched
        for address in found.fetched:
            parts = urlsplit(address)
            assert parts.scheme in {"", "data"}, (page, address)
            assert not parts.netloc, (page, address)
            if parts.scheme == "" and parts.path:
                root = site if parts.path.startswith("/") else page.parent
                assert (root / unquote(parts.path).lstrip("/")).exists(), (page, address)


def test_no_style_fetches_anything_from_elsewhere(site: Path) -> None:
    styles = list(site.rglob("*.css"))
    assert styles
    for style in styles:
        text = style.read_text("utf-8")
        for address in re.findall(r"(?:url\(|@import\s*)[\"']?([^\"')]+)", text):
            assert not re.match(r"(https?:)?//", address), (style, address)


@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_asks_the_site_alone_and_nothing_is_cut_off(
    browser: Browser, address: str, width: int
) -> None:
    tab = browser.new_page(viewport={"width": width, "height": 800})
    seen: list[str] = []
    tab.on("request", lambda request: seen.append(request.url))
    tab.on("pageerror", lambda error: seen.append(str(error)))
    for page in ("", "explanation/architecture/", "explanation/stream/", "reference/errors/"):
        tab.goto(address + page)
        tab.wait_for_load_state("networkidle")
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, page
    assert len(seen) > 10
    assert [url for url in seen if not url.startswith(address)] == []
    tab.close()


def test_a_broken_link_and_a_page_without_a_place_fail_the_build(tmp_path: Path) -> None:
    shutil.copy(REPOSITORY / "mkdocs.yml", tmp_path)
    shutil.copytree(DOCS, tmp_path / "docs", ignore=shutil.ignore_patterns("figures"))
    with (tmp_path / "docs" / "index.md").open("a", encoding="utf-8") as page:
        page.write("\n[nowhere](how-to/nowhere.md) and [no part](how-to/train.md#nowhere)\n")
    (tmp_path / "docs" / "lost.md").write_text("# Lost\n", "utf-8")
    built = build(tmp_path, tmp_path / "site")
    assert built.returncode != 0
    for word in ("how-to/nowhere.md", "#nowhere", "lost.md"):
        assert word in built.stderr, word


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_between_pages_lead_somewhere_on_a_code_host_too(page: Path) -> None:
    for target, part in re.findall(r"\]\(([^)#\s]*)(#[^)]*)?\)", prose_of(page)):
        if re.match(r"[a-z]+:", target):
            continue
        found = page.parent / target if target else page
        assert found.exists(), target
        if part and found.suffix == ".md":
            titles = re.findall(r"^#+ (.+)$", found.read_text("utf-8"), re.MULTILINE)
            assert part[1:] in {slug(title) for title in titles}, target + part


def slug(title: str) -> str:
    """Return the name of a title's part of its page, as code hosts and the site make it."""
    words = re.sub(r"[^\w\s-]", "", title.replace("`", "").lower())
    return re.sub(r"\s+", "-", words.strip())
