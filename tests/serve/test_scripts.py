"""What the page of the docs has scripts do, done; and its screenshot, drawn."""

from __future__ import annotations

import importlib
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

    from tests.support.fixtures_serve import Client

pytest_plugins = (
    "tests.support.fixtures_browser",
    "tests.support.fixtures_serve",
    "tests.support.fixtures_workspace",
)
PAGE = DOCS / "how-to" / "serve-a-page.md"
ADDRESS = "http://127.0.0.1:8484/"


def test_curl_gets_one_picture(
    client: Client, darks: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(darks[0], "dark.dng")
    (line,) = [one for block in blocks_of(PAGE) for one in block.text.splitlines()
               if one.startswith("$ curl ")]  # fmt: skip
    command = shlex.split(line.removeprefix("$ ").replace(ADDRESS, client.address))
    subprocess.run(command, check=True, capture_output=True)
    assert Image.open("picture.png").size == (192, 128)
    found = client.ask("api/restore?name=a.jpg", "POST", b"\xff\xd8\xff" + bytes(999))
    assert found.status == 415
    found = client.ask("api/restore?name=a.dng", "POST", darks[0].read_bytes()[:20_000])
    assert (found.status, found.json["error"]["kind"]) == (409, "truncated")


def test_the_code_of_the_page_gets_a_zip(
    client: Client, darks: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data" / "mid"
    folder.mkdir(parents=True)
    for number in range(2):
        shutil.copy(darks[number], folder / f"{number}.cr2")
    (code,) = [one.text for one in blocks_of(PAGE) if one.language == "python"]
    exec(code.replace(ADDRESS.rstrip("/"), client.address.rstrip("/")), {})  # noqa: S102 - our page
    with zipfile.ZipFile("pictures.zip") as archive:
        assert archive.namelist() == ["0.png", "1.png", "manifest.jsonl"]


def test_the_screenshot_of_the_pages_can_be_drawn(
    browser: Browser, client: Client, darks: list[Path], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.syspath_prepend(REPOSITORY / "docs" / "figures")
    drawn = importlib.import_module("page")
    drawn.draw(browser, client.address, darks[:2], tmp_path / "page.jpg")
    with Image.open(tmp_path / "page.jpg") as new, Image.open(drawn.OUTPUT) as kept:
        assert new.size == kept.size
