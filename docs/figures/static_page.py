"""Draw the static page for the pages: two photos that a browser has restored.

    python docs/figures/static_page.py WEIGHTS RAW_FILE [RAW_FILE ...]

It needs the extras onnx and dev, npm and chromium.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from playwright.sync_api import sync_playwright

from rawkit.webpage import write_webpage
from tests.support.fixtures_browser import CHROMIUM
from tests.support.webpages import folder_served

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playwright.sync_api import Browser

OUTPUT = Path(__file__).parents[1] / "how-to" / "static-page.jpg"
_SIZE = {"width": 1180, "height": 720}


def draw(browser: Browser, address: str, files: Sequence[Path], output: Path) -> None:
    """Choose files on the page at an address, wait for their pictures, and write what is seen."""
    page = browser.new_page(viewport=_SIZE, device_scale_factor=1, color_scheme="light")
    page.goto(address)
    page.locator("#threads", has_text="processor cores").wait_for()
    page.locator("#files").set_input_files(files)
    page.locator(".card .save:visible").nth(len(files) - 1).wait_for(timeout=300_000)
    page.wait_for_timeout(500)
    picture = Image.open(io.BytesIO(page.screenshot()))
    picture.convert("RGB").save(output, quality=85, optimize=True)
    page.close()


def main(weights: str, *files: str) -> None:
    """Draw the figure."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        made = write_webpage(Path(folder), Path(weights), accept_licence=True)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        with folder_served(made.folder) as address:
            draw(browser, address, [Path(one) for one in files], OUTPUT)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
