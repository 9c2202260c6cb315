"""What people do in a browser without a mouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from playwright.sync_api import Page


def choose_by_keyboard(page: Page, files: Sequence[Path]) -> None:
    """Press Enter on the button that has the focus, and choose files in what it opens.

    Of what is opened by keyboard, newer versions of Chromium tell Playwright nothing.
    """
    field = page.locator("input[type=file]").first
    field.evaluate("one => one.addEventListener('click', () => { one.dataset.asked = 1; })")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('input[type=file]').dataset.asked")
    field.set_input_files(files)
