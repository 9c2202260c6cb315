"""What the page of the docs has scripts do, done; and its screenshot, drawn."""

from __future__ import annotations

import importlib
import json
import shlex
import shutil
import subprocess
import zipfile
from typing import TYPE_CHECKING

from PIL import Image

from tests.docs.pages import DOCS, blocks_of
from tests.support.paths import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from playwright.sync_api import Browser

    from tests.support.serving import Client

pytest_plugins = (
    "tests.support.fixtures_browser",
    "tests.support.fixtures_serve",
    "tests.support.fixtures_workspace",
)
PAGE = DOCS / "how-to" / "serve-a-page.md"
ADDRESS = "http://127.0.0.1:8484/"


def test_what_the_page_has_people_type_gets_pictures(
    client: Client, darks: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(darks[0], "dark.dng")
    lines = [one for block in blocks_of(PAGE) for one in block.text.splitlines()
             if one.startswith("$ curl ")]  # fmt: skip
    assert len(lines) == 5
    work = ""
    for line in lines:
        if "pictures.zip" in line:
            client.settled(work)
        text = line.removeprefix("$ ").replace(ADDRESS, client.address).replace("WORK", work)
        found = subprocess.run(shlex.split(text), check=True, capture_output=True)
        if "-X POST" in line:
            work = json.loads(found.stdout)["id"]
    with Image.open("picture.png") as picture:
        assert picture.size == (192, 128)
    with zipfile.ZipFile("pictures.zip") as archive:
        assert archive.namelist() == ["dark.png", "manifest.jsonl"]
        assert archive.read("dark.png") == (tmp_path / "picture.png").read_bytes()


def test_one_file_that_cannot_be_restored_is_answered_with_the_reason(
    client: Client, darks: list[Path]
) -> None:
    found = client.ask("api/restore?name=a.jpg", "POST", b"\xff\xd8\xff" + bytes(999))
    assert found.status == 415
    found = client.ask("api/restore?name=a.dng", "POST", darks[0].read_bytes()[:20_000])
    assert (found.status, found.json["error"]["kind"]) == (409, "truncated")


def test_the_screenshot_of_the_pages_can_be_drawn(
    browser: Browser, client: Client, darks: list[Path], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.syspath_prepend(REPOSITORY / "docs" / "figures")
    drawn = importlib.import_module("page")
    drawn.draw(browser, client.address, darks[:2], tmp_path / "page.jpg")
    with Image.open(tmp_path / "page.jpg") as new, Image.open(drawn.OUTPUT) as kept:
        assert new.size == kept.size
