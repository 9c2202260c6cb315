"""Draw the page of `rawkit serve` for the pages: one photo, half plain, half restored.

    python docs/figures/page.py WEIGHTS RAW_FILE [RAW_FILE ...]

The first file is shown large. It needs the extras web and dev, and chromium.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from playwright.sync_api import sync_playwright

from rawkit.serve import ServeSettings
from rawkit.workspace import Workspace
from tests.support.fixtures_browser import CHROMIUM
from tests.support.serving import served

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playwright.sync_api import Browser

OUTPUT = Path(__file__).parents[1] / "how-to" / "page.jpg"
_SIZE = {"width": 1180, "height": 720}
_WIDTH = 1180


def draw(browser: Browser, address: str, files: Sequence[Path], output: Path) -> None:
    """Drop files on the page at an address, open the first one, and write what is seen."""
    page = browser.new_page(viewport=_SIZE, device_scale_factor=1, color_scheme="light")
    page.goto(address)
    page.locator("#files").set_input_files(files)
    page.locator(".card .save:visible").nth(len(files) - 1).wait_for(timeout=120_000)
    page.get_by_role("button", name=f"Open {files[0].name}").click()
    page.locator("#look.split:not(.drawing)").wait_for()
    page.locator("#look .tag.r", has_text="Restored").wait_for()
    page.wait_for_timeout(500)
    picture = Image.open(io.BytesIO(page.screenshot()))
    picture.convert("RGB").resize((_WIDTH, _SIZE["height"])).save(output, quality=85, optimize=True)
    page.close()


def main(weights: str, *files: str) -> None:
    """Draw the figure."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        settings = ServeSettings(Workspace(Path(folder)), (Path(weights),), port=0)
        with served(settings) as client:
            draw(browser, client.address, [Path(one) for one in files], OUTPUT)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
