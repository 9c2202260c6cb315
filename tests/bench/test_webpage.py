"""The static page on all real files: how far from `rawkit restore`, and how long it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.webpages import REAL, differs, expected, folder_served, page_opened, restored

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

    from rawkit.restore import Restorer
    from rawkit.webpage import Webpage

pytestmark = pytest.mark.bench
pytest_plugins = ("tests.support.fixtures_browser", "tests.support.fixtures_webpage")


def test_pictures_of_all_real_cameras(
    browser: Browser, webpage: Webpage, real_data: Path, restorer: Restorer
) -> None:
    wanted = {name: expected(real_data / name, restorer) for name in REAL}
    for isolating in (False, True):
        print(f"\n{'as many threads as cores' if isolating else 'one thread'}, Chromium:")
        with (
            folder_served(webpage.folder, isolating=isolating) as address,
            page_opened(browser, address, workers=False, isolated=isolating) as page,
        ):
            assert page.evaluate("crossOriginIsolated") is isolating
            for name in REAL:
                found = restored(page, real_data / name)
                most, share = differs(found, wanted[name]), float((found != wanted[name]).mean())
                told = page.locator(".status").last.inner_text()
                print(f"  {name}: {told}; at most {most} of 255, {share:.3%} of values differ")
                assert most <= 1
