"""A real browser without a window.

A test module asks for it by ``pytest_plugins = ("tests.support.fixtures_browser",)``.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start a real browser without a window."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking",
                  "--disable-component-update", "--disable-sync", "--no-first-run"],
        )  # fmt: skip
        yield started
        started.close()


def choose_by_keyboard(page: Page, files: Sequence[Path]) -> None:
    """Press Enter on the button that has the focus, and choose files in what it opens.

    Of what is opened by keyboard, newer versions of Chromium tell Playwright nothing.
    """
    field = page.locator("input[type=file]").first
    field.evaluate("one => one.addEventListener('click', () => { one.dataset.asked = 1; })")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('input[type=file]').dataset.asked")
    field.set_input_files(files)
